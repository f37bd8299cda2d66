"""Which service a folder has, so that several folders and machines can share one server."""

from __future__ import annotations

import json
import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from flows.service.places import Places, of_files
from tasks.core.errors import ConfigError
from tasks.core.files import write_over

# Names that begin with `prefect` are kept by Prefect for itself.
_NAME = re.compile(r"(?!prefect)[a-z0-9][a-z0-9-]{0,62}")
AT = "@"
_LONGEST_SLUG = 40
_TAIL = 4


@dataclass(frozen=True, slots=True)
class Identity:
    """The service of a folder, as a server knows it.

    Args:
        name: of its work pool, and of its deployments behind the @.
        key: what no other folder has.
        folder: the folder of the pipeline files.
    """

    name: str
    key: str
    folder: Path

    @property
    def place(self) -> str:
        """Where the folder lies, to people."""
        return f"{self.folder.resolve()} on {socket.gethostname()}"

    @property
    def mark(self) -> str:
        """What only this service's work pools have in their description."""
        return f"service {self.key}"

    @property
    def description(self) -> str:
        """Of its work pool."""
        return f"Runs of the pipeline files in {self.place} ({self.mark})"

    def resource(self, pipeline: str) -> str:
        """What a pipeline is called in events."""
        return f"lamplighter.pipeline.{self.deployment(pipeline)}"

    def deployment(self, pipeline: str) -> str:
        """The name of a pipeline's deployments, which no other folder's have."""
        return f"{pipeline}{AT}{self.name}"


def establish(places: Places, name: str | None = None) -> Identity:
    """The identity of a folder's service; made where it has none yet, and kept with its state.

    Args:
        places: the files of the service.
        name: what to call it from now on; None for what it is called, at first the folder's own
            name and a few digits.

    Raises:
        ConfigError: a work pool cannot have the name.
    """
    if name is not None and not _NAME.fullmatch(name):
        raise ConfigError(
            "a name of at most 63 lowercase letters, digits and dashes, not beginning with prefect",
            found=repr(name),
            where="--name",
            do="Choose another, or leave it out.",
        )
    known = find(places)
    key = known.key if known else secrets.token_hex(8)
    called = name or (known.name if known else f"{_slug(places.folder)}-{key[:_TAIL]}")
    found = Identity(called, key, places.folder)
    if found != known:
        places.state.mkdir(mode=0o700, exist_ok=True)
        write_over(_file(places), json.dumps({"name": called, "key": key}).encode())
    return found


def find(places: Places) -> Identity | None:
    """The identity of a folder's service; None before its first `up` or `deploy`."""
    try:
        return Identity(**json.loads(_file(places).read_text()), folder=places.folder)
    except FileNotFoundError:
        return None


def of_pipeline(folder: Path) -> Identity | None:
    """The identity of the service that has the pipeline files of a folder; None where none has."""
    return find(of_files(folder))


def _file(places: Places) -> Path:
    return places.state / "identity.json"


def _slug(folder: Path) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower())[:_LONGEST_SLUG].strip("-")
    return words if _NAME.fullmatch(words) else f"lamplighter-{words}".strip("-")
