from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.pipeline import SHIPPED, environment, find, load
from flows.yaml_file import read_yaml
from tasks.core.errors import ConfigError

MEMBERS = [{"kind": "pca"}, {"kind": "mlp"}]


def _pipeline(tmp_path: Path, change: dict[str, Any]) -> Path:
    content = dict(read_yaml(SHIPPED / "retail.yaml").content)
    for key, value in change.items():
        *parents, last = key.split(".")
        place: Any = content
        for parent in parents:
            place = place[parent]
        place[last] = value
    path = tmp_path / "retail.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


@pytest.mark.parametrize("name", ["retail", "intrusion"])
def test_the_shipped_pipelines_load(name: str) -> None:
    assert load(name).name == name


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("name", "Retail!", "name"),
        ("timezone", "Europe/Lundon", "IANA"),
        ("schedule", "every night", "cron"),
        ("store", "s3://bucket/prefix", "not supported yet"),
        ("event.table", "line", "names the table 'line'"),
        ("event.where", "Quantity >", "SQL"),
        ("expectations", {"nothing": "retail/lines.yaml"}, "names the table 'nothing'"),
        ("event.key", ["score"], "names already"),
        ("decision", {"kind": "budget", "per_day": 0}, "greater than or equal to 1"),
        ("sources.lines.kind", "ftp", "files"),
        ("event.where", "Quantity > AVG(Quantity)", "its own row only"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, key: str, value: object, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(str(_pipeline(tmp_path, {key: value})))
    assert told in str(caught.value)
    assert "retail.yaml:" in caught.value.where


def test_a_warm_start_is_refused_where_a_model_begins_from_no_other(tmp_path: Path) -> None:
    changed: dict[str, object] = {"model": {"kind": "xgboost"}, "training.warm_start": True}
    with pytest.raises(ConfigError, match="a model of kind xgboost begins from no other"):
        load(str(_pipeline(tmp_path, changed)))
    assert load(
        str(_pipeline(tmp_path, changed | {"model": {"kind": "ranks", "members": MEMBERS}}))
    )


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ({"tuning": {"trials": 2, "space": [{"kind": "mlp"}]}}, "beside tuning"),
        ({"training.split": {"kind": "random"}}, "a split of kind random"),
        ({"training.split": {"kind": "group", "by": "Country"}}, "a split of kind group"),
    ],
)
def test_a_warm_start_is_refused_where_it_would_be_skipped(
    tmp_path: Path, beside: dict[str, object], told: str
) -> None:
    changed = {"model": {"kind": "mlp"}, "training.warm_start": True}
    assert load(str(_pipeline(tmp_path, changed)))
    with pytest.raises(ConfigError, match=told):
        load(str(_pipeline(tmp_path, changed | beside)))


@pytest.mark.parametrize("kind", ["isolation", "autoencoder", "ranks"])
def test_a_model_that_tells_no_classes_apart_is_refused_for_them(tmp_path: Path, kind: str) -> None:
    label = {"kind": "class", "column": "Country", "normal": "France"}
    with pytest.raises(ConfigError, match=f"kind {kind} tells no classes apart; take tabm"):
        load(str(_pipeline(tmp_path, {"label": label, "model": {"kind": kind}})))


COUNT = {"family": "columns", "columns": ["Quantity"]}
OF_LINES = {"family": "events", "table": "lines", "on": {"CustomerID": "CustomerID"}}
RETURNED = {
    "label": {"kind": "column", "column": "Returned", "positive": [1], "delay": "7d"},
    "features": [COUNT],
}


def _reading(**family: Any) -> dict[str, Any]:
    return {"features": [COUNT, family]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_reading(family="columns", log=["Returned"]), "features[1], family columns reads"),
        (_reading(family="columns", missing="Returned"), "in `missing`"),
        (_reading(family="expressions", expressions={"x": "2 * Returned"}), "in `expressions`"),
        (_reading(family="pairs", ratios=[["Quantity", "Returned"]]), "in `ratios`"),
        (_reading(family="crosses", hashed=[["Country", "Returned"]]), "in `hashed`"),
        (_reading(family="bins", edges={"Returned": [0]}), "in `edges`"),
        (_reading(family="categories", one_hot={"Returned": [1]}), "in `one_hot`"),
        (_reading(family="frequency", columns="Returned", windows=["7d"]), "in `columns`"),
        (_reading(family="target_rate", columns="Returned"), "in `columns`"),
        (_reading(family="novelty", entity="CustomerID", of="Returned", windows=["7d"]), "`of`"),
        (
            _reading(
                family="history",
                entity="CustomerID",
                windows=["7d"],
                statistics=["mean"],
                values=["Returned"],
                delay="6d",
            ),
            "in `values`",
        ),
        (
            _reading(
                family="sequence", entity="CustomerID", steps=2, within="9d", values="Returned"
            ),
            "in `values`",
        ),
        (
            _reading(**OF_LINES, time="InvoiceDate", windows=["7d"], where="Returned = 1"),
            "in `where`",
        ),
        (
            _reading(family="risk", entity="CustomerID", windows=["7d"], delay="1d"),
            "takes labels with a `delay` shorter",
        ),
        (
            {
                "prepare": {
                    "missing": {
                        "columns": {"UnitPrice": {"method": "xgboost", "inputs": "Returned"}}
                    }
                }
            },
            "prepare.missing.columns.UnitPrice",
        ),
        (
            {"prepare": {"outliers": {"together": [{"columns": ["Quantity", "Returned"]}]}}},
            "prepare.outliers.together, isolation",
        ),
        (
            {"prepare": {"scaling": {"columns": {"Returned": "standard"}}}},
            "prepare.scaling.columns",
        ),
        ({"event.where": "Returned = 0"}, "event.where reads"),
    ],
)
@pytest.mark.parametrize(
    "label", [{"kind": "column", "positive": [1]}, {"kind": "class", "normal": 0}]
)
def test_what_would_read_the_label_before_it_is_known_is_refused(
    tmp_path: Path, change: dict[str, Any], told: str, label: dict[str, Any]
) -> None:
    asked = RETURNED | {"label": {"column": "Returned", "delay": "7d", **label}} | change
    with pytest.raises(ConfigError, match="a night knows no label before its delay") as caught:
        load(str(_pipeline(tmp_path, asked)))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "family",
    [
        {"family": "risk", "entity": "CustomerID", "windows": ["7d"]},
        {
            "family": "risk",
            "entity": "CustomerID",
            "windows": ["7d"],
            "where": "Returned = 1",
            "delay": "7d",
        },
        {
            "family": "history",
            "entity": "CustomerID",
            "windows": ["7d"],
            "statistics": ["mean"],
            "values": ["Returned"],
            "delay": "8d",
        },
        {"family": "target_rate", "columns": "Country"},
        {"family": "columns", "missing": ["Country"]},
    ],
)
def test_labels_that_are_known_may_be_read(tmp_path: Path, family: dict[str, Any]) -> None:
    assert load(str(_pipeline(tmp_path, RETURNED | {"features": [family]})))


def test_a_secret_written_in_clear_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = _pipeline(tmp_path, {"sources.products.auth": {"bearer": "hunter2-canary"}})
    with pytest.raises(ConfigError) as caught:
        load(str(path))
    assert "hunter2-canary" not in str(caught.value)


def test_a_family_that_needs_a_time_is_refused_without_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"event\.time"):
        load(str(_pipeline(tmp_path, {"event.time": None})))


def test_a_missing_suite_is_named_with_every_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file") as caught:
        load(str(_pipeline(tmp_path, {"expectations.lines": "shop/none.yaml"})))
    assert "shop/none.yaml" in caught.value.found


def test_a_variable_without_a_value_is_named_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"PRODUCTS_URL") as caught:
        load("retail").check_secrets()
    assert "sources.products.url" in caught.value.where


def test_variables_are_read_from_the_environment_and_not_shown() -> None:
    with environment({"PRODUCTS_TOKEN": "canary-7"}):
        pipeline = load("retail")
    assert pipeline.secrets["PRODUCTS_TOKEN"].get_secret_value() == "canary-7"
    assert "canary-7" not in repr(pipeline)
    assert "canary-7" not in pipeline.digest


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    same = load(str(_pipeline(tmp_path, {}))).digest
    assert load(str(_pipeline(tmp_path, {}))).digest == same
    assert load(str(_pipeline(tmp_path, {"training.seed": 1}))).digest != same


def test_an_unknown_name_tells_where_was_looked() -> None:
    with pytest.raises(ConfigError, match="none called 'nope'") as caught:
        find("nope")
    assert "nope.yaml" in caught.value.where


def test_closed_days_are_not_open() -> None:
    calendar = load("retail").config.calendar
    assert not calendar.is_open(dt.date(2010, 7, 10))
    assert not calendar.is_open(dt.date(2010, 5, 31))
    assert calendar.is_open(dt.date(2010, 7, 12))
    assert len(calendar.open_days(dt.date(2010, 7, 5), dt.date(2010, 7, 11))) == 6
    assert calendar.open_days(dt.date(2010, 7, 5), dt.date(2010, 7, 4)) == ()
