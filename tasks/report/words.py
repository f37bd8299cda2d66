"""Numbers, names and reasons as people read them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from tasks.report.config import SeverityConfig

DRIFTED = ("strong", "moderate")
AS_TRAINED = ("stable", "usual")

Ranges = Mapping[str, tuple[float, float]]


def number(value: float | None) -> str:
    """A number short enough to read: `1,200`, `0.083`, `4.1e-05`; a dash for none."""
    if value is None or math.isnan(value):
        return "—"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if value == int(value) and size < 1e15:
        text = f"{int(value):,}"
    elif size >= 1000:
        text = f"{value:,.0f}"
    elif size >= 0.001:
        text = f"{value:.3g}"
    else:
        text = f"{value:.1e}"
    return text


def signed(value: float) -> str:
    """A contribution with its sign: `+0.83`, `-0.12`, `+1,204`, `-0.0021`."""
    size = abs(value)
    if 0 < size < 0.005:
        return f"{value:+.1g}"
    return f"{value:+,.0f}" if size >= 1000 else f"{value:+.2f}"


def share(value: float | None) -> str:
    """A share in percent: `2.6%`; what rounds to nothing says so."""
    if value is None or math.isnan(value):
        return "—"
    if 0 < value < 0.0005:
        return "<0.1%"
    return f"{100 * value:.1f}%"


def percent(share: float) -> str:
    """A round share in percent, as short as it can be: `0.1%`, `50%`."""
    return f"{100 * share:g}%"


def count(rows: int, noun: str) -> str:
    """A number of things: `1 alert`, `1,512 events`."""
    return f"{rows:,} {noun if rows == 1 else noun + 's'}"


def day(batch_date: str) -> str:
    """A business date in full: `Monday 5 July 2010`."""
    date = dt.date.fromisoformat(batch_date)
    return f"{date:%A} {date.day} {date:%B %Y}"


def moment(time: dt.datetime) -> str:
    """A point in time to the minute: `5 July 2010, 11:42`."""
    return f"{time.day} {time:%B %Y, %H:%M}"


def size(count_bytes: int) -> str:
    """Bytes in the unit that suits them: `1.8 MB`."""
    amount = float(count_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.3g} {unit}"


def name(identifier: str) -> str:
    """A column's or a metric's name as words: `quantity_mean_7d` is `quantity mean 7d`."""
    return identifier.replace("_", " ")


_SCORERS = {
    "champion": "the champion",
    "previous": "the previous champion",
    "fallback": "the fallback model",
}


def scorer(source: str) -> str:
    """Which model scored, of the ladder: `fallback` is `the fallback model`."""
    return _SCORERS.get(source, source)


_MODELS = {"tabm": "TabM", "mlp": "MLP", "xgboost": "XGBoost"}
_MEASURES = {
    "roc_auc": "ROC AUC",
    "brier": "Brier score",
    "rmse": "RMSE",
    "mae": "mean absolute error",
    "r2": "R²",
}
_AT_A_HALF = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "false_alarm_rate",
    "true_positives",
    "false_positives",
    "true_negatives",
    "false_negatives",
)


def model(kind: str) -> str:
    """A kind of model as its authors write it: `tabm` is `TabM`."""
    return _MODELS.get(kind, name(kind))


def measure(metric: str) -> str:
    """A measure as the field writes it: `roc_auc` is `ROC AUC`; of calls, where they are cut."""
    if metric in _AT_A_HALF:
        return f"{name(metric)} at probability 0.5"
    return _MEASURES.get(metric, name(metric))


def expectation(kind: str) -> str:
    """What was expected: `expect_column_sum_to_be_between` is `column sum to be between`."""
    return name(kind.removeprefix("expect_"))


def severity(probability: float | None, config: SeverityConfig) -> str | None:
    """What an alert of this calibrated probability is called; None where it has none."""
    if probability is None:
        return None
    for step in ("critical", "high", "medium"):
        if probability >= getattr(config, step):
            return step
    return "low"


def hits(probabilities: pl.Series) -> float | None:
    """How many alerts are expected to be right; None where none of them has a probability."""
    if len(probabilities) and probabilities.null_count() == len(probabilities):
        return None
    return float(probabilities.sum())


def reason(feature: str, value: float | None, usual: Ranges) -> str:
    """A feature's value against its usual range: `quantity 1,200 is above its usual 1 to 48`."""
    if value is None or math.isnan(value):
        return f"{name(feature)} is missing"
    told = f"{name(feature)} {number(value)}"
    against = place(feature, value, usual)
    return f"{told} is {against}" if against else told


def place(feature: str, value: float | None, usual: Ranges) -> str:
    """Where a value lies: `above its usual 1 to 48`; empty where nobody knows what is usual."""
    if value is None or math.isnan(value) or feature not in usual:
        return ""
    low, high = usual[feature]
    side = "above" if value > high else "below" if value < low else "within"
    ends = dict.fromkeys((number(low), number(high)))
    return f"{side} its usual {' to '.join(ends)}"


def drift(rows: Sequence[Mapping[str, Any]]) -> str:
    """How far a night is from the training, in one sentence; empty where nothing was measured."""
    if not rows:
        return ""
    features = [row for row in rows if row["kind"] == "feature"]
    drifted = [row for row in features if row["verdict"] in DRIFTED]
    strong = sum(row["verdict"] == "strong" for row in drifted)
    score = next((row["verdict"] for row in rows if row["kind"] == "score"), "unclear")
    told = f"{len(drifted)} of {count(len(features), 'feature')} drifted, {strong} of them strongly"
    return f"{told}; the score is {score}."


def reasons_text(reasons: Iterable[Mapping[str, Any]], usual: Ranges) -> str:
    """All reasons of an alert in one line, each with its contribution."""
    return "; ".join(
        f"{reason(each['feature'], each['value'], usual)} ({signed(each['contribution'])})"
        for each in reasons
    )
