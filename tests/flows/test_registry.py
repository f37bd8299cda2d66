"""A challenger in the shadow, promoted by labels or by hand, and rolled back."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import uuid
from pathlib import Path
from typing import NoReturn, cast

import numpy as np
import polars as pl
import pytest
import yaml
from click.testing import CliRunner

from flows import promotion
from flows.beside import Rows
from flows.cli import cli
from flows.demo.services import demo_services
from flows.history import History
from flows.monitoring import monitor
from flows.pipeline import load
from flows.training import Training, train
from tasks.core.commit import open_run
from tasks.core.errors import ConfigError, StoreError
from tasks.models.aliases import BATCH, read_aliases
from tasks.models.base import AT_ONCE
from tasks.models.bundle import open_bundle
from tasks.models.comparison import Comparison
from tasks.models.records import Trained
from tests.flows.conftest import NIGHT, TRAINED_BY, Shop

BETTER = Comparison(1000, 50, 0.4, 0.2, 0.1, 0.3)


def _write_rule(shop: Shop, rule: str) -> None:
    config = yaml.safe_load(shop.file.read_text())
    config["training"]["promotion"] = {"rule": rule}
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))


def _train(shop: Shop, rule: str, days: int = 1) -> Training:
    _write_rule(shop, rule)
    with demo_services(str(shop.file)):
        return train.fn(str(shop.file), TRAINED_BY + dt.timedelta(days=days))


def _scores(shop: Shop) -> pl.DataFrame:
    folder = shop.store.root / f"reports/retail/scores/batch_date={NIGHT}"
    return pl.read_parquet(folder / "night.parquet", hive_partitioning=False)


def test_a_training_is_compared_with_the_champion_on_rows_unseen_by_both(shop: Shop) -> None:
    champion = read_aliases(shop.store, "retail").versions["champion"]
    trained = _train(shop, "better")
    assert not trained.standing.champion
    assert "that neither was fitted on" in trained.standing.order.why
    versions = read_aliases(shop.store, "retail").versions
    assert versions == {"champion": champion, "challenger": trained.trained.version}


def test_a_champion_that_cannot_score_the_events_gives_way(shop: Shop) -> None:
    config = yaml.safe_load(shop.file.read_text())
    champion = read_aliases(shop.store, "retail").champion
    kept = json.loads(shop.store.read_bytes(champion))["facts"]["features"]
    families = [f for f in config["features"] if f["family"] != "columns"]
    config["features"] = [*families, {"family": "columns", "columns": ["Quantity"]}]
    config["selection"]["keep"] = ["Quantity"]
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    assert "log_Quantity" in kept
    trained = _train(shop, "better")
    assert trained.standing.champion
    assert "the champion cannot score" in trained.standing.order.why


def test_a_champion_gives_way_unheard_only_where_it_is_damaged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, say, says nothing of it: then the new model challenges it, with a warning."""
    _write_rule(shop, "better")
    pipeline, champion = load(str(shop.file)), read_aliases(shop.store, "retail").champion
    rows = Rows((), cast("History", None), {}, None, (TRAINED_BY, TRAINED_BY))

    def full(*_: object) -> NoReturn:
        raise StoreError("room in the store", found="No space left on device")

    monkeypatch.setattr(promotion, "beside", full)

    def heard() -> tuple[bool, str]:
        with open_run(shop.store, "retail", BATCH, uuid.uuid4().hex) as run:
            found = promotion.champion_beside(run, pipeline, rows)
            facts = open_bundle(run.store, champion).facts
            trained = Trained(champion, (), "new", facts.reference, (), (), (), AT_ONCE)
            stands = promotion.standing(run, pipeline, trained, champion, found)
        return stands.champion, stands.order.why

    serves, why = heard()
    assert not serves
    assert "could not be compared" in why
    assert "No space left" in why
    shop.store.path(champion.uri).with_name("model.safetensors").write_bytes(b"")
    serves, why = heard()
    assert serves
    assert "SHA-256" in why


def test_a_challenger_scores_in_the_shadow_and_changes_nothing_else(shop: Shop) -> None:
    shop.run()
    alone = _scores(shop)
    challenger = _train(shop, "manual").trained.version
    night = shop.run()
    beside = _scores(shop)
    assert beside["challenger_version"].unique().to_list() == [challenger]
    assert beside["challenger_score"].null_count() == 0
    same = [c for c in alone.columns if not c.startswith("challenger") and c != "run_id"]
    assert beside.select(same).equals(alone.select(same))

    folder = shop.store.path(read_aliases(shop.store, "retail").challenger.uri).parent
    (folder / "model.safetensors").write_bytes(b"")
    damaged = shop.run()
    assert damaged.alerts == night.alerts
    assert any("challenger did not score" in warning for warning in damaged.warnings)
    assert _scores(shop)["challenger_score"].null_count() == beside.height


def test_what_a_challenger_scored_in_the_shadow_it_scores_as_the_champion(shop: Shop) -> None:
    _train(shop, "manual")
    shop.run()
    shadow = _scores(shop)["challenger_score"]
    promotion.promote.fn(str(shop.file))
    shop.run()
    assert _scores(shop)["score"].equals(shadow)


def test_known_labels_promote_a_better_challenger(shop: Shop) -> None:
    version = _train(shop, "manual").trained.version
    shop.bring_answers()
    shop.run()
    with demo_services(str(shop.file)):
        told = monitor.fn(str(shop.file), NIGHT + dt.timedelta(days=11)).challenger
    assert told.startswith("challenger against champion in the nights so far: ")
    loaded = load(str(shop.file))
    assert "approve it" in promotion.promote_better(loaded, BETTER)
    assert read_aliases(shop.store, "retail").versions["challenger"] == version
    worse = dataclasses.replace(BETTER, low=-0.1)
    rule = loaded.config.training.promotion.model_copy(update={"rule": "better"})
    training = loaded.config.training.model_copy(update={"promotion": rule})
    free = dataclasses.replace(
        loaded, config=loaded.config.model_copy(update={"training": training})
    )
    promotion.promote_better(free, worse)
    assert read_aliases(shop.store, "retail").versions["challenger"] == version
    promotion.promote_better(free, BETTER)
    aliases = read_aliases(shop.store, "retail")
    assert aliases.versions["champion"] == version
    assert (aliases.moves[-1].by, aliases.challenger) == ("monitor", None)


def test_models_are_promoted_rolled_back_shown_and_compared(shop: Shop) -> None:
    first = read_aliases(shop.store, "retail").versions["champion"]
    second = _train(shop, "manual").trained.version
    name, run = str(shop.file), CliRunner().invoke

    def told(*words: str):
        done = run(cli, ["models", words[0], name, *words[1:], "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    assert told("promote") == {"champion": second, "previous": first}
    with pytest.raises(ConfigError, match="a challenger to promote"):
        run(cli, ["models", "promote", name], catch_exceptions=False)
    assert told("rollback", "--why", "alerts doubled") == {"champion": first, "previous": second}
    listed = told("list")
    assert [(m["version"], m["alias"]) for m in listed["models"]] == [
        (second, "previous"),
        (first, "champion"),
    ]
    assert (listed["moves"][-1]["why"], listed["moves"][-1]["before"]) == ("alerts doubled", second)
    shown = told("show", "previous")
    assert (shown["version"], shown["alias"]) == (second, "previous")
    assert shown["energy"]["watt_hours"] > 0
    page = run(cli, ["models", "show", name]).stdout
    assert page.startswith(f"# retail {first}, champion")
    different = told("diff", first, second)
    assert "data.labels_known_by" in {row[""] for row in different["differences"]}
    # Nothing of either version was lost on the way, and a night still runs.
    assert shop.run().model_version == first


def test_a_promotion_from_the_form_says_who_approved(shop: Shop) -> None:
    version = _train(shop, "manual").trained.version
    options = promotion.PromotionOptions(by="Ada", why="looked at the page")
    assert promotion.promote.fn(str(shop.file), options)["champion"] == version
    move = read_aliases(shop.store, "retail").moves[-1]
    assert (move.by, move.why, move.version) == ("Ada", "looked at the page", version)


def test_a_network_is_exported_for_other_programs(shop: Shop, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    file, first = tmp_path / "champion.onnx", read_aliases(shop.store, "retail").champion
    done = CliRunner().invoke(cli, ["models", "export", str(shop.file), "--to", str(file)])
    assert done.exit_code == 0, done.output
    bundle = open_bundle(shop.store, first)
    rows = np.full((3, len(bundle.facts.features)), np.nan, np.float32)
    rows[1:] = [[0], [7]]
    (found,) = onnxruntime.InferenceSession(file).run(["score"], {"rows": rows})
    expected = bundle.read("model").scorer.score(rows)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
