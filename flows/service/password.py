"""The password of a service's own server, where its user gave none: drawn once, and kept."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path

from flows.service.places import Places
from flows.service.settings import Listening
from tasks.core.errors import ConfigError

_USER = "lamplighter"
_DRAWN_BYTES = 24


def guarded(listening: Listening, places: Places) -> Listening:
    """A server that was given no password, with the one that is kept for it; drawn at first.

    Raises:
        ConfigError: what is kept is no user and password.
    """
    if listening.password or listening.told:
        return listening
    kept = find(places) or _draw(file(places))
    user, _, password = kept.partition(":")
    if not (user and password):
        raise ConfigError(
            "one line, user:password",
            found="a user or a password that is empty",
            where=str(file(places)),
            do="Mend it, or delete it: another one is drawn then.",
        )
    return replace(listening, password=kept, told=kept)


def find(places: Places) -> str | None:
    """The user and password that are kept; None where none are."""
    try:
        return file(places).read_text().strip() or None
    except FileNotFoundError:
        return None


def file(places: Places) -> Path:
    """Where they are kept."""
    return places.state / "password"


def _draw(path: Path) -> str:
    drawn = f"{_USER}:{secrets.token_urlsafe(_DRAWN_BYTES)}"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as kept:
        os.fchmod(kept.fileno(), 0o600)
        kept.write(f"{drawn}\n")
    return drawn
