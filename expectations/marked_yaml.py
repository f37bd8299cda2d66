"""YAML whose every key remembers its line."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from expectations.errors import SuiteError

KeyPath = tuple[str | int, ...]
_BOOL = "tag:yaml.org,2002:bool"


@dataclass(frozen=True, slots=True)
class MarkedYaml:
    """A parsed mapping.

    Args:
        path: where the text was read, for messages.
        content: the mapping.
        lines: 1-based line of each key path.
    """

    path: str
    content: Mapping[str, Any]
    lines: Mapping[KeyPath, int]

    def where(self, *key: str | int) -> str:
        """`file:line` of a key path, or of its nearest known parent."""
        for end in range(len(key), 0, -1):
            if key[:end] in self.lines:
                return f"{self.path}:{self.lines[key[:end]]}"
        return f"{self.path}:1"


class _Loader(yaml.SafeLoader):
    """The safe loader, refusing a key that is given twice.

    Only `true` and `false` are booleans, as in YAML 1.2: `on` is a key of ours, and `no` a country.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  # the base class annotates it otherwise
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

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


_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF")


def parse(text: str, path: str) -> MarkedYaml:
    """Parse a text that holds one mapping.

    Raises:
        SuiteError: it is not YAML, gives a key twice, or is no mapping.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        content = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise SuiteError(
            "valid YAML",
            found=str(error.problem or error.context),
            where=f"{path}:{mark.line + 1}" if mark else path,
            do="Mend the line; mind the indentation and the quotes.",
        ) from error
    finally:
        loader.dispose()
    if not isinstance(content, dict) or node is None:
        raise SuiteError(
            "a mapping with the key 'expectations'",
            found="an empty file" if content is None else f"a {type(content).__name__}",
            where=f"{path}:1",
            do="Start from a shipped suite, expectations/suites/retail/lines.yaml.",
        )
    lines: dict[KeyPath, int] = {}
    _note_lines(node, (), lines)
    return MarkedYaml(path, content, lines)


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
