"""The JSON Schema of suite files, for editors and for `lamplighter schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expectations.catalogue import Kind, kinds

_PARAMETER = {"type": "string", "pattern": r"^\$[A-Za-z_]", "description": "A parameter."}


def suite_json_schema() -> dict[str, Any]:
    """Describe suite files (JSON Schema draft 7, which editors read)."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Suite of expectations",
        "type": "object",
        "additionalProperties": False,
        "required": ["expectations"],
        "properties": {
            "parameters": {"type": "object", "description": "Values for $name."},
            "expectations": {"type": "array", "items": {"oneOf": [*map(_entry, kinds().values())]}},
        },
    }


def _entry(kind: Kind) -> dict[str, Any]:
    own = getattr(kind.build, "model_json_schema", None)
    schemas = (own or kind.build.schema)()["properties"]
    actions = ["stop", "quarantine"] if kind.judges_rows else ["stop"]
    return {
        "type": "object",
        "title": kind.name,
        "additionalProperties": False,
        "required": ["type", *kind.required],
        "properties": {
            "type": {"const": kind.name},
            **{name: _argument(name, schemas.get(name, {})) for name in kind.arguments},
            "severity": {"enum": ["critical", "warning", "info"], "default": "critical"},
            "on_failure": {"enum": [*actions, "record"]},
            "reason": {"type": "string", "description": "What quarantined rows are told."},
            "notes": {"type": "string", "description": "Why it is expected."},
        },
    }


def _argument(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    if name == "row_condition":
        return {"type": "string", "description": "SQL condition for the rows that count."}
    kept = {k: v for k, v in schema.items() if k not in ("title", "multipleOf", "description")}
    described = {"description": schema["description"]} if "description" in schema else {}
    if "$ref" in str(kept) or not kept:
        return described
    return {**described, "anyOf": [kept, _PARAMETER]}
