"""A training and a night after it, on a small real store."""

import dataclasses
import datetime as dt
import json
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.core.artifacts import Examples, Features, Labels, Prepared, Ref
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import IntegrityError, ModelError, ModelMissingError
from tasks.core.event import EventConfig
from tasks.core.keys import digest_bytes
from tasks.core.results import Passed, Selection, Verdict
from tasks.core.run import Run
from tasks.core.store import Store, table_uri
from tasks.core.treatments import Fence, Fill, Learned, Prediction, Preparation, Stored
from tasks.models import bundle
from tasks.models.aliases import BATCH, read_aliases
from tasks.models.config import ModelConfig, TabMConfig, XGBoostConfig
from tasks.models.records import TrainingReference
from tasks.monitor.task import realise
from tasks.score.asking import Unscored
from tasks.score.config import BudgetDecision
from tasks.score.ladder import Footing, first_footing, footings, rungs
from tasks.score.task import score
from tasks.train.config import BlockFolds, RandomSplit, SplitConfig, TimeSplit, TrainingConfig
from tasks.train.task import (
    divide_events,
    divide_folds,
    join_examples,
    measure_fold,
    register,
    train,
)

NAMES = ("amount", "visits", "noise")
SMALL = TabMConfig(
    bins=4, embedding=4, layers=2, heads=2, width=16, epochs=5, batch_rows=64, threads=1
)
CONFIG = TrainingConfig(split=TimeSplit(), bootstrap_rounds=5, alerts_per_day=3, seed=7)
EVENT = EventConfig(table="lines", key=("InvoiceNo",), time="event_time")
FILE = b"trees"
LEARNED = Learned(
    Preparation(
        (
            Fill("amount", "median", 0.5),
            Fence("amount", "iqr", None, 9.0, "clip"),
            Prediction("visits", ("amount",), (), Stored("prepare-v.ubj", digest_bytes(FILE))),
        )
    ),
    {"prepare-v.ubj": FILE},
)
REFERENCE = TrainingReference("2011-01-01", "2011-01-30", "2011-03-01", "run", 7, "c", "d", "0")


def selection() -> Selection:
    return Selection(
        "shadow", tuple(Verdict(name, 1.0, 0.5, 5, 5, True, "beats its shadow") for name in NAMES)
    )


def events(rows: int, first: dt.date, days: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, 3)).astype(np.float32)
    chance = 1 / (1 + np.exp(-(2.5 * table[:, 0] + table[:, 1] ** 2 - 3)))
    labels = (generator.random(rows) < chance).astype(np.int8)
    table[generator.random((rows, 3)) < 0.05] = np.nan
    day = np.sort(generator.integers(0, days, rows))
    start = dt.datetime.combine(first, dt.time())
    frame = pl.DataFrame(
        {
            "event_id": [f"{first:%m}-{i:05d}" for i in range(rows)],
            "InvoiceNo": [str(i) for i in range(rows)],
            "event_time": [start + dt.timedelta(days=int(d), seconds=i) for i, d in enumerate(day)],
            "batch_date": [first + dt.timedelta(days=int(d)) for d in day],
        }
    ).with_columns(pl.Series(name, table[:, j]) for j, name in enumerate(NAMES))
    return frame, frame.select("event_id", "event_time", "batch_date", label=pl.Series(labels))


def examples_of(
    run: Run,
    config: TrainingConfig,
    features: pl.DataFrame,
    labels: pl.DataFrame,
    first: dt.date = dt.date(2011, 1, 1),
) -> Ref[Examples]:
    def uri(layer: str) -> str:
        return table_uri(layer, run.pipeline, "lines", BATCH)

    known = run.write_table(Labels, labels, uri("labels"))
    prepared = run.write_table(Prepared, features.select("InvoiceNo"), uri("prepared"))
    written = run.write_table(Features, features, uri("features"))
    dates = first, first + dt.timedelta(days=29)
    divided = divide_events(run, config, known, dates, dt.timedelta(0))
    return join_examples(run, EVENT, written, divided, prepared).table


def train_once(store: Store, seed: int = 7, model: ModelConfig = SMALL, learned: Learned = LEARNED):
    config = CONFIG.model_copy(update={"seed": seed})
    with open_run(store, "retail", BATCH, uuid.uuid4().hex) as run:
        features, labels = events(3000, dt.date(2011, 1, 1), 30, seed=1)
        examples = examples_of(run, config, features, labels)
        trained = train(run, model, config, examples, selection(), learned, REFERENCE)
        register(run, config, trained)
        commit(run, {})
    return trained


def _footing(store: Store) -> Footing:
    """The whole ladder: what the rungs learned is the same."""
    aliases = read_aliases(store, "retail")
    found = first_footing(store, aliases)
    places = tuple(rungs(aliases))
    return dataclasses.replace(
        found, rungs=places, beside=tuple(r for r in places if r.role == "fallback")
    )


def score_once(store: Store, day: dt.date = dt.date(2011, 3, 2), rows: int = 400):
    with open_run(store, "retail", day.isoformat(), "night") as run:
        features, labels = events(rows, day, 1, seed=2)
        ref = run.write_table(
            Features, features, table_uri("features", "retail", "lines", run.batch)
        )
        known = run.write_table(Labels, labels, table_uri("labels", "retail", "lines", run.batch))
        scored = score(Unscored(run, ref), BudgetDecision(per_day=20), _footing(store))
        commit(run, {})
    return scored, known


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_a_pipeline_without_a_model_says_how_to_get_one(store: Store) -> None:
    with pytest.raises(ModelMissingError, match="lamplighter train retail"):
        read_aliases(store, "retail")


def test_a_night_is_scored_by_the_champion_and_realised_later(store: Store) -> None:
    trained = train_once(store)
    scored, labels = score_once(store)
    table = store.scan(scored.table).collect()
    assert table.columns == [
        *("event_id", "InvoiceNo", "event_time", "batch_date"),
        *("score", "probability", "p_value", "q_value", "predicted"),
        *("interval_low", "interval_high", "interval_level", "fallback_score"),
        *("challenger_score", "challenger_version", "rank", "decision"),
        *("queue", "propensity", "expected_loss", "score_source", "model_version", "reasons"),
    ]
    assert table["score_source"].unique().to_list() == ["champion"]
    assert table["model_version"].unique().to_list() == [trained.version]
    assert scored.degraded == ""
    assert table["event_time"].is_sorted()
    table = table.sort("rank")
    assert table["rank"].to_list() == list(range(1, 401))
    assert table["decision"].value_counts().sort("decision").rows() == [
        ("alert", 20),
        ("pass", 380),
    ]
    assert table["reasons"].list.len().head(20).min() > 0
    assert table["reasons"].list.len().tail(380).max() == 0
    assert table["score"].is_sorted(descending=True)
    assert table["probability"].is_between(0, 1).all()
    quality = realise(store, [scored.table], [labels])
    assert quality.overall.known == 400
    assert quality.overall.average_precision > 2 * quality.overall.base_rate
    assert quality.overall.fallback_average_precision > 2 * quality.overall.base_rate
    assert quality.nights[0].alerts == 20


def test_metrics_name_both_models_and_their_intervals(store: Store) -> None:
    trained = train_once(store)
    assert {metric.model for metric in trained.metrics} == {"tabm", "xgboost"}
    found = {m.metric: m for m in trained.metrics if m.model == "tabm"}
    assert found["average_precision"].low <= found["average_precision"].value
    assert found["average_precision"].value <= found["average_precision"].high
    assert {"roc_auc", "brier", "log_loss", "base_rate", "accuracy", "recall"} <= set(found)
    assert "recall_at_3_a_day" in found
    assert {c.kind for c in trained.curves} == {
        *("precision_recall", "roc", "calibration", "probabilities", "learning"),
    }
    assert [part.part for part in trained.parts] == ["fit", "stop", "calibrate", "test"]


def test_the_same_training_twice_is_the_same_bundle(store: Store, tmp_path: Path) -> None:
    first, second = train_once(store), train_once(Store(tmp_path / "other"))
    assert first.version == second.version
    assert first.files == second.files


def test_training_again_keeps_the_champion_as_previous(store: Store) -> None:
    first, second = train_once(store, 7), train_once(store, 8)
    aliases = read_aliases(store, "retail")
    assert bundle.version_of(aliases.champion) == second.version
    assert bundle.version_of(aliases.previous) == first.version
    assert [entry.version for entry in aliases.history] == [first.version, second.version]
    assert bundle.load(store, aliases.previous).facts.features == NAMES


def test_training_the_same_again_leaves_the_previous_in_place(store: Store) -> None:
    first = train_once(store, 7)
    train_once(store, 8)
    train_once(store, 8)
    assert bundle.version_of(read_aliases(store, "retail").previous) == first.version


def test_versions_beyond_the_retention_are_taken_away(store: Store) -> None:
    versions = [train_once(store, seed).version for seed in range(7)]
    kept = {path.parent.name for path in store.root.glob("models/retail/*/model.json")}
    assert kept == set(versions[-5:])
    record = last_commit(store, "retail", BATCH)
    assert all(store.verify(ref) for ref in record.files)


@pytest.mark.parametrize(
    ("broken", "source"),
    [
        (("champion/model.safetensors",), "previous"),
        (("champion/model.json",), "previous"),
        (("champion/model-calibration.safetensors",), "previous"),
        (("champion/model.safetensors", "previous/model.safetensors"), "fallback"),
        (("champion/model.safetensors", "previous/model.json"), "fallback"),
        (("champion/model.json", "previous/model.safetensors"), "fallback"),
    ],
)
def test_a_damaged_model_gives_way_to_the_next_rung(
    store: Store, broken: tuple[str, ...], source: str
) -> None:
    versions = {"previous": train_once(store, 7).version, "champion": train_once(store, 8).version}
    for name in broken:
        alias, file = name.split("/")
        flip_a_bit(store.root / "models" / "retail" / versions[alias] / file)
    scored, _ = score_once(store)
    table = store.scan(scored.table).collect()
    assert scored.source == source
    assert table["score_source"].unique().to_list() == [source]
    assert table.filter(decision="alert")["reasons"].list.len().min() > 0
    assert "SHA-256" in scored.degraded


def test_a_missing_model_file_gives_way_to_the_next_rung(store: Store) -> None:
    trained = train_once(store)
    (store.root / f"models/retail/{trained.version}/model.safetensors").unlink()
    scored, _ = score_once(store)
    assert (scored.source, "no such file" in scored.degraded) == ("fallback", True)


def test_when_no_rung_is_left_the_night_says_so(store: Store) -> None:
    trained = train_once(store)
    flip_a_bit(store.root / f"models/retail/{trained.version}/model.json")
    with pytest.raises(ModelError, match="Train the pipeline again"):
        score_once(store)


def test_scores_that_are_no_numbers_give_way_to_the_next_rung(store: Store) -> None:
    trained = train_once(store)
    fitted = bundle.load(store, trained.model)
    fitted.model.scorer.network.body.last_bias.data.fill_(np.nan)
    with open_run(store, "retail", BATCH, uuid.uuid4().hex) as run:
        ref, files = bundle.save(run, fitted)
        broken = dataclasses.replace(
            trained, model=ref, files=files, version=bundle.version_of(ref)
        )
        register(run, CONFIG, broken)
        commit(run, {})
    scored, _ = score_once(store)
    assert (scored.source, scored.model_version) == ("previous", trained.version)
    assert "NaN in body.last_bias" in scored.degraded


def test_a_damaged_previous_does_not_stand_in_the_way_of_training(store: Store) -> None:
    trained = train_once(store, 7)
    flip_a_bit(store.root / f"models/retail/{trained.version}/model.safetensors")
    train_once(store, 8)
    assert read_aliases(store, "retail").previous is None


@pytest.mark.filterwarnings("ignore")
def test_rungs_stand_together_only_where_they_learned_the_same(store: Store) -> None:
    def sources() -> list[list[str]]:
        found = footings(store, read_aliases(store, "retail"), passed, {})
        return [[rung.source for rung in footing.rungs] for footing in found]

    passed: list[Passed] = []
    train_once(store)
    train_once(store, seed=8)
    assert sources() == [["champion", "previous", "fallback", "fallback"]]
    train_once(store, seed=9, learned=Learned())
    first, *_ = footings(store, read_aliases(store, "retail"), passed, {})
    assert sources() == [["champion"], ["previous"], ["fallback"], ["fallback"]]
    assert [rung.ref for rung in first.beside] == [read_aliases(store, "retail").champion]
    assert passed == []


def test_a_training_that_diverges_leaves_the_fallback_to_score(store: Store) -> None:
    wild = SMALL.model_copy(update={"learning_rate": 1e30, "gradient_clip": 1e30})
    trained = train_once(store, model=wild)
    assert "not finite" in trained.failure
    assert {metric.model for metric in trained.metrics} == {"xgboost"}
    scored, _ = score_once(store)
    assert scored.source == "fallback"
    assert "not finite" in scored.degraded


def test_a_pipeline_that_chose_xgboost_has_one_model(store: Store) -> None:
    trained = train_once(store, model=XGBoostConfig(rounds=30, threads=1))
    assert len(trained.metrics) == len({metric.metric for metric in trained.metrics})
    scored, _ = score_once(store)
    table = store.scan(scored.table).collect()
    assert scored.source == "champion"
    assert table["score"].equals(table["fallback_score"].alias("score"))


def test_a_night_without_events_has_an_empty_table(store: Store) -> None:
    train_once(store)
    scored, labels = score_once(store, rows=0)
    assert store.scan(scored.table).collect().height == 0
    assert realise(store, [scored.table], [labels]).nights == ()


def test_damaged_aliases_are_refused(store: Store) -> None:
    train_once(store)
    flip_a_bit(store.root / "models/retail/aliases.json")
    with pytest.raises(IntegrityError):
        read_aliases(store, "retail")


def test_a_fresh_process_gives_the_same_scores(store: Store) -> None:
    trained = train_once(store)
    table = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32)
    here = bundle.load(store, trained.model)
    np.save(store.root / "table.npy", table)
    code = (
        "import sys, json, numpy as np; from pathlib import Path\n"
        "from tasks.core.artifacts import Ref; from tasks.core.store import Store\n"
        "from tasks.models import bundle\n"
        "root, uri, sha = sys.argv[1:]\n"
        "fitted = bundle.load(Store(Path(root)), Ref(uri, sha, 0, 'model'))\n"
        "table = np.load(Path(root) / 'table.npy')\n"
        "members = (fitted.model, fitted.fallback)\n"
        "print(json.dumps([m.scorer.score(table).tolist() for m in members]))\n"
    )
    arguments = [str(store.root), trained.model.uri, trained.model.sha256]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    there = np.array(json.loads(done.stdout))
    for member, scores in zip((here.model, here.fallback), there, strict=True):
        np.testing.assert_allclose(member.scorer.score(table), scores, atol=1e-6)


def test_deduplicated_figures_stand_beside_the_raw_ones(store: Store) -> None:
    config = TrainingConfig(split=RandomSplit(), deduplicate="also", bootstrap_rounds=0)
    with open_run(store, "intrusion", BATCH, "a") as run:
        features, labels = events(2000, dt.date(2011, 1, 1), 30, seed=1)
        doubled = features.with_columns(pl.col("event_id") + "-again")
        twice = pl.concat([features, doubled])
        known = pl.concat([labels, labels.with_columns(pl.col("event_id") + "-again")])
        examples = examples_of(run, config, twice, known)
        trained = train(run, SMALL, config, examples, selection(), LEARNED, REFERENCE)
    rows = {metric.split: metric.rows for metric in trained.metrics}
    assert rows["test"] == pytest.approx(800, abs=2)
    assert 0 < rows["test_deduplicated"] < 450


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


BEFORE, SAME = dt.date(2010, 12, 1), dt.date(2011, 1, 1)


@pytest.mark.parametrize(
    ("first", "split", "width", "taken"),
    [
        (BEFORE, TimeSplit(), 16, True),
        (BEFORE, RandomSplit(), 16, True),
        (BEFORE, TimeSplit(), 8, False),
        (SAME, TimeSplit(stop=0.02, calibrate=0.02, test=0.2), 16, False),
        (SAME, RandomSplit(), 16, False),
    ],
    ids=["earlier", "earlier, random", "another width", "later parts", "the same time, random"],
)
def test_a_warm_start_is_kept_where_it_wins_and_has_seen_nothing_that_judges(
    store: Store, first: dt.date, split: SplitConfig, width: int, taken: bool
) -> None:
    """The champion learned from ten times the rows: it wins wherever it may take part.

    Its selection named the same features in another order.
    """
    other = dataclasses.replace(selection(), verdicts=selection().verdicts[::-1])
    model = SMALL.model_copy(update={"width": width})
    with open_run(store, "retail", BATCH, "champion") as run:
        config = CONFIG.model_copy(update={"split": split})
        examples = examples_of(run, config, *events(5000, first, 30, seed=1), first)
        champion = train(run, model, config, examples, other, LEARNED, REFERENCE)
        commit(run, {})
    with open_run(store, "retail", BATCH, "warm") as run:
        features, labels = events(5000, SAME, 30, seed=1)
        few = features.gather_every(10), labels.gather_every(10)
        examples = examples_of(run, CONFIG, *few)
        cold, begun = (
            train(run, SMALL, c, examples, selection(), LEARNED, REFERENCE, champion.model)
            for c in (CONFIG, CONFIG.model_copy(update={"warm_start": True}))
        )
        assert bundle.load(run, begun.model).facts.features == NAMES[::-1]
    assert (begun.not_begun == "") == taken
    reached = [max(e.stop_metric for e in t.history.epochs) for t in (cold, begun)]
    assert (reached[1] > reached[0]) == taken


def rare(rows: int, places: set[int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events of which few are positive."""
    features, labels = events(rows, dt.date(2011, 1, 1), 30, seed=1)
    found = pl.Series([int(place in places) for place in range(rows)], dtype=pl.Int8)
    return features, labels.with_columns(label=found)


def test_a_fold_that_lacks_a_class_is_left_out_and_named(store: Store) -> None:
    """Before anything is learned; here the rows that stop the first fold hold no positive."""
    few = {*range(0, 500, 50), *range(700, 3000, 40)}
    config = CONFIG.model_copy(update={"folds": BlockFolds(folds=3)})
    features, labels = rare(3000, few)
    dates = dt.date(2011, 1, 1), dt.date(2011, 1, 30)
    with open_run(store, "retail", BATCH, "folds") as run:
        known = run.write_table(Labels, labels, table_uri("labels", "retail", "lines", BATCH))
        divided = divide_events(run, config, known, dates, dt.timedelta(0))
        folds, left_out = divide_folds(run, config, divided, dt.timedelta(0))
        assert [fold.number for fold in folds] == [2, 3]
        assert [fold.dates[0] for fold in folds] == [dates[0], dates[0]]
        assert folds[0].dates[1] < folds[1].dates[1] == dates[1]
        (told,) = left_out
        assert told.startswith("Fold 1 is not measured: required positive and negative examples")
        assert "'stop'; found 0 positive of " in told
        prepared = features.select("InvoiceNo")
        uris = (table_uri(layer, "retail", "lines", BATCH) for layer in ("prepared", "features"))
        rows = run.write_table(Prepared, prepared, next(uris))
        built = run.write_table(Features, features, next(uris))
        joined = join_examples(run, EVENT, built, folds[0].divided, rows, "fold-2").table
        own = 2, joined, NAMES
        metrics = measure_fold(run, SMALL, config, own, "run")
        assert {m.split for m in metrics} == {"fold_2"}
        wild = SMALL.model_copy(update={"learning_rate": 1e30, "gradient_clip": 1e30})
        with pytest.raises(ModelError, match="not finite"):
            measure_fold(run, wild, config, own, "wild")


@pytest.mark.parametrize("past_only", [True, False])
def test_a_fold_s_other_events_are_named_so_that_nothing_is_learned_of_them(
    store: Store, past_only: bool
) -> None:
    """Those that judge, those too near to them, and those of the training's own embargo."""
    split, delay = TimeSplit(embargo=dt.timedelta(days=3)), dt.timedelta(days=2)
    config = CONFIG.model_copy(
        update={"split": split, "folds": BlockFolds(folds=3, past_only=past_only)}
    )
    labels = events(3000, dt.date(2011, 1, 1), 30, seed=1)[1]
    with open_run(store, "retail", BATCH, "folds") as run:
        known = run.write_table(Labels, labels, table_uri("labels", "retail", "lines", BATCH))
        dates = dt.date(2011, 1, 1), dt.date(2011, 1, 30)
        divided = divide_events(run, config, known, dates, delay)
        folds, _ = divide_folds(run, config, divided, delay)
        assert len(folds) == 3
        for fold in folds:
            parts = run.scan(fold.divided.parts).collect()
            assert sorted(parts["event_id"]) == sorted(labels["event_id"])
            times = {part: parts.filter(part=part)["event_time"] for part in parts["part"].unique()}
            assert times["embargo"].len() > 100
            judged = times["test"].min(), times["test"].max()
            near = [(t + delay >= judged[0]) & (t - delay <= judged[1]) for t in [times["fit"]]]
            assert not near[0].any()
            assert times["fit"].max() < fold.divided.fitted_before <= times["stop"].min()
            assert fold.divided.judged_within == judged
            if past_only:
                assert fold.divided.fitted_before <= judged[0]
