"""A night's essentials as Markdown, for a Prefect artifact, and as rows for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from tasks.report import view, words
from tasks.report.markdown import plain, table
from tasks.report.night_view import NightView
from tasks.report.view import Row

_ALERTS_SHOWN = 10


def markdown(seen: NightView) -> str:
    """The verdict, the ledger, what did not hold, and the top alerts."""
    made = seen.night.provenance
    parts = [
        f"# {words.day(made.batch_date)}",
        f"**{plain(seen.verdict)}**",
        *(f"> {plain(warning)}" for warning in seen.warnings),
        table(("figure", "value", ""), ((f.name, f.value, f.note) for f in seen.figures)),
        *([plain(seen.justification)] if seen.justification else []),
        "## Top alerts",
        _alerts(seen),
        "## Data quality",
        _quality(seen.expectations),
        "## Drift",
        _drift(seen),
        "## Ledger",
        table(LEDGER_COLUMNS, ledger_rows(seen)),
        f"Run `{made.run_id}` · model `{made.model_version or 'none'}`",
    ]
    return "\n\n".join(parts) + "\n"


LEDGER_COLUMNS = ("stage", "table", "in", "out", "quarantined", "rejected", "balances")


def ledger_rows(seen: NightView) -> list[tuple[str, ...]]:
    """The ledger as cells of text, one row for each line."""
    return [
        (
            row.line.stage,
            row.line.table,
            f"{row.line.rows_in:,}",
            f"{row.line.rows_out:,}",
            f"{row.line.quarantined:,}",
            f"{sum(row.line.rejected.values()):,}",
            f"off by {row.off:,}" if row.off else "yes",
        )
        for row in view.see_ledger(seen.night.ledger)
    ]


def figure_rows(seen: NightView) -> list[tuple[str, str, str]]:
    """The key figures as cells of text: name, value, proportion."""
    return [(figure.name, figure.value, figure.note) for figure in seen.figures]


def _alerts(seen: NightView) -> str:
    key = seen.night.event.key
    shown = seen.alerts[:_ALERTS_SHOWN]
    if not shown:
        return "None."
    rows = (
        (
            str(alert["rank"]),
            *(str(alert[column]) for column in key),
            _likely(alert),
            words.reasons_text(alert["reasons"][:2], seen.night.usual),
        )
        for alert in shown
    )
    likely = "value" if seen.of_values else "probability"
    return table(("rank", *key, likely, "why"), rows)


def _likely(alert: Row) -> str:
    """How likely an alert is right; its predicted value; without a label, how rare its score is."""
    if alert["interval_level"] is not None:
        low, high = (words.number(alert[f"interval_{end}"]) for end in ("low", "high"))
        return f"{words.number(alert['score'])} ({low} to {high})"
    if alert["probability"] is None:
        return f"p {alert['p_value']:.2g}"
    return f"{alert['severity']}, {words.share(alert['probability'])}"


def _drift(seen: NightView) -> str:
    if not seen.drifts:
        return "Not measured."
    rows = (
        (row["name"], row["verdict"], row["reason"])
        for row in seen.drift_shown
        if row["verdict"] in words.DRIFTED or row["kind"] == "score"
    )
    return "\n\n".join(
        [plain(seen.drift_verdict), table(("feature or score", "verdict", "index"), rows)]
    )


def _quality(expectations: Iterable[Row]) -> str:
    broken = [each for each in expectations if not each["success"]]
    if not broken:
        return "Every check held."
    rows = (
        (
            each["table"],
            words.expectation(each["expectation"]),
            each["columns"],
            each["severity"],
            words.number(each["unexpected_count"]),
        )
        for each in broken
    )
    return table(("table", "check", "columns", "severity", "rows"), rows)
