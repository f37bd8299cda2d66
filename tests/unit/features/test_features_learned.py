"""What families learn from training time: right, the same every time, and of the past."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter

from tasks.core.errors import ConfigError
from tasks.core.event import EventConfig
from tasks.core.keys import canonical_json
from tasks.core.treatments import FeatureState
from tasks.features.build import build_on, build_plain
from tasks.features.config import FeaturesConfig
from tasks.features.learned import learn
from tasks.features.timeline import Timeline
from tests.unit.features.reference import Row

EVENT = EventConfig(table="t", key=("id",), time="at")
START = dt.date(2020, 1, 1)
PLAIN: Row = {"family": "columns", "columns": ["a", "b", "c"]}
RATE: Row = {"family": "target_rate", "columns": "kind", "blocks": 4, "smoothing": 2, "delay": "2d"}


def table(rows: int = 600, seed: int = 0) -> pl.DataFrame:
    """Two directions of three columns, three clouds, a category with a rate of its own."""
    generator = np.random.default_rng(seed)
    cloud = generator.integers(0, 3, rows)
    along = generator.normal(size=rows) + 10 * cloud
    days = np.sort(generator.integers(0, 20, rows))
    kind = generator.choice(["p", "q", "r"], rows, p=[0.6, 0.35, 0.05])
    return pl.DataFrame(
        {
            "id": range(rows),
            "at": [dt.datetime(2020, 1, 1, 12) + dt.timedelta(days=int(day)) for day in days],
            "batch_date": [START + dt.timedelta(days=int(day)) for day in days],
            "a": along,
            "b": -2 * along + generator.normal(size=rows) * 0.01,
            "c": generator.normal(size=rows),
            "kind": kind,
            "label": (generator.random(rows) < np.where(kind == "q", 0.5, 0.1)).astype(np.int8),
        }
    ).with_columns(pl.when(pl.col("id") % 50 != 0).then(pl.col("c")))


def timeline(rows: pl.DataFrame, wanted: pl.Series | None = None) -> Timeline:
    if wanted is None:
        wanted = pl.repeat(True, rows.height, dtype=pl.Boolean, eager=True)
    return Timeline(rows, EVENT, wanted, {}, rows["label"])


def learned(families: list[Row], rows: pl.DataFrame, until: dt.date) -> tuple[FeatureState, ...]:
    config = FeaturesConfig.model_validate(families)
    past = timeline(rows, rows["batch_date"] <= until)
    return learn(config, past, build_plain(config, past))


def made(
    families: list[Row], rows: pl.DataFrame, until: dt.date = START + dt.timedelta(days=14)
) -> pl.DataFrame:
    states = learned(families, rows, until)
    return build_on(FeaturesConfig.model_validate(families), timeline(rows), states)


def test_components_are_those_of_a_singular_value_decomposition() -> None:
    rows = table()
    family = {"family": "components", "count": 2, "residual": True, "of": ["a", "b", "c"]}
    found = made([PLAIN, family], rows, START + dt.timedelta(days=30))
    matrix = rows.select("a", "b", pl.col("c").fill_null(pl.col("c").mean())).to_numpy()
    deviation = np.where([True, True, False], matrix.std(axis=0), rows["c"].std(ddof=0))
    scaled = (matrix - matrix.mean(axis=0)) / deviation
    places = scaled @ np.linalg.svd(scaled, full_matrices=False)[2].T
    for number in (1, 2):
        ours, theirs = found[f"component_{number}"].to_numpy(), places[:, number - 1]
        assert np.allclose(np.abs(ours), np.abs(theirs), atol=1e-4)
    assert np.allclose(found["component_residual"], np.abs(places[:, 2]), atol=1e-4)


def test_clusters_find_the_clouds() -> None:
    rows = table()
    family = {"family": "clusters", "count": 3, "of": ["a", "b"]}
    found = made([PLAIN, family], rows)
    cloud = (rows["a"] / 10).round(0).clip(0, 2)
    pairs = pl.DataFrame({"cloud": cloud, "cluster": found["cluster"]}).unique()
    assert pairs["cluster"].n_unique() == 3
    assert (found["cluster_distance"] >= 0).all()
    agreed = pl.DataFrame({"cloud": cloud, "cluster": found["cluster"]}).group_by("cluster")
    assert agreed.agg(pl.col("cloud").mode().first()).get_column("cloud").n_unique() == 3


def test_quantile_bins_have_as_many_training_rows_each() -> None:
    rows = table()
    family = {"family": "quantile_bins", "bins": 4, "of": ["a", "c"]}
    found = made([PLAIN, family], rows, START + dt.timedelta(days=30))
    assert found["a.bin4"].value_counts()["count"].to_list() == [150] * 4
    assert found["c.bin4"].null_count() == rows["c"].null_count()


def test_a_target_rate_is_of_labels_known_before_the_block() -> None:
    rows = table()
    found = made([PLAIN, RATE], rows)["kind.target_rate"].to_list()
    dates = sorted(set(rows.filter(pl.col("batch_date") <= START + dt.timedelta(14))["batch_date"]))
    starts = [dates[len(dates) * block // 4] for block in range(1, 4)]
    end = dates[-1] + dt.timedelta(days=1)
    starts += [end, end + dt.timedelta(days=2)]
    some = 0
    for row, rate in zip(rows.to_dicts(), found, strict=True):
        before = [start for start in starts if start <= row["batch_date"]]
        known = [
            other
            for other in rows.to_dicts()
            if before
            and other["batch_date"] + dt.timedelta(days=3) <= before[-1]
            and other["batch_date"] <= dates[-1]
        ]
        if not known:
            assert rate is None
            continue
        some += 1
        base = np.mean([other["label"] for other in known])
        own = [other["label"] for other in known if other["kind"] == row["kind"]]
        expected = (sum(own) + 2 * base) / (len(own) + 2) if own else base
        assert rate == pytest.approx(expected, rel=1e-5)
    assert some > 300


def test_no_later_label_moves_a_target_rate_even_when_it_is_learned_again() -> None:
    rows, cut = table(), START + dt.timedelta(days=9)
    flipped = rows.with_columns(
        pl.when(pl.col("batch_date") >= cut - dt.timedelta(days=2))
        .then(1 - pl.col("label"))
        .otherwise("label")
    )
    before = rows["batch_date"] < cut
    one, other = (made([PLAIN, RATE], each).filter(before) for each in (rows, flipped))
    assert one["kind.target_rate"].drop_nulls().len() > 0
    assert one.equals(other, null_equal=True)


FAMILIES = [
    {"family": "components"},
    {"family": "clusters", "count": 3},
    {"family": "quantile_bins"},
    RATE,
]


def test_what_was_learned_is_the_same_twice_and_survives_json() -> None:
    families, rows = [PLAIN, *FAMILIES], table()
    until = START + dt.timedelta(days=14)
    once, again = (learned(families, rows, until) for _ in range(2))
    assert once == again
    written = canonical_json([dataclasses.asdict(state) for state in once])
    read = TypeAdapter(tuple[FeatureState, ...]).validate_python(json.loads(written))
    config = FeaturesConfig.model_validate(families)
    kept = build_on(config, timeline(rows), read)
    assert kept.equals(build_on(config, timeline(rows), once), null_equal=True)


def test_applied_to_one_row_the_values_are_those_of_the_whole() -> None:
    families, rows = [PLAIN, *FAMILIES], table()
    states = learned(families, rows, START + dt.timedelta(days=14))
    config = FeaturesConfig.model_validate(families)
    whole = build_on(config, timeline(rows), states)
    for number in (0, 300, 599):
        one = build_on(config, timeline(rows, rows["id"] == number), states)
        assert one.equals(whole[number], null_equal=True)


def test_a_family_that_was_not_learned_gives_no_features() -> None:
    rows = table()
    states = learned([PLAIN, {"family": "components"}], rows, START + dt.timedelta(days=14))
    changed = FeaturesConfig.model_validate([PLAIN, {"family": "components", "count": 3}])
    assert build_on(changed, timeline(rows), states).columns == ["a", "b", "c"]


def test_features_that_no_family_builds_are_named() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        made([PLAIN, {"family": "components", "of": "nowhere"}], table())


def test_after_training_time_rates_follow_the_labels_until_all_are_known() -> None:
    family = RATE | {"delay": "7d", "blocks": 5, "smoothing": 0}
    rows = table().with_columns(kind=pl.lit("p"))
    until = START + dt.timedelta(days=9)
    found = made([PLAIN, family], rows, until)["kind.target_rate"]
    for day in range(10, 20):
        last = min(START + dt.timedelta(days=day - 8), until)
        known = rows.filter(pl.col("batch_date") <= last)["label"].mean()
        (rate,) = found.filter(rows["batch_date"] == START + dt.timedelta(days=day)).unique()
        assert rate == pytest.approx(known, rel=1e-5)
