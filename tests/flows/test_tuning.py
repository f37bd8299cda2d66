"""A training that searches its settings first."""

from __future__ import annotations

import json

import polars as pl
import yaml

from flows.demo.services import demo_services
from flows.training import train
from tasks.core.store import Store
from tasks.models import bundle
from tasks.models.aliases import read_aliases
from tests.flows.conftest import TRAINED_BY, Shop


def test_the_chosen_settings_are_the_champion_s_and_every_trial_is_told(shop: Shop) -> None:
    config = yaml.safe_load(shop.file.read_text())
    config["tuning"] = {
        "method": "random",
        "trials": 3,
        "space": [
            {"kind": "xgboost", "depth": {"from": 2, "to": 4}, "rounds": 20},
            {"kind": "mlp", "width": [4, 8], "layers": 1, "epochs": 1},
        ],
    }
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    with demo_services(str(shop.file)):
        done = train.fn(str(shop.file), TRAINED_BY)
    store: Store = shop.store
    trials = pl.read_parquet(
        store.root / f"reports/retail/trials/batch_date={TRAINED_BY}/*.parquet"
    )
    assert trials["number"].to_list() == [0, 1, 2]
    assert set(trials["state"]) == {"done"}
    assert set(trials["model_version"]) == {done.trained.version}
    chosen = trials.filter("chosen").to_dicts()
    assert [row["value"] for row in chosen] == [trials["value"].max()]
    model = bundle.load(store, read_aliases(store, "retail").champion).model
    assert model is not None
    assert model.config.kind == chosen[0]["model"]
    assert model.config.model_dump().items() >= json.loads(chosen[0]["settings"]).items()
    assert not list((store.root / "checkpoints").rglob("trial*"))
