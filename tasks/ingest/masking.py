"""Keyed hashes in the place of personal values, before anything of a source is stored.

A value becomes `hmac-` and the first 32 hexadecimal digits of its HMAC-SHA256: the same value is
the same hash in every column and source, so that joins and counts stay what they were, and without
the key nobody can tell whose hash it is by trying names (RFC 2104; 128 bits do not collide).
"""

from __future__ import annotations

import contextlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import SecretStr

from tasks.core.errors import ConfigError
from tasks.ingest.config import SourceConfig
from tasks.ingest.parts import Held, Part
from tasks.ingest.reread import as_objects
from tasks.ingest.templates import expand

HASH = re.compile(r"hmac-[0-9a-f]{32}")
_DIGITS = 32
_MIN_KEY_CHARACTERS = 32
_VALUE_IN_REASON = re.compile(r"^(.+?): .* is (not .*)$", re.DOTALL)
_QUOTED = re.compile(r"'.*'|\".*\"", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mask:
    """What turns personal values into hashes.

    Args:
        key: the secret of the hashes.
    """

    key: SecretStr

    def hashed(self, value: str) -> str:
        """The hash of a value."""
        content = value.encode("utf-8", "surrogatepass")
        digest = hmac.digest(self.key.get_secret_value().encode(), content, "sha256")
        return f"hmac-{digest.hex()[:_DIGITS]}"

    def masked(self, values: pl.Series) -> pl.Series:
        """A column with the hash of each value; null stays null."""
        known = {value: self.hashed(value) for value in values.drop_nulls().unique()}
        return values.replace_strict(known, return_dtype=pl.String)


def mask_of(key: str, secrets: Mapping[str, SecretStr], where: str) -> Mask:
    """The mask by the secret that a source names.

    Args:
        key: the reference, `${NAME}`.
        secrets: the value of each `${NAME}`.
        where: the key of the pipeline file, for messages.

    Raises:
        ConfigError: there is no such secret, or it is short enough to be guessed.
    """
    found = expand(key, secrets, where)
    if len(found) < _MIN_KEY_CHARACTERS:
        raise ConfigError(
            f"a key of {_MIN_KEY_CHARACTERS} characters or more",
            found=f"{len(found)}",
            where=where,
            do="Make one, and keep it as long as the store: openssl rand -hex 32",
        )
    return Mask(SecretStr(found))


def mask_parts(
    parts: Iterator[Part],
    source: SourceConfig,
    secrets: Mapping[str, SecretStr],
    folder: Path,
    where: str,
) -> Iterator[Part]:
    """Hash the personal columns of a source's parts.

    Of a record that is held back only the hashes are kept, where they can be told apart, and of its
    reasons which column is wrong in what way: what stands in the wrong column may be personal too.

    Args:
        parts: as a reader hands them on.
        source: its declaration; where nothing is personal the parts stay as they are.
        secrets: the value of each `${NAME}`.
        folder: where the source's relative paths start from.
        where: the source's key in the pipeline file, for messages.
    """
    if source.personal is None:
        yield from parts
        return
    columns = source.personal.columns
    mask = mask_of(source.personal.key, secrets, f"{where}.personal.key")
    with contextlib.ExitStack() as stack:
        if hasattr(parts, "close"):
            stack.callback(parts.close)
        for part in parts:
            rows = part.rows.with_columns(mask.masked(part.rows[name]) for name in columns)
            raws = as_objects([held.raw for held in part.held], part.source, source, folder)
            held = [
                Held(
                    one.line, [_without_value(r) for r in one.reasons], _hashes(raw, columns, mask)
                )
                for one, raw in zip(part.held, raws, strict=True)
            ]
            yield replace(part, rows=rows, held=held)


def mask_object(content: Mapping[str, Any], columns: tuple[str, ...], mask: Mask) -> dict[str, Any]:
    """A row as an object, its personal values hashed; those that are hashes already stay."""
    return {
        name: mask.hashed(str(value))
        if name in columns and value is not None and not HASH.fullmatch(str(value))
        else value
        for name, value in content.items()
    }


def _hashes(raw: dict[str, Any] | str, columns: tuple[str, ...], mask: Mask) -> str:
    if isinstance(raw, str):
        return ""
    known = {name: raw[name] for name in columns if raw.get(name) is not None}
    return json.dumps({name: mask.hashed(str(value)) for name, value in known.items()})


def _without_value(reason: str) -> str:
    wrong = _VALUE_IN_REASON.match(reason)
    return f"{wrong[1]}: {wrong[2]}" if wrong else _QUOTED.sub("…", reason)
