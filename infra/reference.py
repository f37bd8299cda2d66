"""The reference pages, written from the models and the commands themselves.

    python infra/reference.py

writes `infra/docs/reference-pipeline.md` and `infra/docs/reference-commands.md`; a test compares
them with what it would write.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter

from flows.cli import cli
from flows.pipeline_config import PipelineConfig
from tasks.core.config import format_duration

DOCS = Path(__file__).parent / "docs"
Schema = Mapping[str, Any]

_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "minItems": "at least {} of them",
    "pattern": "of the form {}",
}


def pages() -> dict[Path, str]:
    """The generated pages, by where they lie."""
    return {
        DOCS / "reference-pipeline.md": pipeline_page(PipelineConfig.model_json_schema()),
        DOCS / "reference-commands.md": commands_page(cli),
    }


def pipeline_page(schema: Schema) -> str:
    """Every key that a pipeline file may have, from its JSON Schema."""
    lines = [
        "# Reference: the pipeline file",
        "",
        "Written by `python infra/reference.py` from the models that read the file. Durations are "
        "a whole number and one of `s`, `m`, `h`, `d`, `w`. `lamplighter schema` prints the same "
        "as JSON Schema, for an editor; `lamplighter check FILE` reads a file by it.",
        "",
        *_table(schema),
    ]
    written: set[str] = set()
    for key, value in schema["properties"].items():
        models = [*_models(value, schema["$defs"], written)]
        if models:
            lines += ["", f"## {key}", "", _plain(value.get("description", "")) + "."]
        for name, each in models:
            lines += ["", f"### {name}", "", _plain(each.get("description", "")), ""]
            lines += _table(each) if "properties" in each else [f"One of {_type(each)}."]
    return "\n".join(lines) + "\n"


def commands_page(group: click.Group) -> str:
    """Every command with its arguments and options, as `--help` has them."""
    lines = ["# Reference: the commands", "", "Written by `python infra/reference.py`."]
    for path, command in _walk(group, ("lamplighter",)):
        context = click.Context(command, info_name=" ".join(path), max_content_width=96)
        text = command.get_help(context)
        lines += ["", f"## {' '.join(path)}", "", "```", text, "```"]
    return "\n".join(lines) + "\n"


def _walk(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _walk(command.commands[name], (*path, name))


def _table(schema: Schema) -> list[str]:
    required = set(schema.get("required", ()))
    rows = [
        f"| `{name}` | {_type(each)} | {_default(each, name in required)} "
        f"| {_plain(each.get('description', ''))}{_limits(each)} |"
        for name, each in schema["properties"].items()
    ]
    return ["| key | type | default | meaning |", "|---|---|---|---|", *rows]


def _models(
    schema: Schema, models: Mapping[str, Schema], written: set[str]
) -> Iterator[tuple[str, Schema]]:
    """The models that a schema names, each followed by those that it names; none twice."""
    for name in _named(schema):
        if name not in written:
            written.add(name)
            yield name, models[name]
            yield from _models(models[name], models, written)


def _named(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        for key, value in part.items():
            if key != "discriminator":
                yield from _named(value)
    elif isinstance(part, list):
        for value in part:
            yield from _named(value)


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            kinds = [_type(each) for each in schema[key] if each.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if schema.get("type") == "array":
        items = schema.get("items") or {"oneOf": schema.get("prefixItems", [])}
        return f"list of {_type(items)}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"map to {_type(values)}" if isinstance(values, Mapping) else "map"
    if schema.get("pattern", "").endswith("[smhdw]$"):
        return "duration"
    return str(schema.get("format", schema.get("type", "any")))


def _default(schema: Schema, required: bool) -> str:
    if required:
        return "*required*"
    value = schema.get("default")
    if value is None or value in ("", [], {}):
        return ""
    if _type(schema) == "duration":
        value = format_duration(TypeAdapter(dt.timedelta).validate_python(value))
    return f"`{_short(value)}`"


def _short(value: Any) -> str:
    """A value as it would stand in the file, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        inner = {k: v for k, v in value.items() if v not in (None, [], {}, "")}
        kind = inner.get("kind") or inner.get("family")
        return f"kind: {kind}" if kind else "as below"
    if isinstance(value, list):
        return "[" + ", ".join(map(_short, value)) + "]"
    return str(value)


def _limits(schema: Schema) -> str:
    parts = [schema, *(each for key in ("anyOf", "oneOf") for each in schema.get(key, ()))]
    told = [
        text.format(f"`{each[key]}`" if key == "pattern" else f"{each[key]:g}")
        for each in parts
        for key, text in _LIMITS.items()
        if key in each and _type(each) != "duration" and not (key == "pattern" and "|" in each[key])
    ]
    return f" ({', '.join(dict.fromkeys(told))})" if told else ""


def _plain(text: str) -> str:
    """Of a docstring what a reader of the file needs: its prose, without the list of arguments."""
    prose = text.split("\n\nArgs:")[0].split("\n\nSource:")[0].split("\nArgs:")[0]
    return " ".join(prose.split()).replace("|", "\\|")


if __name__ == "__main__":
    for path, content in pages().items():
        path.write_text(content, encoding="utf-8")
