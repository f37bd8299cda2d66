"""Writing a file so that after a crash it is the old one or the new one, never a part."""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder and its missing parents, each made durable in its parent.

    Args:
        folder: the folder; where it is there already it stays as it is.
        mode: who may enter it, of those whom the umask lets in; of its parents all these.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode, exist_ok=True)
    sync_folder(folder.parent)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that nobody reads yet, and make its bytes durable."""
    make_folder(path.parent)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace(source: Path, target: Path) -> None:
    """Move a durable file over another in one step, and make the move durable."""
    make_folder(target.parent)
    source.replace(target)
    sync_folder(target.parent)


def write_over(path: Path, content: bytes) -> None:
    """Replace a file that others may be reading: aside, fsync, rename."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    write_new(aside, content)
    replace(aside, path)
