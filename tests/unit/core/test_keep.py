"""A batch that keeps what it published before."""

from pathlib import Path

import polars as pl
import pytest

from tasks.core.artifacts import Model
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import IntegrityError
from tasks.core.store import Store


def test_a_kept_file_stays_and_an_unlisted_one_goes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with open_run(store, "p", "models", "first") as run:
        kept = run.write_bytes(Model, b"kept", "models/p/1/model.json")
        gone = run.write_bytes(Model, b"gone", "models/p/0/model.json")
        commit(run, {})
    with open_run(store, "p", "models", "second") as run:
        assert run.keep(kept) == kept
        new = run.write_table(Model, pl.DataFrame({"a": [1]}), "models/p/2/table.parquet")
        commit(run, {})
    record = last_commit(store, "p", "models")
    assert record is not None
    assert set(record.files) == {kept, new}
    assert store.read_bytes(kept) == b"kept"
    assert not store.path(gone.uri).exists()


def test_a_kept_file_survives_a_run_that_does_not_commit(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with open_run(store, "p", "models", "first") as run:
        kept = run.write_bytes(Model, b"kept", "models/p/1/model.json")
        commit(run, {})
    with open_run(store, "p", "models", "second") as run:
        run.keep(kept)
    assert store.read_bytes(kept) == b"kept"


def test_a_damaged_file_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with open_run(store, "p", "models", "first") as run:
        ref = run.write_bytes(Model, b"kept", "models/p/1/model.json")
        commit(run, {})
    store.path(ref.uri).write_bytes(b"other")
    with open_run(store, "p", "models", "second") as run, pytest.raises(IntegrityError):
        run.keep(ref)
