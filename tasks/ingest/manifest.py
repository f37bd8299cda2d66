"""Manifests: files that list a drop's files, and may say how large each is and what it holds."""

from __future__ import annotations

import csv
import hashlib
import io
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.core.errors import SourceError
from tasks.ingest.json_text import read_json
from tasks.ingest.places import Found

_MAX_BYTES = 1 << 26
_CHUNK_BYTES = 1 << 20
_DIGESTS = {"sha256": 64, "sha512": 128, "sha1": 40, "md5": 32}
_NAMES = ("path", "name", "file", "filename", "key", "url")
_SIZES = ("size", "bytes", "length", "content_length", "size_bytes")
_ROWS = ("rows", "records", "row_count", "record_count", "num_rows")
_LISTS = ("files", "entries", "manifest", "objects")
_DIGEST_LINE = re.compile(r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128})")
_SIZE_NAMES = {length: name for name, length in _DIGESTS.items()}


@dataclass(frozen=True, slots=True)
class Listed:
    """What a manifest says of one file.

    Args:
        key: its path in its place.
        size: its bytes.
        rows: its records.
        digests: in hexadecimal, by their names.
    """

    key: str
    size: int | None = None
    rows: int | None = None
    digests: Mapping[str, str] = field(default_factory=dict)


def read_manifest(path: Path, found: Found, place: str) -> list[Listed]:
    """Read a manifest.

    Args:
        path: its content.
        found: where it lies; the names in it are relative to its folder.
        place: the bucket, which may stand before the names; of local files empty.

    Raises:
        SourceError: it is no manifest, or lists a file twice.
    """
    if found.size > _MAX_BYTES:
        raise _refused(found.name, f"{found.size} bytes")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        entries = list(_entries(text, found.key))
        listed = [_listed(entry, posixpath.dirname(found.key), place) for entry in entries]
    except (ValueError, csv.Error) as error:
        raise _refused(found.name, str(error)) from error
    keys = [one.key for one in listed]
    twice = (
        sorted({key for key in keys if keys.count(key) > 1}) if len(set(keys)) < len(keys) else []
    )
    if twice or not listed:
        raise _refused(found.name, f"{twice[0]} twice" if twice else "no file")
    return listed


def _refused(name: str, found: str) -> SourceError:
    return SourceError(
        "a manifest that lists each file once",
        found=found,
        where=name,
        do="A manifest is JSON (a list of names, or of objects with path and size, sha256, md5, "
        "rows), CSV with such a header, lines of sha256sum, or one name a line.",
    )


def _entries(text: str, key: str) -> Iterator[Mapping[str, Any]]:
    """What is said of each file, by the manifest's own names."""
    if key.endswith(".json") or text.lstrip()[:1] in {"[", "{"}:
        yield from _of_json(read_json(text.encode()))
        return
    if not text.endswith("\n"):
        raise ValueError("a last line without its newline: it may be cut short")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    first = [name.strip().lower() for name in next(csv.reader(lines[:1]), [])]
    if set(first) & set(_NAMES) and (len(first) > 1 or key.endswith(".csv")):
        for record in csv.DictReader(io.StringIO("\n".join([",".join(first), *lines[1:]]))):
            if None in record or None in record.values():
                raise ValueError(f"a line of another number of fields than {len(first)}")
            yield record
        return
    for line in lines:
        yield _of_line(line.strip())


def _of_json(content: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, dict):
        content = next((content[name] for name in _LISTS if name in content), None)
    if not isinstance(content, list):
        raise ValueError(f"no list, at the top or at one of {', '.join(_LISTS)}")
    for entry in content:
        if isinstance(entry, str):
            yield {"path": entry}
        elif isinstance(entry, dict):
            meta = entry.get("meta")
            yield {**meta, **entry} if isinstance(meta, dict) else entry
        else:
            raise ValueError(f"{entry!r} in place of a file")


def _of_line(line: str) -> Mapping[str, Any]:
    """A name, or a digest and a name as `sha256sum` writes them."""
    digest, _, name = line.partition(" ")
    if name and _DIGEST_LINE.fullmatch(digest):
        return {_SIZE_NAMES[len(digest)]: digest, "path": name.lstrip(" ").removeprefix("*")}
    return {"path": line}


def _listed(entry: Mapping[str, Any], folder: str, place: str) -> Listed:
    name = _first(entry, _NAMES)
    if not isinstance(name, str) or not name:
        raise ValueError(f"a file without a name: it should be one of {', '.join(_NAMES)}")
    if place and name.startswith(f"{place}/"):
        key = name[len(place) + 1 :]
    elif "://" in name or name.startswith(("/", "~")) or "\\" in name:
        raise ValueError(f"{name}, which does not lie below the manifest's folder")
    else:
        key = posixpath.normpath(posixpath.join(folder, name))
    if (
        key.startswith("../")
        or "\0" in key
        or not f"{key}/".startswith(f"{folder}/" if folder else "")
    ):
        raise ValueError(f"{name}, which does not lie below the manifest's folder")
    digests = {d: str(entry[d]).lower() for d in _DIGESTS if entry.get(d) not in {None, ""}}
    for digest, content in digests.items():
        if not re.fullmatch(f"[0-9a-f]{{{_DIGESTS[digest]}}}", content):
            raise ValueError(f"{content!r} as {digest} of {name}")
    size, rows = _count(entry, _SIZES, name), _count(entry, _ROWS, name)
    return Listed(key, size, rows, digests)


def _first(entry: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((entry[name] for name in names if entry.get(name) not in {None, ""}), None)


def _count(entry: Mapping[str, Any], names: tuple[str, ...], file: str) -> int | None:
    given = _first(entry, names)
    if given is None:
        return None
    if isinstance(given, bool) or not re.fullmatch("[0-9]{1,18}", str(given)):
        raise ValueError(f"{given!r} as a count of {file}")
    return int(given)


def check_content(path: Path, name: str, listed: Listed) -> None:
    """Hold that a file is as large as its manifest says, and has the digests that it says.

    Raises:
        SourceError: it is not.
    """
    size = path.stat().st_size
    if listed.size is not None and size != listed.size:
        raise _differs(name, f"{listed.size} bytes", f"{size}")
    hashes = {digest: hashlib.new(digest, usedforsecurity=False) for digest in listed.digests}
    if not hashes:
        return
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            for one in hashes.values():
                one.update(chunk)
    for digest, one in hashes.items():
        if one.hexdigest() != listed.digests[digest]:
            raise _differs(name, f"{digest} {listed.digests[digest]}", one.hexdigest())


def check_rows(seen: int, name: str, listed: Listed) -> None:
    """Hold that a file had as many records as its manifest says.

    Raises:
        SourceError: it had more, or fewer.
    """
    if listed.rows is not None and seen != listed.rows:
        raise _differs(name, f"{listed.rows} records", f"{seen}")


def _differs(name: str, required: str, found: str) -> SourceError:
    return SourceError(
        f"{required}, as the manifest says",
        found=found,
        where=name,
        do="Have the file sent again, or the manifest if that is wrong.",
    )
