"""A drop: the files of one batch date, once they are complete."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tasks.core.errors import ConfigError, SourceError, SourceMissingError, SourceUnavailableError
from tasks.ingest.access_config import split_url
from tasks.ingest.files_config import FilesConfig
from tasks.ingest.manifest import Listed, read_manifest
from tasks.ingest.names import is_wild
from tasks.ingest.places import Found, Place
from tasks.ingest.templates import expand_date

ENDINGS = {
    ".csv": "csv",
    ".txt": "csv",
    ".data": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".avro": "avro",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".npz": "npz",
}
COMPRESSED = {".gz", ".bz2", ".xz", ".zst", ".zip"}
_UNREADABLE = {
    ".xls": "save it as .xlsx",
    ".xlsb": "save it as .xlsx",
    ".ods": "save it as .xlsx",
    ".npy": "save named arrays, as .npz",
    ".orc": "have it sent as Parquet",
    ".tar": "have its files sent apart",
    ".tgz": "have its files sent apart",
    ".7z": "have it sent as .zip with one file in it",
    ".rar": "have it sent as .zip with one file in it",
    ".lz4": "have it compressed with gzip or zstd",
    ".br": "have it compressed with gzip or zstd",
}
_LOOKS = 10


@dataclass(frozen=True, slots=True)
class Expected:
    """A file of a drop, and what its manifest says of it.

    Args:
        found: the file.
        listed: what the manifest says; None without one.
    """

    found: Found
    listed: Listed | None = None


def find_drop(place: Place, source: FilesConfig, date: dt.date) -> list[Expected]:
    """The files of a batch date, in the order of their names.

    Raises:
        SourceMissingError: there is none, one that is listed is not there, or the drop is not yet
            said to be complete.
        SourceUnavailableError: files still change.
        SourceError: what is there is not what the manifest lists.
    """
    if source.ready:
        pattern = _expand(source.ready, date)
        if place.find_one(pattern) is None:
            raise _missing(place, pattern, f"a file at {pattern}, which says the drop is complete")
    pattern = _expand(source.path, date)
    found = _settled(place, pattern, source)
    if source.manifest:
        return _listed(place, found, source, date)
    if not found:
        raise _missing(place, pattern, f"at least one file at {pattern}")
    return [Expected(one) for one in found]


def _expand(template: str, date: dt.date) -> str:
    return expand_date(split_url(template)[1], date)


def _missing(place: Place, pattern: str, required: str) -> SourceMissingError:
    return SourceMissingError(
        required,
        found=place.nearest(pattern),
        where=place.told,
        do="Run again once the drop of this date has arrived, or correct the source's path.",
    )


def _settled(place: Place, pattern: str, source: FilesConfig) -> list[Found]:
    """The files that a pattern finds, once they have stayed the same for as long as they should."""
    found = _find(place, pattern, source)
    if not source.settle:
        return found
    for _ in range(_LOOKS):
        time.sleep(source.settle.total_seconds())
        before, found = found, _find(place, pattern, source)
        if found == before:
            return found
    changed = sorted({one.name for one in {*before} ^ {*found}})
    raise SourceUnavailableError(
        "files that stay as they are",
        found=f"after {_LOOKS} looks still changes of {', '.join(changed[:3])}",
        where=place.told,
        do="Run again once whoever sends the files has finished.",
    )


def _find(place: Place, pattern: str, source: FilesConfig) -> list[Found]:
    found = place.find(pattern)
    if found or is_wild(pattern):
        return found
    inside = place.find(f"{pattern.rstrip('/')}/**/*")
    return [one for one in inside if source.format != "auto" or is_readable(one.name)]


def _listed(
    place: Place, found: Sequence[Found], source: FilesConfig, date: dt.date
) -> list[Expected]:
    """The files that the manifest lists, all of them."""
    assert source.manifest is not None
    pattern = _expand(source.manifest.path, date)
    manifest = place.find_one(pattern)
    if manifest is None:
        raise _missing(place, pattern, f"a manifest at {pattern}")
    with place.open(manifest) as path:
        listed = {one.key: one for one in read_manifest(path, manifest, split_url(source.path)[0])}
    by_key = {one.key: one for one in found if one.key != manifest.key}
    for key in listed:
        if key not in by_key and place.find_one(escape(key)) is None:
            raise _missing(place, key, f"{key}, which {manifest.name} lists")
    _refuse(
        [key for key in listed if key not in by_key] * (source.manifest.elsewhere == "refuse"),
        f"path to find every file that {manifest.name} lists",
        "Correct the source's path, or set elsewhere: ignore in its manifest.",
    )
    _refuse(
        [key for key in by_key if key not in listed] * (source.manifest.unlisted == "refuse"),
        f"{manifest.name} to list every file that path finds",
        "Ask who sends the files, or set unlisted: ignore in the source's manifest.",
    )
    return [Expected(by_key[key], listed[key]) for key in sorted(by_key.keys() & listed.keys())]


def _refuse(keys: Sequence[str], required: str, do: str) -> None:
    if keys:
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        raise SourceError(required, found=f"not {keys[0]}{more}", where=keys[0], do=do)


def escape(key: str) -> str:
    """A pattern that finds one path alone."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in key)


def is_readable(name: str) -> bool:
    """Whether a file in a folder is data by its ending.

    Raises:
        ConfigError: it is data in a format that cannot be read.
    """
    ending = _ending(name)
    if ending in _UNREADABLE:
        raise _unknown(name, f"{PurePosixPath(name).name}, {ending}", _UNREADABLE[ending])
    return ending in ENDINGS


def format_of(name: str) -> str:
    """A file's format by its ending.

    Raises:
        ConfigError: the ending says none.
    """
    kind = ENDINGS.get(_ending(name))
    if kind is None:
        do = _UNREADABLE.get(_ending(name))
        raise _unknown(name, f"{PurePosixPath(name).name}, whose ending says none", do)
    return kind


def _ending(name: str) -> str:
    endings = [ending.lower() for ending in PurePosixPath(name).suffixes]
    if endings and endings[-1] in COMPRESSED:
        endings.pop()
    return endings[-1] if endings else ""


def _unknown(name: str, found: str, do: str | None) -> ConfigError:
    formats = ", ".join(sorted({*ENDINGS.values(), "fixed", "idx"}))
    advice = f"{do[0].upper()}{do[1:]}." if do else f"Set format: to one of {formats}."
    return ConfigError("a format that can be read", found=found, where=name, do=advice)
