from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tasks.core.artifacts import Report
from tasks.core.errors import DataError, SchemaDriftError
from tasks.core.event import EventConfig
from tasks.core.parquet import read_metadata
from tasks.core.store import Store
from tasks.report import tables, task
from tasks.report.contract import TABLES, VERSION
from tests.unit.report import nights

LEADING = ("InvoiceNo", "StockCode", "line", "CustomerID")
BESIDE = {"scores", "alerts"}
LATER = {"runs", "changes", "realised", "trials"}


def file_of(published: Path, table: str) -> Path:
    """The night's table, or the training's where only trainings write it."""
    folder = published / table / f"batch_date={nights.DAY}"
    return folder / ("night.parquet" if table != "trials" else "training.parquet")


def names_of(table: str) -> list[str]:
    lead = LEADING if table in BESIDE else ()
    return [*lead, *(column.name for column in TABLES[table].columns)]


@pytest.mark.parametrize("table", TABLES)
class TestFiles:
    def test_polars_reads_the_columns_and_types_of_the_contract(self, published, table) -> None:
        frame = pl.read_parquet(file_of(published, table))
        assert frame.columns == names_of(table)
        for column in TABLES[table].columns:
            assert frame.schema[column.name] == column.dtype, column.name
            assert column.nullable or not frame[column.name].null_count(), column.name
        assert frame.height

    def test_the_file_says_what_it_is(self, published, table) -> None:
        metadata = read_metadata(file_of(published, table))
        made = nights.provenance()
        assert metadata["lamplighter.table"] == table
        assert metadata["lamplighter.contract_version"] == VERSION
        assert metadata["lamplighter.run_id"] == made.run_id
        assert metadata["lamplighter.pipeline"] == "retail"
        assert metadata["lamplighter.batch_date"] == nights.DAY
        assert metadata["lamplighter.config_sha256"] == made.config_sha256
        assert metadata["lamplighter.code_sha256"] == made.code_sha256
        assert metadata["lamplighter.model_version"] == made.model_version
        assert json.loads(metadata["lamplighter.inputs"]) == dict(made.inputs)
        assert set(json.loads(metadata["lamplighter.columns"])) <= set(names_of(table))


def test_a_night_twice_gives_the_same_bytes(tmp_path) -> None:
    def digests(root: Path, attempt: str) -> dict[str, str]:
        with nights.open_night(Store(root), attempt=attempt) as run:
            task.publish(run, nights.night(run))
            return {ref.uri: ref.sha256 for ref in run.written()}

    first = digests(tmp_path / "a", "one")
    assert first == digests(tmp_path / "b", "two")
    assert sum(uri.startswith("reports/") for uri in first) == len(TABLES) - len(LATER) + 2


def test_another_process_gives_the_same_bytes(tmp_path) -> None:
    """The order of sets and of dicts must not show: they differ with the hash seed."""
    program = (
        "import sys; from pathlib import Path\n"
        "from tasks.core.store import Store; from tasks.report import task\n"
        "from tests.unit.report import nights\n"
        "with nights.open_night(Store(Path(sys.argv[1]))) as run:\n"
        "    task.publish(run, nights.night(run))\n"
        "    print(*(ref.sha256 for ref in run.written()))\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / seed)],
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin", "TZ": zone},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]
    assert said[0] == said[1]


def test_alerts_are_the_events_to_look_at_by_rank(published) -> None:
    alerts = pl.read_parquet(file_of(published, "alerts"))
    scores = pl.read_parquet(file_of(published, "scores"))
    assert alerts["rank"].to_list() == list(range(1, 41))
    assert alerts.height == scores.filter(pl.col("decision") == "alert").height
    assert alerts["alert_id"].is_unique().all()
    assert alerts["decision_threshold"].unique().to_list() == [alerts["score"].min()]
    assert alerts["severity"][0] == "critical"
    assert "(+" in alerts["reasons_text"][0]


def test_an_alert_keeps_its_name_under_another_model(store) -> None:
    scored = nights.scores_frame().lazy()
    with nights.open_night(store) as run:
        night = nights.night(run)
        retrained = nights.night(
            run, scored=nights.scores_frame().with_columns(model_version=pl.lit("ffffffffffff"))
        )
    assert (
        tables.alerts(scored, night)["alert_id"].to_list()
        == tables.alerts(scored, retrained)["alert_id"].to_list()
    )


def test_a_night_without_alerts_has_empty_tables_of_the_same_shape(store) -> None:
    quiet = nights.scores_frame(alerts=0)
    with nights.open_night(store) as run:
        night = nights.night(run, scored=quiet, quarantine=())
        task.publish(run, night)
        written = {ref.uri.split("/")[2]: ref for ref in run.written() if ref.uri[:7] == "reports"}
        alerts = run.scan(written["alerts"]).collect()
        held = run.scan(written["quarantine"]).collect()
    assert (alerts.height, held.height) == (0, 0)
    assert alerts.columns == names_of("alerts")
    assert alerts.schema["reasons"] == TABLES["alerts"].columns[-5].dtype


def test_a_night_without_events_is_published_too(store) -> None:
    with nights.open_night(store) as run:
        night = nights.night(run, scored=nights.scores_frame().clear())
        page = run.read_bytes(task.publish(run, night)).decode()
    assert "No alert from 0 events" in page


def test_a_missing_value_where_the_contract_has_one_is_refused(store) -> None:
    scored = nights.scores_frame().with_columns(score=pl.lit(None, pl.Float64))
    with (
        nights.open_night(store) as run,
        pytest.raises(DataError, match="1512 rows without score"),
    ):
        task.publish(run, nights.night(run, scored=scored))


def test_a_missing_column_is_refused(store) -> None:
    with nights.open_night(store) as run, pytest.raises(SchemaDriftError, match="table scores"):
        task.publish(run, nights.night(run, scored=nights.scores_frame().drop("fallback_score")))


def test_keys_and_entities_may_not_be_called_as_a_column_of_the_contract() -> None:
    with pytest.raises(ValueError, match="severity"):
        EventConfig(table="lines", key=("severity",))
    with pytest.raises(ValueError, match="alert_id"):
        EventConfig(table="lines", key=("id",), entities=("alert_id",))


def test_the_run_row_counts_what_was_written(store) -> None:
    with nights.open_night(store) as run:
        before = run.write_bytes(Report, b"12345", "reports/retail/x/batch_date=2010-07-05/x.bin")
        ref = task.publish_run(run, nights.run_record())
        row = run.scan(ref).collect().row(0, named=True)
    assert before.rows == 0
    assert row["bytes_written"] == 5
    assert row["wall_seconds"] == 21.4
    assert row["cpu_seconds"] == 7.0
    assert row["peak_memory_bytes"] == 812_000_000
    assert [each["stage"] for each in row["stages"]] == ["ingest", "score"]
    assert ref.uri.endswith("runs/batch_date=2010-07-05/night.parquet")


def test_a_training_writes_its_measures_curves_and_features(store) -> None:
    with nights.open_night(store) as run:
        task.publish_training(run, nights.training())
        found = {ref.uri.split("/")[2]: ref for ref in run.written()}
        measured = run.scan(found["model_metrics"]).collect()
        features = run.scan(found["features_selected"]).collect()
    assert found["model_metrics"].uri.endswith("training.parquet")
    assert measured["x"].drop_nulls().len() == 6
    assert measured["value"].drop_nulls().len() == 14
    assert features["selected"].sum() == 8
