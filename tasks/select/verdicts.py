"""What becomes of each candidate, and why, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tasks.core.results import Verdict
from tasks.select.config import SelectionConfig
from tasks.select.folds import Evidence
from tasks.select.problem import Positions, Tested

_WORDS: Mapping[str, tuple[str, str]] = {
    "null_importance": ("beats shuffled labels", "does not beat shuffled labels"),
    "shadow": ("beats its shadows", "does not beat its shadows"),
    "permutation": (
        "beats shuffled labels on held-out time",
        "does not beat shuffled labels on held-out time",
    ),
    "forward": ("lowers the loss on held-out time", "does not lower the loss on held-out time"),
    "l1": ("in the sparse linear model", "not in the sparse linear model"),
}


def judge(
    names: Sequence[str],
    groups: Positions,
    tested: Tested,
    evidence: Evidence | None,
    config: SelectionConfig,
) -> list[Verdict]:
    """Say which features passed.

    Args:
        names: the features that were tried.
        groups: the number of each one's group.
        tested: the outcome of the test, one entry a group.
        evidence: what folds of the past say of each feature.
        config: what else is asked of them.

    Returns:
        One verdict for each feature, in the order of names; groups share theirs.
    """
    total = float(np.maximum(tested.importance, 0).sum()) or 1.0
    verdicts = []
    for i, (name, group) in enumerate(zip(names, groups, strict=True)):
        passed, reason = _outcome(config, tested, group, evidence, i)
        verdicts.append(
            Verdict(
                feature=name,
                importance=float(tested.importance[group]) / total,
                threshold=float(tested.threshold[group]) / total,
                hits=int(tested.hits[group]),
                rounds=tested.rounds,
                selected=passed,
                reason=reason,
                permutation=_at(evidence, "permutation", i),
                shap=_at(evidence, "shap", i),
                stability=_at(evidence, "stability", i),
                group=name,
            )
        )
    return [*_grouped(verdicts, groups, config)]


def rank(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Strongest first: by share in predictions of held-out time, then importance, then name."""
    return sorted(verdicts, key=lambda v: (-(v.shap or 0.0), -v.importance, v.feature))


def _outcome(
    config: SelectionConfig, tested: Tested, group: int, evidence: Evidence | None, feature: int
) -> tuple[bool, str]:
    """Whether a feature passes, and why."""
    passed = bool(tested.passed[group])
    reason = _WORDS[config.method][0 if passed else 1]
    if passed and tested.importance[group] <= tested.threshold[group]:
        reason = f"{reason} by itself"
    stability = _at(evidence, "stability", feature)
    if passed and stability is not None and stability < config.min_stability:
        return False, f"{reason}, but every shadow in {stability:.0%} of the folds only"
    return passed, reason


def _grouped(
    verdicts: Sequence[Verdict], groups: Positions, config: SelectionConfig
) -> Iterator[Verdict]:
    members: dict[int, list[Verdict]] = {}
    for verdict, group in zip(verdicts, groups, strict=True):
        members.setdefault(int(group), []).append(verdict)
    for verdict, group in zip(verdicts, groups, strict=True):
        first, *others = (each.feature for each in rank(members[int(group)]))
        if not others:
            yield verdict
        elif verdict.feature == first:
            reason = f"{verdict.reason}; represents {', '.join(sorted(others))}"
            yield replace(verdict, reason=reason)
        else:
            yield replace(
                verdict,
                group=first,
                reason=f"{verdict.reason}; represented by {first}",
                selected=verdict.selected and config.of_a_group == "all",
            )


def _at(evidence: Evidence | None, what: str, position: int) -> float | None:
    found = np.nan if evidence is None else float(getattr(evidence, what)[position])
    return None if np.isnan(found) else found
