"""What preparation learned, as it travels with the model: one record for each treatment.

A treatment holds all that is needed to apply it to a row of any night: what was learned stands in
it as numbers and texts, and what is too large for that in a file of the bundle that it names by
its digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Scalar = bool | int | float | str
Action = Literal["clip", "mark", "drop"]
Step = Literal["types", "outliers", "categories", "missing", "scaling"]

SET_ASIDE = "set_aside"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the model's bundle.

    Args:
        name: its name in the bundle's folder.
        sha256: digest of its bytes, hexadecimal.
    """

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """A column read as another type; what cannot be read becomes missing.

    Args:
        column: the column.
        dtype: the type, as a pipeline file names it.
        format: of dates and times written as text; empty means ISO 8601.
    """

    column: str
    dtype: str
    format: str = ""
    kind: Literal["conversion"] = "conversion"


@dataclass(frozen=True, slots=True)
class Fence:
    """The bounds outside of which a value is an outlier.

    Args:
        column: the column.
        method: how the bounds were learned.
        low: least usual value; None where there is no bound.
        high: largest usual value; None where there is no bound.
        action: what becomes of an outlier.
    """

    column: str
    method: Literal["iqr", "zscore", "mad", "quantile"]
    low: float | None
    high: float | None
    action: Action
    kind: Literal["fence"] = "fence"


@dataclass(frozen=True, slots=True)
class Isolation:
    """An isolation forest over several columns.

    Args:
        name: of the mark, `<name>_outlier`.
        columns: what the forest sees.
        centres: the median of each column, which stands for its missing values.
        threshold: the score above which a row is an outlier, 0 to 1.
        forest: its trees, safetensors.
        action: what becomes of an outlier.
    """

    name: str
    columns: tuple[str, ...]
    centres: tuple[float, ...]
    threshold: float
    forest: Stored
    action: Literal["mark", "drop"]
    kind: Literal["isolation"] = "isolation"

    @property
    def column(self) -> str:
        """The columns as one name."""
        return ", ".join(self.columns)


@dataclass(frozen=True, slots=True)
class Grouping:
    """Categories that were common in training; all others, unseen ones too, become one.

    Args:
        column: the column.
        kept: the common ones, the most frequent first.
        other: what the others become.
    """

    column: str
    kept: tuple[str, ...]
    other: str
    kind: Literal["grouping"] = "grouping"


@dataclass(frozen=True, slots=True)
class Drop:
    """Rows that lack a value are not fitted on."""

    column: str
    kind: Literal["drop"] = "drop"


@dataclass(frozen=True, slots=True)
class Fill:
    """One value stands for every missing one.

    Args:
        column: the column.
        method: how it was learned; `none` fills nothing.
        value: the value, dates and times in ISO 8601; None where training had none at all.
        indicator: whether a column tells where values were missing.
    """

    column: str
    method: Literal["none", "constant", "mean", "median", "mode"]
    value: Scalar | None
    indicator: bool = False
    kind: Literal["fill"] = "fill"


@dataclass(frozen=True, slots=True)
class Carry:
    """A missing value is taken from other rows of the same entity.

    Args:
        column: the column.
        method: from the row before, the row after, or on the line between them.
        by: columns that name the entity.
        within_seconds: how far in time a row may lie.
        indicator: whether a column tells where values were missing.
    """

    column: str
    method: Literal["forward", "backward", "linear"]
    by: tuple[str, ...]
    within_seconds: float
    indicator: bool = False
    kind: Literal["carry"] = "carry"


@dataclass(frozen=True, slots=True)
class Prediction:
    """A missing value is told from the row's other columns by an XGBoost model.

    Args:
        column: the column.
        inputs: numeric or boolean columns, in the model's order.
        classes: the values it tells apart; empty where it gives a number.
        model: its trees, UBJSON.
        indicator: whether a column tells where values were missing.
    """

    column: str
    inputs: tuple[str, ...]
    classes: tuple[Scalar, ...]
    model: Stored
    indicator: bool = False
    kind: Literal["prediction"] = "prediction"


@dataclass(frozen=True, slots=True)
class Scaling:
    """A column on another scale, beside the column itself.

    Args:
        column: the column.
        method: the scale.
        centre: what becomes 0.
        spread: what becomes 1.
        knots: of `quantile_normal`, rising (n_knots,): quantiles at equal steps from 0 to 1.
    """

    column: str
    method: Literal["standard", "robust", "minmax", "quantile_normal"]
    centre: float = 0.0
    spread: float = 1.0
    knots: tuple[float, ...] = ()
    kind: Literal["scaling"] = "scaling"


Treatment = Conversion | Fence | Isolation | Grouping | Drop | Fill | Carry | Prediction | Scaling

_STEPS: Mapping[str, Step] = {
    "conversion": "types",
    "fence": "outliers",
    "isolation": "outliers",
    "grouping": "categories",
    "drop": "missing",
    "fill": "missing",
    "carry": "missing",
    "prediction": "missing",
    "scaling": "scaling",
}


def step_of(treatment: Treatment) -> Step:
    """The step of the chain a treatment belongs to."""
    return _STEPS[treatment.kind]


def files_of(treatment: Treatment) -> tuple[Stored, ...]:
    """The files of the bundle a treatment needs."""
    match treatment:
        case Isolation():
            return (treatment.forest,)
        case Prediction():
            return (treatment.model,)
        case _:
            return ()


@dataclass(frozen=True, slots=True)
class FeatureState:
    """What one family of features learned from training time.

    Args:
        family: digest of the family's configuration; another one would have learned otherwise.
        numbers: finite numbers, by what they are.
        texts: categories, by what they are.
    """

    family: str
    numbers: Mapping[str, tuple[float, ...]]
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preparation:
    """All that was learned from training time before the model.

    Args:
        treatments: what `prepare` learned, in the order of the chain.
        features: what families of features learned.
    """

    treatments: tuple[Treatment, ...] = ()
    features: tuple[FeatureState, ...] = ()

    @property
    def files(self) -> tuple[Stored, ...]:
        """The files of the bundle it needs."""
        return tuple(file for each in self.treatments for file in files_of(each))


@dataclass(frozen=True, slots=True)
class Learned:
    """A preparation that can be applied.

    Args:
        record: what was learned.
        files: the bytes of the files it needs, by name; a treatment whose file is not among them
            is left undone, though the columns it adds are there.
    """

    record: Preparation = field(default_factory=Preparation)
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Treated:
    """A treatment and how many rows of a run it touched.

    Args:
        treatment: what was done.
        rows: rows it was applied to.
        touched: rows that it changed, marked or set aside.
    """

    treatment: Treatment
    rows: int
    touched: int
