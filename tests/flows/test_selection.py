"""A training in which no feature beats chance: its verdicts are kept, the champion goes on."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest
import yaml

from flows.demo.services import demo_services
from flows.training import train
from tasks.core.errors import DataError, ModelMissingError
from tests.flows.conftest import NIGHT, TRAINED_BY, Shop


def test_where_nothing_is_selected_the_champion_stays_and_scores(shop: Shop) -> None:
    models = shop.tables("models")
    config = yaml.safe_load(shop.file.read_text())
    config["selection"] = {"drop": ["*"]}
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    with (
        demo_services(str(shop.file)),
        pytest.raises(DataError, match="better than chance") as told,
    ):
        train.fn(str(shop.file), TRAINED_BY)

    verdicts = pl.read_parquet(told.value.where)
    assert told.value.where.endswith(f"batch_date={TRAINED_BY}/features_selected.parquet")
    assert verdicts.height == 9
    assert not verdicts["selected"].any()
    assert verdicts["reason"].unique().to_list() == ["dropped by the pipeline file"]
    assert shop.tables("models") == models
    assert shop.run().score_source == "champion"


def test_without_a_champion_nights_tell_of_the_training_that_selected_nothing(shop: Shop) -> None:
    shutil.rmtree(shop.store.root)
    config = yaml.safe_load(shop.file.read_text())
    config["selection"] = {"drop": ["*"]}
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    with (
        demo_services(str(shop.file)),
        pytest.raises(DataError, match="there is no model, and no night is scored"),
    ):
        train.fn(str(shop.file), TRAINED_BY)
    with pytest.raises(ModelMissingError, match=f"by {TRAINED_BY} no feature told labels better"):
        shop.run()
    incident = shop.store.root / f"incidents/retail/batch_date={NIGHT}/incident.json"
    assert "selection.if_none: all" in json.loads(incident.read_text())["do"]
