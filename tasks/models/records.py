"""Small records about a model that travel between the stages and into reports; nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.core.artifacts import Model, Ref
from tasks.models.base import History


@dataclass(frozen=True, slots=True)
class Metric:
    """One measure of one model on one part of the data.

    Args:
        model: the kind of model, `tabm` for example.
        split: `test`; `test_deduplicated` where repeated rows were left out; `test, COLUMN = VALUE`
            of a segment; `fold_1` and so on of a cross-validation, and `folds` of its mean.
        metric: the measure's name.
        value: the measure; one that is not defined has no record.
        low: lower end of the 95% bootstrap interval; None where none was drawn.
        high: its upper end.
        rows: rows it was measured on.
    """

    model: str
    split: str
    metric: str
    value: float
    low: float | None
    high: float | None
    rows: int


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a diagram, thinned to what an eye can tell apart.

    Args:
        model: the kind of model.
        split: as in `Metric`.
        kind: `precision_recall` (x recall), `roc` (x false-alarm rate, y recall), `calibration`
            (x mean probability, y share of positives), `probabilities` (x edges of bins, one more
            than y, their rows) or `learning` (x epoch, y average precision). Of values: `truth`
            (x predicted, y true value of some rows), `coverage` (x share that intervals are to
            hold, y share they held), `residuals` and `values` (x edges of bins of true less
            predicted value, and of the predicted one, y rows). Of classes: `class_confusion: NAME`
            (x places of classes in the order of these curves, y rows of NAME that were called so).
        x: (n_points,).
        y: (n_points,), of bins (n_points - 1,).
    """

    model: str
    split: str
    kind: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration that a tuning tried.

    Args:
        number: in the order of the trials, from 0.
        model: the kind of model.
        settings: what was chosen of the space, as JSON.
        part: what judged it: `stop`, the part by which training stops, or inner `folds`.
        value: the stop metric there, higher being better; None where the trial failed.
        state: `done`, `pruned` or `failed`.
        epochs: epochs, or trees, that were trained.
        reason: why it ended.
        chosen: whether the model was trained with it.
    """

    number: int
    model: str
    settings: str
    part: str
    value: float | None
    state: str
    epochs: int
    reason: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class PartCount:
    """Rows of one part of the split, and its positives; of values the mean of its labels."""

    part: str
    rows: int
    positives: int
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class TrainingReference:
    """What a model was trained on, and with.

    Args:
        first_date: first batch date of the training window, ISO.
        last_date: its last batch date.
        known_by: the date by which the labels were known.
        run_id: the training run.
        seed: the seed of split, initial weights and order.
        config_digest: SHA-256 of the pipeline's configuration.
        code_digest: SHA-256 of the code.
        code_version: version of Lamplighter.
        inputs: SHA-256 of each table read, by URI.
    """

    first_date: str
    last_date: str
    known_by: str
    run_id: str
    seed: int
    config_digest: str
    code_digest: str
    code_version: str
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training: the bundle, and what a report shows of it.

    Args:
        model: the bundle's manifest.
        files: every file of the bundle, the manifest included.
        version: the bundle's name: the first 12 digits of the manifest's digest.
        reference: what it was trained on.
        parts: rows and positives of each part of the split.
        metrics: of the model and of the fallback.
        curves: of the model and of the fallback.
        history: of the model; of the fallback where the model failed.
        failure: why there is no deep model in the bundle; empty where there is one.
        trials: of the tuning that chose the model's settings; none where nothing was tuned.
        not_begun: why it did not begin from the champion, though asked to; empty where it tried.
    """

    model: Ref[Model]
    files: tuple[Ref[Model], ...]
    version: str
    reference: TrainingReference
    parts: tuple[PartCount, ...]
    metrics: tuple[Metric, ...]
    curves: tuple[Curve, ...]
    history: History
    failure: str = ""
    trials: tuple[Trial, ...] = ()
    not_begun: str = ""
