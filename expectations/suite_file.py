"""Suite files: YAML in, checked expectations out, every fault told with its line.

```yaml
parameters: {countries: [France, Germany]}      # optional: values that expectations share
expectations:
  - type: expect_column_values_to_be_between    # an expectation of Great Expectations, or of ours
    column: ordered_at                          # its arguments stand beside its type
    min_value: $batch_date                      # a parameter; a date takes a span: + 1d, - 12h
    max_value: $batch_date + 1d
    strict_max: true
    row_condition: "channel = 'web'"            # SQL; the rows that count
    severity: critical                          # critical (default), warning, info
    on_failure: quarantine                      # a critical one: stop (default) or quarantine
    reason: dated outside its batch             # what quarantined rows are told
    notes: The shop closes its books at midnight.
```

A row that breaks an expectation marked `quarantine` is held back, whatever `mostly` says: `mostly`
decides whether the expectation counts as met. Warnings and infos are recorded.

Beside the expectations of Great Expectations there are two of our own:

```yaml
  - {type: expect_column_values_to_exist_in_table, column: StockCode, table: products, key: code}
  - {type: expect_table_row_count_to_match_history, min_ratio: 0.5, max_ratio: 2, min_nights: 5}
```

Freshness is an expectation about the latest date: `expect_column_max_to_be_between` with
`min_value: $batch_date + 10h`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import polars as pl

from expectations.catalogue import Kind, kinds
from expectations.errors import SuiteError
from expectations.marked_yaml import MarkedYaml, parse
from expectations.nearest import did_you_mean
from expectations.parameters import UnknownParameterError, resolve
from expectations.suite import Expectation, Severity, Suite

OUR_KEYS = ("type", "severity", "on_failure", "reason", "notes")
_SEVERITIES: tuple[str, ...] = get_args(Severity)
_CRITICAL_ACTIONS = ("stop", "quarantine")
_AN_EXAMPLE = "See the head of expectations/suite_file.py, or: lamplighter schema suite."


def load_suite(text: str, path: str, parameters: Mapping[str, Any]) -> Suite:
    """Read a suite.

    Args:
        text: the YAML.
        path: where it was read, for messages.
        parameters: values for `$name`; they win over those of the file.

    Returns:
        The suite, its parameters resolved, each expectation accepted by Great Expectations.

    Raises:
        SuiteError: the first fault, with its line, and the others below it.
    """
    file = parse(text, path)
    for key in file.content:
        if key not in ("parameters", "expectations"):
            raise _fault(file, (key,), "'parameters' or 'expectations'", f"the key {key!r}")
    known = {**_section(file, "parameters", dict), **parameters}
    suite, faults = [], []
    for position, entry in enumerate(_section(file, "expectations", list)):
        try:
            suite.append(_read(file, position, entry, known))
        except SuiteError as error:
            faults.append(error)
    if faults:
        raise _joined(faults)
    return Suite(path, tuple(suite))


def _section(file: MarkedYaml, key: str, wanted: type[Any]) -> Any:
    value = file.content.get(key)
    if value is None and key == "parameters":
        return {}
    if not isinstance(value, wanted):
        shape = "a mapping" if wanted is dict else "a list"
        raise _fault(file, (key,), f"{shape} under the key {key!r}", type(value).__name__)
    return value


def _read(file: MarkedYaml, position: int, entry: Any, known: Mapping[str, Any]) -> Expectation:
    at = ("expectations", position)
    if not isinstance(entry, Mapping):
        raise _fault(file, at, "a mapping with the key 'type'", repr(entry))
    kind = _kind(file, at, entry)
    _check_names(file, at, entry, kind)
    severity, on_failure = _gravity(file, at, entry, kind)
    arguments = {
        key: _resolved(file, (*at, key), value, known)
        for key, value in entry.items()
        if key not in OUR_KEYS
    }
    _check_condition(file, at, arguments)
    _check_values(file, at, arguments, kind)
    made = Expectation(kind.name, arguments, severity, on_failure)
    return Expectation(
        kind.name,
        arguments,
        severity,
        on_failure,
        _text(file, at, entry, "reason") or f"{kind.name}({', '.join(made.columns)})",
        _text(file, at, entry, "notes"),
        file.where(*at),
    )


def _kind(file: MarkedYaml, at: tuple[Any, ...], entry: Mapping[str, Any]) -> Kind:
    name = entry.get("type")
    if name is None:
        raise _fault(file, at, "the key 'type'", "none")
    if name not in kinds():
        meant = did_you_mean(str(name), kinds())
        raise _fault(file, (*at, "type"), "the name of an expectation", f"{name!r}{meant}")
    return kinds()[name]


def _check_names(
    file: MarkedYaml, at: tuple[Any, ...], entry: Mapping[str, Any], kind: Kind
) -> None:
    for key in entry:
        if key == "kwargs":
            raise _fault(file, (*at, key), "arguments beside the type", "the key 'kwargs'")
        if key not in kind.arguments and key not in OUR_KEYS:
            meant = did_you_mean(str(key), (*kind.arguments, *OUR_KEYS))
            wanted = f"an argument of {kind.name}: {', '.join(kind.arguments)}"
            raise _fault(file, (*at, key), wanted, f"{key!r}{meant}")
    for key in kind.required:
        if key not in entry:
            raise _fault(file, at, f"the argument {key!r} of {kind.name}", "none")


def _gravity(
    file: MarkedYaml, at: tuple[Any, ...], entry: Mapping[str, Any], kind: Kind
) -> tuple[Any, Any]:
    severity = entry.get("severity", "critical")
    if severity not in _SEVERITIES:
        meant = did_you_mean(str(severity), _SEVERITIES)
        wanted = f"a severity: {', '.join(_SEVERITIES)}"
        raise _fault(file, (*at, "severity"), wanted, f"{severity!r}{meant}")
    on_failure = entry.get("on_failure", "stop" if severity == "critical" else "record")
    allowed = _CRITICAL_ACTIONS if severity == "critical" else ("record",)
    if on_failure not in allowed:
        wanted = f"one of {', '.join(allowed)} for the severity {severity}"
        raise _fault(file, (*at, "on_failure"), wanted, repr(on_failure))
    if on_failure == "quarantine" and not kind.judges_rows:
        wanted = "an expectation that judges single rows, to hold rows back for it"
        raise _fault(file, (*at, "on_failure"), wanted, f"{kind.name}, which judges the table")
    return severity, on_failure


def _resolved(file: MarkedYaml, at: tuple[Any, ...], value: Any, known: Mapping[str, Any]) -> Any:
    try:
        return resolve(value, known)
    except UnknownParameterError as error:
        names = ", ".join(f"${name}" for name in known) or "none"
        meant = did_you_mean(error.name, known)
        raise _fault(
            file, at, f"a parameter that is given: {names}", f"${error.name}{meant}"
        ) from None
    except TypeError as error:
        raise _fault(file, at, "a date to add a span to", str(error)) from None


def _check_condition(file: MarkedYaml, at: tuple[Any, ...], arguments: Mapping[str, Any]) -> None:
    condition = arguments.get("row_condition")
    if condition is None:
        return
    try:
        pl.sql_expr(condition)
    except (pl.exceptions.PolarsError, TypeError) as error:
        wanted = "a SQL condition that Polars reads"
        raise _fault(file, (*at, "row_condition"), wanted, f"{condition!r}: {error}") from error


def _check_values(
    file: MarkedYaml, at: tuple[Any, ...], arguments: Mapping[str, Any], kind: Kind
) -> None:
    try:
        kind.build(**arguments)
    except ValueError as error:
        key, message = _first_fault(error)
        given = f"{arguments[key]!r}: " if key in arguments else ""
        wanted = f"{key!r} as {kind.name} takes it" if key else f"what {kind.name} takes"
        raise _fault(file, (*at, *([key] if key else [])), wanted, given + message) from None


def _first_fault(error: ValueError) -> tuple[str, str]:
    """The argument at fault and the message; both pydantics list the faults alike."""
    faults: Sequence[Mapping[str, Any]] = getattr(error, "errors", list)()
    if not faults:
        return "", str(error)
    first = str(faults[0]["loc"][0]) if faults[0]["loc"] else ""
    messages = dict.fromkeys(str(f["msg"]) for f in faults if f["loc"][:1] == (first,))
    key = "" if first == "__root__" else first
    return key, "; ".join(messages) or str(faults[0]["msg"])


def _text(file: MarkedYaml, at: tuple[Any, ...], entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key, "")
    if not isinstance(value, str):
        raise _fault(file, (*at, key), "a string", repr(value))
    return value


def _fault(file: MarkedYaml, at: tuple[Any, ...], required: str, found: str) -> SuiteError:
    key = ".".join(map(str, at))
    return SuiteError(required, found=found, where=f"{file.where(*at)} ({key})", do=_AN_EXAMPLE)


def _joined(faults: Sequence[SuiteError]) -> SuiteError:
    first, *others = faults
    more = "".join(_lines(others))
    found = first.found + (f"\n          and {len(others)} more:{more}" if others else "")
    return SuiteError(first.required, found=found, where=first.where, do=first.do)


def _lines(faults: Sequence[SuiteError]) -> Iterator[str]:
    for fault in faults[:9]:
        yield f"\n          {fault.where}  {fault.required}; found {fault.found}"
