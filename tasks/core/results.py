"""What stages answer: references, beside the few figures that the next stages and pages need."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tasks.core.artifacts import (
    Examples,
    Features,
    Landed,
    Parts,
    Prepared,
    Quality,
    Quarantined,
    Ref,
    Scores,
    Valid,
)
from tasks.core.treatments import Treated


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """What became of the rows that one stage took from one table.

    Args:
        stage: the stage.
        table: the table.
        rows_in: rows the stage took.
        rows_out: rows it passed on.
        quarantined: rows held back, each in the `quarantine` table with its reasons.
        rejected: rows left out on purpose, by named reason.
    """

    stage: str
    table: str
    rows_in: int
    rows_out: int
    quarantined: int = 0
    rejected: Mapping[str, int] = None  # type: ignore[assignment]  # set in __post_init__

    def __post_init__(self) -> None:
        object.__setattr__(self, "rejected", dict(self.rejected or {}))


@dataclass(frozen=True, slots=True)
class Ingested:
    """One source, landed for one batch date.

    Args:
        table: its typed rows.
        quarantine: the rows that could not be typed; None where there are none.
        ledger: what became of its records.
        new_columns: columns that are not declared and were taken along as text.
    """

    table: Ref[Landed]
    quarantine: Ref[Quarantined] | None
    ledger: LedgerLine
    new_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Validated:
    """All landed tables of one batch date, split into valid rows and quarantine."""

    tables: Mapping[str, Ref[Valid]]
    quarantine: tuple[Ref[Quarantined], ...]
    quality: Ref[Quality]
    ledger: tuple[LedgerLine, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One candidate feature's standing in the selection.

    Args:
        feature: the candidate.
        importance: what the method measures of its group, as a share of all candidates'.
        threshold: what that had to exceed: how far chance alone would have come.
        hits: rounds of chance that it exceeded.
        rounds: rounds that were played.
        selected: whether it is kept.
        reason: why, in words.
        permutation: loss that shuffling its group adds on held-out time; None if not measured.
        shap: mean absolute Shapley value on held-out time; None if not measured.
        stability: share of the folds in which its group beat every shadow; None if not measured.
        group: the feature that represents its group of correlated ones; itself where it is alone.
    """

    feature: str
    importance: float
    threshold: float
    hits: int
    rounds: int
    selected: bool
    reason: str
    permutation: float | None = None
    shap: float | None = None
    stability: float | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """The candidates with their verdicts, strongest first, ties by name.

    Args:
        method: the test they were put to.
        verdicts: one for each candidate.
        for_want_of_better: whether none beat chance and all are used all the same.
        telling: selected features that tell the label by themselves, each with the area under
            the ROC curve of its best use alone.
    """

    method: str
    verdicts: tuple[Verdict, ...]
    for_want_of_better: bool = False
    telling: tuple[tuple[str, float], ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """The selected features, strongest first."""
        return tuple(verdict.feature for verdict in self.verdicts if verdict.selected)


@dataclass(frozen=True, slots=True)
class Divided:
    """Labelled events, divided into the part to fit on and the parts that judge.

    Args:
        parts: the part of each.
        fitted_before: the time before which all of the fitted part lies and none of the others;
            None where parts are not divided by time.
        judged_within: the times of the first and the last event of a block that judges, where the
            fitted part may lie on both sides of it: nothing is learned from any row between them.
    """

    parts: Ref[Parts]
    fitted_before: dt.datetime | None = None
    judged_within: tuple[dt.datetime, dt.datetime] | None = None


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold of a cross-validation.

    Args:
        number: from 1.
        divided: its events.
        dates: the first and the last batch date of those that it fits or judges.
    """

    number: int
    divided: Divided
    dates: tuple[dt.date, dt.date]


@dataclass(frozen=True, slots=True)
class Joined:
    """Examples, and why the other events are none."""

    table: Ref[Examples]
    ledger: tuple[LedgerLine, ...]


@dataclass(frozen=True, slots=True)
class Built:
    """The features of a range of dates."""

    table: Ref[Features]
    names: tuple[str, ...]
    ledger: tuple[LedgerLine, ...]


@dataclass(frozen=True, slots=True)
class PreparedTable:
    """A prepared table over the dates that features need.

    Args:
        table: its rows; `set_aside` says why a row is not fitted on, where there is such a rule.
        ledger: what became of the rows of the run's dates.
        treated: each treatment with the rows of these dates it touched.
    """

    table: Ref[Prepared]
    ledger: tuple[LedgerLine, ...]
    treated: tuple[Treated, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is expected of something, with its 95% interval.

    Args:
        name: the measure.
        value: its value.
        low: lower end of the interval.
        high: its upper end.
        rows: rows it was estimated from.
    """

    name: str
    value: float
    low: float
    high: float
    rows: int


PassedKind = Literal["failed", "late", "far", "rests"]


@dataclass(frozen=True, slots=True)
class Passed:
    """A rung of the ladder that gave no scores, or whose scores were not taken.

    Args:
        source: `champion`, `previous` or `fallback`.
        version: its bundle.
        role: `model` or `fallback`: its member of the bundle.
        kind: `failed`; `late`: it ran out of time; `far`: its scores are unlike those of its
            training; `rests`: it was late too often to be asked.
        why: in words.
    """

    source: str
    version: str
    role: str
    kind: PassedKind
    why: str

    @property
    def model(self) -> str:
        """Names the member: `<version>/<role>`."""
        return f"{self.version}/{self.role}"

    def __str__(self) -> str:
        return f"{self.source} {self.version}: {self.why}"


@dataclass(frozen=True, slots=True)
class Shadow:
    """What a model that does not serve scored: `event_id`, `batch_date`, `score`."""

    version: str
    table: Ref[Scores]


@dataclass(frozen=True, slots=True)
class Scored:
    """A night's scores and how they came about.

    Args:
        table: the scores.
        ledger: events in and scores out.
        source: the rung of the ladder that scored: `champion`, `previous` or `fallback`.
        model_version: the version that scored.
        role: its member of the bundle that scored: `model` or `fallback`.
        passed: the rungs above it, with why they gave no scores.
        expected: what the decision is expected to bring, by the model's own test part.
        not_expected: what of the decision that leaves out; empty where it is the whole of it.
        warnings: what a reader should know of scores and decisions, one sentence each.
    """

    table: Ref[Scores]
    ledger: tuple[LedgerLine, ...]
    source: str
    model_version: str
    role: str = "model"
    passed: tuple[Passed, ...] = ()
    expected: tuple[Estimate, ...] = ()
    not_expected: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def degraded(self) -> str:
        """Why a lower rung had to serve; empty where the champion did."""
        return "; ".join(map(str, self.passed))
