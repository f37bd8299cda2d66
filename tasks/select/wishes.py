"""What the pipeline file forces, and the budget it sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from tasks.core.errors import ConfigError
from tasks.core.layout import layouts
from tasks.core.results import Verdict
from tasks.select.config import SelectionConfig


def matching(patterns: Iterable[str], names: Sequence[str]) -> frozenset[str]:
    """The names that are one of the patterns, or fit it.

    Raises:
        ConfigError: a pattern fits no name.
    """
    found = {pattern: {n for n in names if _fits(n, pattern)} for pattern in patterns}
    unknown = sorted(pattern for pattern, fitting in found.items() if not fitting)
    if unknown:
        raise ConfigError(
            "features the pipeline builds, in selection.keep and selection.drop",
            found=", ".join(unknown),
            where="selection",
            do="Correct the names.",
        )
    return frozenset().union(*found.values())


def force(verdict: Verdict, kept: frozenset[str]) -> Verdict:
    """Keep what is to be kept."""
    if verdict.feature not in kept:
        return verdict
    return replace(verdict, selected=True, reason=f"{verdict.reason}; kept by the pipeline file")


def mend_layouts(verdicts: Sequence[Verdict], whole: bool) -> list[Verdict]:
    """Keep the sequences and images whole of which any column is selected, where that is asked.

    A pixel at the border, or the step that is the event itself, may be the same in every row, or
    tell nothing by itself; without it a model that reads the image has no image.
    """
    if not whole:
        return list(verdicts)
    chosen = {verdict.feature for verdict in verdicts if verdict.selected}
    torn = {
        name: layout.name
        for layout in layouts([verdict.feature for verdict in verdicts])
        if chosen & set(layout.columns.values())
        for name in set(layout.columns.values()) - chosen
    }
    return [
        replace(
            verdict,
            selected=True,
            reason=f"{verdict.reason}; kept, for {torn[verdict.feature]} is read whole",
        )
        if verdict.feature in torn
        else verdict
        for verdict in verdicts
    ]


def spend(
    ranked: Sequence[Verdict], kept: frozenset[str], config: SelectionConfig
) -> list[Verdict]:
    """Take features as long as the budget lasts.

    First those that are kept, whatever they cost; then the strongest of each group; then the
    others. One that no longer fits is left out, and a cheaper one after it may still fit.
    """
    count, cost = 0, 0.0
    decided: dict[str, Verdict] = {}
    order = sorted(ranked, key=lambda v: (v.feature not in kept, v.group != v.feature))
    for verdict in order:
        price = _price(verdict.feature, config)
        over = _exceeded(count + 1, cost + price, config)
        decided[verdict.feature] = verdict
        if not verdict.selected:
            continue
        if over and verdict.feature not in kept:
            reason = f"{verdict.reason}, beyond {over}"
            decided[verdict.feature] = replace(verdict, selected=False, reason=reason)
            continue
        count, cost = count + 1, cost + price
    return [decided[verdict.feature] for verdict in ranked]


def _exceeded(count: int, cost: float, config: SelectionConfig) -> str:
    if config.max_features is not None and count > config.max_features:
        return f"the {config.max_features} strongest"
    if config.max_cost_ms is not None and cost > config.max_cost_ms:
        return f"the budget of {config.max_cost_ms:g} ms"
    return ""


def _price(feature: str, config: SelectionConfig) -> float:
    return next((ms for pattern, ms in config.costs.items() if _fits(feature, pattern)), 0.0)


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)
