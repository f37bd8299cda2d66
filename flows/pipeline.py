"""A pipeline: its configuration, read from one YAML file, and its surroundings.

The only reader of the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from expectations.marked_yaml import MarkedYaml
from flows.pipeline_config import PipelineConfig
from flows.secrets import Secrets
from flows.yaml_file import build, read_yaml
from tasks.core.errors import ConfigError
from tasks.core.executor import IN_TURN, Executor
from tasks.core.keys import digest
from tasks.core.store import Store
from tasks.features import own
from tasks.validate.config import SuiteSource

SHIPPED = Path(__file__).parent / "pipelines"
_SHIPPED_SUITES = Path(__file__).parents[1] / "expectations" / "suites"
_OF_NO_TABLE = {"retention", "compute"}  # what may change while the tables stay the same
_NOTIFY = ("monitoring", "notify")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Pipeline:
    """A pipeline's configuration with what it needs from its surroundings.

    Args:
        config: the configuration.
        file: the YAML file it was read from.
        folder: what its relative paths are relative to.
        suites: suite file of each table that has one.
        secrets: value of each `${NAME}` the file mentions and the environment tells.
        executor: where partitions are computed (`flows.compute`).
    """

    config: PipelineConfig
    file: MarkedYaml
    folder: Path
    suites: Mapping[str, SuiteSource]
    secrets: Mapping[str, SecretStr]
    executor: Executor = IN_TURN

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.config.name

    @cached_property
    def store(self) -> Store:
        """The store its runs write to."""
        return Store(self.folder / self.config.store)

    @cached_property
    def digest(self) -> str:
        """Digest of the configuration, the suites and its own functions; of secrets the names."""
        return digest(
            {
                "config": self.config.model_dump(
                    mode="json", by_alias=True, exclude={"retention", "compute"}
                ),
                "suites": {table: suite.text for table, suite in self.suites.items()},
                "functions": {
                    name: own.digest(name, self.folder) for name in self.config.features.functions
                },
            }
        )

    def zone(self) -> ZoneInfo:
        """The timezone of its business dates."""
        return ZoneInfo(self.config.timezone)

    def columns(self, table: str) -> tuple[str, ...]:
        """The declared columns of a source."""
        return tuple(self.config.sources[table].columns)

    def missing_secrets(self) -> list[str]:
        """The variables a run waits for and the environment does not tell."""
        named = (name for path, name in _variables(self.file.content) if path[:2] != _NOTIFY)
        return [name for name in dict.fromkeys(named) if name not in self.secrets]

    def unheard(self) -> list[str]:
        """Who is not told of anything, for the environment lacks their address; a sentence each."""
        return [
            f"{each.secret} is not set: nobody is told there of {', '.join(each.on)}"
            for each in self.config.monitoring.notify
            if each.secret not in self.secrets
        ]

    def check_secrets(self) -> None:
        """Hold that every variable the file mentions has a value, save addresses of notices.

        Raises:
            ConfigError: the first that has none, with its line.
        """
        for path, name in _variables(self.file.content):
            if name not in self.secrets and path[:2] != _NOTIFY:
                raise ConfigError(
                    f"a value for ${{{name}}}",
                    found="no environment variable of that name",
                    where=f"{self.file.where(*path)} ({'.'.join(map(str, path))})",
                    do=f"Set it: export {name}=…; or {name}_FILE to a file that holds it, or "
                    f"{name}_BLOCK to the name of a Secret block of Prefect.",
                )


def variable(name: str) -> str | None:
    """The value of an environment variable that is no pipeline's; None where it is not set."""
    return os.environ.get(name)


def variables() -> dict[str, str]:
    """All environment variables, as a process that is started is given them."""
    return dict(os.environ)


@contextmanager
def environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Give variables a value while the block runs, where the environment gives none."""
    given = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(given)
    try:
        yield
    finally:
        for name in given:
            os.environ.pop(name, None)


@contextmanager
def told(values: Mapping[str, str]) -> Iterator[None]:
    """Give variables these values while the block runs, whatever the environment gives."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def load(name: str) -> Pipeline:
    """Read a pipeline by its file's path, or by its name.

    Args:
        name: a path that ends in .yaml or .yml; or a name, looked for as `NAME.yaml` here, in
            `pipelines/`, in `lamplighter-demo/`, and among the shipped ones.

    Raises:
        ConfigError: there is no such file, or it does not fit its schema.
    """
    path = find(name)
    file = read_yaml(path)
    config = build(PipelineConfig, file)
    # A shipped file lies among the packages; what it calls `drops/` is where the user stands.
    folder = Path.cwd() if path.parent == SHIPPED else path.parent.absolute()
    suites = {
        table: _read_suite(file, folder, table, suite)
        for table, suite in config.expectations.items()
    }
    secrets = Secrets((name for _, name in _variables(file.content)), os.environ)
    return Pipeline(config, file, folder, suites, secrets)


def find(name: str) -> Path:
    """The file a pipeline's name or path stands for.

    Raises:
        ConfigError: there is none; the places that were looked at are named.
    """
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    places = [Path(), Path("pipelines"), Path("lamplighter-demo"), SHIPPED]
    candidates = [place / f"{name}.yaml" for place in places]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ConfigError(
        "a pipeline file",
        found=f"none called {name!r}",
        where=", ".join(str(candidate) for candidate in candidates),
        do="Give the path of your pipeline file, or make one from retail.yaml.",
    )


def _read_suite(file: MarkedYaml, folder: Path, table: str, suite: str) -> SuiteSource:
    candidates = [folder / suite, folder / "expectations" / suite, _SHIPPED_SUITES / suite]
    for candidate in candidates:
        if candidate.is_file():
            return SuiteSource(str(candidate), candidate.read_text(encoding="utf-8"))
    raise ConfigError(
        "a suite file",
        found="no such file: " + ", ".join(map(str, candidates)),
        where=f"{file.where('expectations', table)} (expectations.{table})",
        do="Mend the path, or leave the table out.",
    )


def _variables(
    content: Any, path: tuple[str | int, ...] = ()
) -> list[tuple[tuple[str | int, ...], str]]:
    if isinstance(content, str):
        return [(path, name) for name in _VARIABLE.findall(content)]
    children = (
        content.items()
        if isinstance(content, Mapping)
        else enumerate(content)
        if isinstance(content, (list, tuple))
        else ()
    )
    return [found for key, child in children for found in _variables(child, (*path, key))]
