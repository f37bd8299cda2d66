"""A training with a budget: its card says what was spent, and nothing tells the key."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from flows.demo.services import demo_services
from flows.model_card import card, markdown
from flows.pipeline import load
from flows.training import train
from tasks.core.errors import ConfigError
from tasks.models.aliases import read_aliases
from tests.flows.conftest import TRAINED_BY, Shop

pytest.importorskip("opacus", reason="the extra private is not installed")

KEY = "5e" * 16
PRIVACY = {"epsilon": 3.0, "delta": 1e-5, "key": "${PRIVACY_KEY}"}


def _with(shop: Shop, **training: Any) -> None:
    config = yaml.safe_load(shop.file.read_text())
    config["training"] |= {"privacy": PRIVACY, **training}
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))


def test_the_card_says_what_was_spent_and_on_what_not(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with(shop)
    monkeypatch.setenv("PRIVACY_KEY", KEY)
    with demo_services(str(shop.file)):
        done = train.fn(str(shop.file), TRAINED_BY)
    assert done.trained.failure == ""
    pipeline = load(str(shop.file))
    told = card(pipeline, read_aliases(shop.store, "retail"), done.trained.model)
    spent = told["privacy"]
    assert 2.5 < spent.epsilon <= 3.0
    text = markdown(told)
    assert f"spent epsilon {spent.epsilon:.2f} at delta 1e-05" in text
    assert "the fallback beside the model" in text
    stored = (path for path in shop.folder.rglob("*") if path.is_file())
    assert not [path for path in stored if KEY.encode() in path.read_bytes()]


def test_a_key_that_can_be_guessed_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _with(shop)
    monkeypatch.setenv("PRIVACY_KEY", "short")
    with (
        demo_services(str(shop.file)),
        pytest.raises(ConfigError, match="a key of 32 characters") as caught,
    ):
        train.fn(str(shop.file), TRAINED_BY)
    assert "short" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": {"kind": "xgboost"}}, "kind xgboost"),
        ({"model": {"kind": "mlp", "mixup": 0.2}}, "mixup"),
        ({"tuning": {"trials": 1, "space": [{"kind": "tree"}]}}, "kind tree"),
    ],
)
def test_a_pipeline_whose_model_cannot_keep_it_is_refused(
    shop: Shop, change: dict[str, Any], told: str
) -> None:
    _with(shop)
    config = yaml.safe_load(shop.file.read_text())
    shop.file.write_text(yaml.safe_dump(config | change, sort_keys=False))
    with pytest.raises(ConfigError, match=told):
        load(str(shop.file))


def test_a_warm_start_would_tell_twice(shop: Shop) -> None:
    _with(shop, warm_start=True)
    with pytest.raises(ConfigError, match="tell twice"):
        load(str(shop.file))
