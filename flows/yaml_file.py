"""A pipeline file read with its lines, and pydantic errors told in them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from expectations.errors import SuiteError
from expectations.marked_yaml import KeyPath, MarkedYaml, parse
from tasks.core.errors import ConfigError

M = TypeVar("M", bound=BaseModel)


def read_yaml(path: Path) -> MarkedYaml:
    """Read a YAML file that holds one mapping.

    Raises:
        ConfigError: there is no such file, it is not YAML, or it is not a mapping.
    """
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "a readable YAML file in UTF-8",
            found=type(error).__name__,
            where=str(path),
            do="Give the path of a pipeline file, or the name of a shipped one.",
        ) from error
    except SuiteError as error:
        raise ConfigError(
            "valid YAML that holds one mapping of keys to values",
            found=error.found,
            where=error.where,
            do="Mend the line; mind the indentation and the quotes.",
        ) from error


def build(model: type[M], file: MarkedYaml) -> M:
    """Make a configuration of a file's content.

    Raises:
        ConfigError: the content is not what the model asks; each fault with its line and key.
    """
    try:
        return model.model_validate(file.content)
    except ValidationError as error:
        faults = [_fault(file, model, dict(fault)) for fault in error.errors()]
        (first_where, first), others = faults[0], faults[1:]
        more = "".join(f"\n          {where}  {text}" for where, text in others[:9])
        raise ConfigError(
            "a pipeline file that fits its schema (lamplighter schema)",
            found=first + (f"\n          and {len(others)} more:{more}" if others else ""),
            where=first_where,
            do="Mend the line, then try: lamplighter check FILE.",
        ) from None


def _fault(file: MarkedYaml, model: type[BaseModel], fault: dict[str, Any]) -> tuple[str, str]:
    path = _in_file(file.content, fault["loc"])
    key = ".".join(map(str, path)) or "(whole file)"
    text = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        text = f"no such key{_suggest(str(path[-1]), model)}"
    elif fault["type"] == "missing":
        text = "this key is required and is not there"
    elif fault["type"] != "clear_secret" and _is_worth_telling(fault["input"], text):
        text += f"; found {fault['input']!r}"
    return file.where(*path), f"{key}: {text}"


def _is_worth_telling(found: object, text: str) -> bool:
    return isinstance(found, (str, int, float, bool)) and repr(found) not in text


def _in_file(content: Any, loc: Sequence[str | int]) -> KeyPath:
    """The file's own path for a pydantic location, without the tags of its unions."""
    path: list[str | int] = []
    for position, step in enumerate(loc):
        last = position == len(loc) - 1
        if isinstance(content, Mapping) and (step in content or last):
            path.append(step)
            content = content.get(step)
        elif isinstance(content, Sequence) and isinstance(step, int) and step < len(content):
            path.append(step)
            content = content[step]
    return tuple(path)


def _suggest(key: str, model: type[BaseModel]) -> str:
    near = difflib.get_close_matches(
        key, sorted(_known_keys(model.model_json_schema()) - {key}), n=1
    )
    return f"; did you mean {near[0]!r}?" if near else ""


def _known_keys(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(_known_keys, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", {}))
    return own.union(*map(_known_keys, schema.values()))
