"""Examples of a division of events: what is learned, is learned of its fitted part alone."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass

from flows.history import inputs
from flows.material import Material
from flows.pipeline import Pipeline
from flows.preparing import Reached, prepare_on
from tasks.core.artifacts import Labels, Ref
from tasks.core.results import Built, Divided, Fold, Joined, LedgerLine, PreparedTable
from tasks.core.run import Run
from tasks.core.treatments import FeatureState, Learned
from tasks.features.inputs import Inputs
from tasks.features.task import build_features, learn_features
from tasks.labels.config import OwnColumn
from tasks.prepare.task import fit_preparation
from tasks.train.task import join_examples

Dates = tuple[dt.date, dt.date]
_NAME = "part-0"


@dataclass(frozen=True, slots=True)
class Sample:
    """Examples, and what they were made by.

    Args:
        learned: the treatments, and what features learned.
        prepared: the prepared rows.
        reached: all prepared rows that features read.
        built: the features.
        joined: the examples.
    """

    learned: Learned
    prepared: PreparedTable
    reached: Reached
    built: Built
    joined: Joined

    @property
    def ledger(self) -> tuple[LedgerLine, ...]:
        """Every stage's lines, in the order the stages ran."""
        return (*self.prepared.ledger, *self.built.ledger, *self.joined.ledger)


@dataclass(frozen=True, slots=True)
class Making:
    """What examples are made from.

    Args:
        run: the training's run.
        pipeline: the pipeline.
        material: the events.
        labels: of the examples, and of their history where features take those.
    """

    run: Run
    pipeline: Pipeline
    material: Material
    labels: Ref[Labels]

    def whole(self, divided: Divided) -> Sample:
        """The examples of the training: all is learned of its own fitted part."""
        dates = self.material.dates
        treatments = self._learn(divided, dates)
        prepared, reached = self._prepare(treatments, dates, _NAME)
        learned, built = self._build(treatments, reached, divided, dates, _NAME)
        joined = self._join(built, divided, prepared, _NAME)
        return Sample(learned, prepared, reached, built, joined)

    def of_fold(self, fold: Fold, whole: Sample) -> Sample:
        """The examples of a fold: all is learned anew, of the fold's fitted part.

        What comes out as it did for the whole training is taken from there.
        """
        divided, dates, name = fold.divided, fold.dates, f"fold-{fold.number}"
        learned = self._learn(divided, dates)
        prepared, reached, built = whole.prepared, whole.reached, whole.built
        changed = learned.record.treatments != whole.learned.record.treatments
        if changed:
            prepared, reached = self._prepare(learned, dates, name)
        if changed or self.pipeline.config.features.learns:
            learned, built = self._build(learned, reached, divided, dates, name)
        joined = self._join(built, divided, prepared, name)
        return Sample(learned, prepared, reached, built, joined)

    def _learn(self, divided: Divided, dates: Dates) -> Learned:
        config = self.pipeline.config
        seen = self.material.past.events.between(*dates)
        label = config.label.column if isinstance(config.label, OwnColumn) else None
        return fit_preparation(self.run, config.preparation, config.event, seen, divided, label)

    def _prepare(self, learned: Learned, dates: Dates, name: str) -> tuple[PreparedTable, Reached]:
        past = self.material.past.events.between(dates[0] - self.pipeline.config.lookback, dates[1])
        return prepare_on(self.run, self.pipeline, learned, past, dates, name)

    def _build(
        self,
        learned: Learned,
        reached: Reached,
        divided: Divided,
        dates: Dates,
        name: str,
    ) -> tuple[Learned, Built]:
        config, executor = self.pipeline.config, self.pipeline.executor
        asked = self.labels if config.features.reads_labels else None
        past, dimensions = self.material.past, self.material.dimensions
        read = inputs(self.pipeline, reached, past, dimensions, asked)
        states = self._states(dataclasses.replace(read, labels=self.labels), divided, dates)
        built = build_features(
            self.run, config.features, config.event, read, dates, states, executor, name
        )
        record = dataclasses.replace(learned.record, features=states)
        return dataclasses.replace(learned, record=record), built

    def _states(self, read: Inputs, divided: Divided, dates: Dates) -> tuple[FeatureState, ...]:
        """What families of features learn from the events the model is fitted on."""
        config, executor = self.pipeline.config, self.pipeline.executor
        if not config.features.learns:
            return ()
        event = config.event
        return learn_features(self.run, config.features, event, read, dates, divided, executor)

    def _join(self, built: Built, divided: Divided, prepared: PreparedTable, name: str) -> Joined:
        event = self.pipeline.config.event
        return join_examples(self.run, event, built.table, divided, prepared.table, name)
