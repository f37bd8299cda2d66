"""Computes plans: one pass for every reduction, then one for the rows of what failed.

A plan that cannot be computed fails alone. Its error is kept beside the values of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any, Literal

import polars as pl

from expectations.engine.map_metrics import ROW_POSITION
from expectations.engine.plan import Plan, Query, Reduction, Sample

Values = dict[Hashable, Any]
Errors = dict[Hashable, Exception]


def compute(
    frame: pl.LazyFrame,
    plans: Mapping[Hashable, Plan],
    engine: Literal["streaming", "in-memory"],
) -> tuple[Values, Errors]:
    """Compute plans over one frame.

    Args:
        frame: the rows.
        plans: what to compute, by any key.
        engine: the Polars engine.

    Returns:
        The values, and the errors of the plans that have none; each key is in one of them.
    """
    run = _Run(frame, engine)
    run.reduce(plans)
    run.sample({key: plan for key, plan in plans.items() if isinstance(plan, Sample)})
    run.query({key: plan for key, plan in plans.items() if isinstance(plan, Query)})
    return run.values, run.errors


class _Run:
    def __init__(self, frame: pl.LazyFrame, engine: Literal["streaming", "in-memory"]) -> None:
        self.frame = frame
        self.schema = frame.collect_schema()
        self.empty = pl.DataFrame(schema=self.schema).with_row_index(ROW_POSITION)
        self.engine = engine
        self.values: Values = {}
        self.errors: Errors = {}

    def reduce(self, plans: Mapping[Hashable, Plan]) -> None:
        """Compute the reductions, and the counts that samples depend on."""
        shared: dict[Hashable, Reduction] = {}
        for key, plan in plans.items():
            reduction = plan.count if isinstance(plan, Sample) else plan
            if isinstance(reduction, Reduction):
                shared.setdefault(_shared_key(key, reduction), reduction)
        self._reduce(shared)
        for key, plan in plans.items():
            if isinstance(plan, Reduction):
                self._give(key, _shared_key(key, plan))

    def _reduce(self, reductions: dict[Hashable, Reduction]) -> None:
        exprs = {key: reduction.expr for key, reduction in reductions.items()}
        narrow = {key for key, reduction in reductions.items() if reduction.narrow}
        for key, found in self._evaluate(exprs, narrow).items():
            self._keep(key, reductions[key].finish, found)

    def _evaluate(
        self, exprs: dict[Hashable, pl.Expr], narrow: set[Hashable]
    ) -> dict[Hashable, Any]:
        """Compute expressions of length one together, or one by one where one of them fails."""
        try:
            return self._together(exprs, narrow)
        except Exception:  # noqa: BLE001 - whatever one of them raises is found again below
            sound = self._probe(exprs)
        try:
            return self._together(sound, narrow)
        except Exception:  # noqa: BLE001 - an error of the rows, not of the types
            return self._apart(sound)

    def _together(
        self, exprs: dict[Hashable, pl.Expr], narrow: set[Hashable]
    ) -> dict[Hashable, Any]:
        if not exprs:
            return {}
        names = {key: f"m{i}" for i, key in enumerate(exprs)}
        groups: dict[Hashable, list[pl.Expr]] = {}
        for key, expr in exprs.items():
            group = tuple(sorted(set(expr.meta.root_names()))) if key in narrow else None
            groups.setdefault(group, []).append(expr.alias(names[key]))
        frames = [self.frame.select(group) for group in groups.values()]
        columns = {c.name: c for rows in self._collect(frames) for c in rows.get_columns()}
        return {key: _python_value(columns[name]) for key, name in names.items()}

    def _probe(self, exprs: dict[Hashable, pl.Expr]) -> dict[Hashable, pl.Expr]:
        """Drop what fails on no rows at all, such as a comparison of text with numbers."""
        return {
            key: expr
            for key, expr in exprs.items()
            if self._attempt(key, partial(self.empty.select, expr)) is not None
        }

    def _apart(self, exprs: dict[Hashable, pl.Expr]) -> dict[Hashable, Any]:
        found: dict[Hashable, Any] = {}
        for key, expr in exprs.items():
            rows = self._attempt(key, partial(self._collect, [self.frame.select(expr)]))
            if rows is not None:
                found[key] = _python_value(rows[0].to_series())
        return found

    def sample(self, samples: Mapping[Hashable, Sample]) -> None:
        """Read the rows of the rules that are broken, one query for each rule."""
        groups: dict[Hashable, list[Hashable]] = {}
        for key, sample in samples.items():
            shared = _shared_key(key, sample.count)
            if shared in self.errors:
                self.errors[key] = self.errors[shared]
            elif not self.values[shared]:
                self._keep(key, sample.finish, self._no_rows(sample))
            else:
                groups.setdefault((shared, sample.limit), []).append(key)
        for keys, rows in self._rows_of(samples, list(groups.values())):
            for key in keys:
                shown = rows.select(self._columns(samples[key]))
                self._keep(key, samples[key].finish, shown)

    def _rows_of(
        self, samples: Mapping[Hashable, Sample], groups: list[list[Hashable]]
    ) -> list[tuple[list[Hashable], pl.DataFrame]]:
        frames = [self._broken_rows([samples[key] for key in keys]) for keys in groups]
        try:
            return list(zip(groups, self._collect(frames), strict=True))
        except Exception:  # noqa: BLE001 - found again below, for its own rule
            found = []
        for keys, frame in zip(groups, frames, strict=True):
            rows = self._attempt(keys[0], partial(self._collect, [frame]))
            if rows is not None:
                found.append((keys, rows[0]))
            self.errors |= {key: self.errors[keys[0]] for key in keys if rows is None}
        return found

    def _broken_rows(self, samples: list[Sample]) -> pl.LazyFrame:
        """The first rows that break one rule, with every column that a sample of it shows."""
        columns = dict.fromkeys(column for s in samples for column in self._columns(s))
        rows = self.frame.with_row_index(ROW_POSITION) if ROW_POSITION in columns else self.frame
        broken = rows.filter(samples[0].broken)
        limit = samples[0].limit
        return (broken if limit is None else broken.head(limit)).select(list(columns))

    def _columns(self, sample: Sample) -> list[str]:
        return list(self.schema if sample.columns is None else sample.columns)

    def _no_rows(self, sample: Sample) -> pl.DataFrame:
        return self.empty.select(self._columns(sample))

    def query(self, queries: Mapping[Hashable, Query]) -> None:
        """Compute frames of their own."""
        for key, query in queries.items():
            rows = self._attempt(key, partial(self._collect, [query.frame]))
            if rows is not None:
                self._keep(key, query.finish, rows[0])

    def _collect(self, frames: list[pl.LazyFrame]) -> list[pl.DataFrame]:
        return pl.collect_all(frames, engine=self.engine) if frames else []

    def _keep(self, key: Hashable, finish: Callable[[Any], Any], found: Any) -> None:
        done = self._attempt(key, lambda: (finish(found),))
        if done:
            self.values[key] = done[0]

    def _give(self, key: Hashable, shared: Hashable) -> None:
        if shared in self.errors:
            self.errors[key] = self.errors[shared]
        else:
            self.values[key] = self.values[shared]

    def _attempt(self, key: Hashable, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - kept, and raised for this metric alone
            self.errors[key] = error
            return None


def _shared_key(key: Hashable, reduction: Reduction) -> Hashable:
    return key if reduction.key is None else reduction.key


def _python_value(column: pl.Series) -> Any:
    value = column.item()
    return value.to_list() if isinstance(value, pl.Series) else value
