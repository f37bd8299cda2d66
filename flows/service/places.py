"""Where a service keeps what it knows: `.lamplighter/` in the folder of the pipeline files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tasks.core.errors import ConfigError
from tasks.core.files import write_over

PIPELINES = "pipelines"  # the folder beside the state that may hold the files as well
_KEYS = ("name", "sources", "event")


@dataclass(frozen=True, slots=True)
class Running:
    """What a service that is up says of itself.

    Args:
        pid: process id of its supervisor.
        api_url: address of the Prefect API.
        own_server: whether the server is the service's own, and goes down with it.
        password_file: where the password is kept that was drawn for it; empty where it has another
            or none.
        guarded: whether its own server asks for a password.
    """

    pid: int
    api_url: str
    own_server: bool
    password_file: str = ""
    guarded: bool = False

    @property
    def ui_url(self) -> str:
        """Address of the UI."""
        return self.api_url.removesuffix("/api")


@dataclass(frozen=True, slots=True)
class Places:
    """The files of a service.

    Args:
        folder: the folder of the pipeline files.
    """

    folder: Path

    @property
    def state(self) -> Path:
        """The folder with everything below."""
        return self.folder / ".lamplighter"

    @property
    def lock(self) -> Path:
        """Held by the supervisor while it lives."""
        return self.state / "service.lock"

    @property
    def home(self) -> Path:
        """Prefect's own folder: its database, its leases."""
        return self.state / "prefect"

    @property
    def schedules(self) -> Path:
        """Since when each pipeline has its schedule."""
        return self.state / "schedules.json"

    def log(self, name: str) -> Path:
        """The log of the supervisor, the server or the worker."""
        return self.state / f"{name}.log"

    def tell(self, running: Running) -> None:
        """Write down that the service is up."""
        write_over(self._mark, json.dumps(asdict(running)).encode())

    def forget(self) -> None:
        """Write down that it no longer is."""
        self._mark.unlink(missing_ok=True)

    def running(self) -> Running | None:
        """What the service said of itself when it came up; None before that."""
        try:
            return Running(**json.loads(self._mark.read_text()))
        except FileNotFoundError:
            return None

    @property
    def _mark(self) -> Path:
        return self.state / "service.json"


def of_files(folder: Path) -> Places:
    """The files of the service that has the pipeline files of a folder."""
    own = Places(folder)
    return Places(folder.parent) if folder.name == PIPELINES and not own.state.is_dir() else own


def pipeline_files(folder: Path) -> tuple[Path, ...]:
    """The pipeline files of a folder: those in it and in its `pipelines/`.

    Raises:
        ConfigError: there is none.
    """
    files = tuple(file for place in (folder, folder / PIPELINES) for file in _files(place))
    if not files:
        raise ConfigError(
            "a pipeline file (*.yaml with name, sources and event)",
            found="none",
            where=f"{folder}, {folder / 'pipelines'}",
            do="Go to the folder of your pipeline files, or make one: lamplighter demo, "
            "lamplighter init FILE.",
        )
    return files


def _files(place: Path) -> Iterator[Path]:
    for file in sorted(place.glob("*.yaml")):
        if names_a_pipeline(file):
            yield file.absolute()


def names_a_pipeline(file: Path) -> bool:
    """Whether a YAML file looks like a pipeline file."""
    text = f"\n{file.read_text(encoding='utf-8')}"
    return all(f"\n{key}:" in text for key in _KEYS)
