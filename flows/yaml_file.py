"""YAML that remembers its lines, and pydantic errors told in them."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from tasks.core.errors import ConfigError

M = TypeVar("M", bound=BaseModel)
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A parsed file.

    Args:
        path: where it was read.
        content: its mapping.
        lines: 1-based line of each key path.
    """

    path: Path
    content: Mapping[str, Any]
    lines: Mapping[KeyPath, int]

    def line(self, path: Sequence[str | int]) -> int:
        """The line of a key path, or of its nearest known parent."""
        for end in range(len(path), 0, -1):
            if tuple(path[:end]) in self.lines:
                return self.lines[tuple(path[:end])]
        return 1

    def where(self, path: Sequence[str | int]) -> str:
        """`file:line` of a key path."""
        return f"{self.path}:{self.line(path)}"


class _Loader(yaml.SafeLoader):
    """The safe loader, refusing a key that is given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key: Hashable = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands here twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file that holds one mapping.

    Raises:
        ConfigError: there is no such file, it is not YAML, or it is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise ConfigError(
            "a readable YAML file in UTF-8",
            found=type(error).__name__,
            where=str(path),
            do="Give the path of a pipeline file, or the name of a shipped one.",
        ) from error
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        content = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ConfigError(
            "valid YAML",
            found=str(error.problem or error.context),
            where=f"{path}:{mark.line + 1}" if mark else str(path),
            do="Mend the line; mind the indentation and the quotes.",
        ) from error
    finally:
        loader.dispose()
    if not isinstance(content, dict) or node is None:
        raise ConfigError(
            "a mapping of keys to values",
            found="an empty file" if content is None else type(content).__name__,
            where=str(path),
            do="Start from a shipped pipeline: lamplighter show-pipeline retail.",
        )
    lines: dict[KeyPath, int] = {}
    _note_lines(node, (), lines)
    return YamlFile(path, content, lines)


def _note_lines(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            here = (*path, str(key_node.value))
            lines[here] = key_node.start_mark.line + 1
            _note_lines(value_node, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            here = (*path, index)
            lines[here] = item.start_mark.line + 1
            _note_lines(item, here, lines)


def build(model: type[M], file: YamlFile) -> M:
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


def _fault(file: YamlFile, model: type[BaseModel], fault: dict[str, Any]) -> tuple[str, str]:
    path = _in_file(file.content, fault["loc"])
    key = ".".join(map(str, path)) or "(whole file)"
    text = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        text = f"no such key{_suggest(str(path[-1]), model)}"
    elif fault["type"] == "missing":
        text = "this key is required and is not there"
    elif isinstance(fault["input"], (str, int, float, bool)) and repr(fault["input"]) not in text:
        text += f"; found {fault['input']!r}"
    return file.where(path), f"{key}: {text}"


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
    near = difflib.get_close_matches(key, sorted(_known_keys(model.model_json_schema())), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _known_keys(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(_known_keys, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", {}))
    return own.union(*map(_known_keys, schema.values()))
