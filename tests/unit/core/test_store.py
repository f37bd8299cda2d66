from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from tasks.core.artifacts import Landed, Ref
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import BusyError, IntegrityError, StoreError
from tasks.core.run import Run
from tasks.core.store import Store, table_uri

URI = table_uri("landed", "shop", "lines", "2010-01-04")
TRAVERSALS = [
    "/etc/passwd",
    "../x",
    "landed/../../x",
    "landed/..",
    "",
    "a\0b",
    "..\\x",
    "a/../../b",
    "./../../x",
]


def _publish(store: Store, frame: pl.DataFrame, attempt: str = "a") -> Ref[Landed]:
    with open_run(store, "shop", "2010-01-04", attempt) as run:
        ref = run.write_table(Landed, frame, URI)
        commit(run, {"run_id": attempt})
    return ref


def test_a_committed_table_reads_back_the_same(store: Store) -> None:
    frame = pl.DataFrame({"a": [1, None, 3], "b": ["x", "y", None]})
    ref = _publish(store, frame)
    assert store.scan(ref).collect().equals(frame)
    assert ref.rows == 3


def test_a_lazy_frame_and_a_frame_give_the_same_bytes(store: Store) -> None:
    frame = pl.DataFrame({"a": range(300_001)})
    with open_run(store, "shop", "2010-01-04", "a") as run:
        eager = run.write_table(Landed, frame, "landed/a.parquet")
        lazy = run.write_table(Landed, frame.lazy(), "landed/b.parquet")
    assert eager.sha256 == lazy.sha256


def test_an_empty_table_keeps_its_schema(store: Store) -> None:
    schema = {"a": pl.Int32, "b": pl.Datetime("us")}
    ref = _publish(store, pl.DataFrame(schema=schema))
    assert store.scan(ref).collect_schema() == pl.Schema(schema)


def test_a_flipped_bit_is_never_read(store: Store) -> None:
    ref = _publish(store, pl.DataFrame({"a": range(1000)}))
    path = store.path(ref.uri)
    content = bytearray(path.read_bytes())
    for position in range(0, len(content), max(1, len(content) // 100)):
        content[position] ^= 1
        path.write_bytes(content)
        with pytest.raises(IntegrityError, match=ref.sha256):
            store.scan(ref)
        content[position] ^= 1


def test_a_missing_file_is_named(store: Store) -> None:
    ref = _publish(store, pl.DataFrame({"a": [1]}))
    store.path(ref.uri).unlink()
    with pytest.raises(IntegrityError, match="no such file"):
        store.read_bytes(ref)


@pytest.mark.parametrize("uri", TRAVERSALS)
def test_no_uri_leaves_the_store(store: Store, uri: str) -> None:
    with pytest.raises(StoreError):
        store.path(uri)


def test_no_link_leaves_the_store(store: Store, tmp_path: Path) -> None:
    store.root.mkdir()
    (store.root / "out").symlink_to(tmp_path)
    with pytest.raises(StoreError):
        store.path("out/secret")


def test_what_is_not_committed_is_thrown_away(store: Store) -> None:
    with open_run(store, "shop", "2010-01-04", "a") as run:
        run.write_table(Landed, pl.DataFrame({"a": [1]}), URI)
    assert last_commit(store, "shop", "2010-01-04") is None
    assert not store.path(URI).exists()
    assert not run.staging.exists()


def test_a_failing_run_leaves_the_old_batch(store: Store) -> None:
    ref = _publish(store, pl.DataFrame({"a": [1]}))

    def fail() -> None:
        with open_run(store, "shop", "2010-01-04", "b") as run:
            run.write_table(Landed, pl.DataFrame({"a": [2]}), URI)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        fail()
    assert store.scan(ref).collect()["a"].to_list() == [1]


def test_files_a_batch_no_longer_has_go_away(store: Store) -> None:
    _publish(store, pl.DataFrame({"a": [1]}))
    with open_run(store, "shop", "2010-01-04", "b") as run:
        run.write_table(Landed, pl.DataFrame({"a": [2]}), "landed/shop/other.parquet")
        commit(run, {})
    assert not store.path(URI).exists()
    assert store.path("landed/shop/other.parquet").is_file()


def test_two_runs_at_once_have_one_winner(store: Store) -> None:
    with (
        open_run(store, "shop", "2010-01-04", "a"),
        pytest.raises(BusyError, match="a run that is still going: a"),
        open_run(store, "shop", "2010-01-04", "b"),
    ):
        pass


def test_other_dates_and_pipelines_run_beside(store: Store) -> None:
    with (
        open_run(store, "shop", "2010-01-04", "a"),
        open_run(store, "shop", "2010-01-05", "b"),
        open_run(store, "bank", "2010-01-04", "c"),
    ):
        pass


def test_a_stale_holder_is_fenced_off(store: Store) -> None:
    with open_run(store, "shop", "2010-01-04", "stale") as stale:
        stale.write_table(Landed, pl.DataFrame({"a": [1]}), URI)
        late = Run(store, "shop", "2010-01-04", "stale", stale.fence - 1)
        with pytest.raises(BusyError, match="later run"):
            commit(late, {})
    assert last_commit(store, "shop", "2010-01-04") is None


def test_fences_grow(store: Store) -> None:
    fences = []
    for attempt in "abc":
        with open_run(store, "shop", "2010-01-04", attempt) as run:
            fences.append(run.fence)
    assert fences == sorted(set(fences))


def test_a_later_format_is_refused(store: Store) -> None:
    store.root.mkdir()
    (store.root / "lamplighter.json").write_text('{"format": 99}')
    with pytest.raises(StoreError, match="format 99"), open_run(store, "shop", "x", "a"):
        pass


def test_a_damaged_commit_record_is_named(store: Store) -> None:
    _publish(store, pl.DataFrame({"a": [1]}))
    record = store.path("commits/shop/2010-01-04.json")
    record.write_text(record.read_text()[:-20])
    with pytest.raises(IntegrityError, match="commit record"):
        last_commit(store, "shop", "2010-01-04")


def test_a_run_reads_its_own_files_before_it_commits(store: Store) -> None:
    with open_run(store, "shop", "2010-01-04", "a") as run:
        ref = run.write_table(Landed, pl.DataFrame({"a": [7]}), URI)
        assert run.scan(ref).collect().item() == 7
        assert not os.path.exists(store.root / URI)  # noqa: PTH110  # no confinement wanted here


def test_the_root_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made, shared = Store(tmp_path / "deep" / "store"), Store(tmp_path / "shared")
        shared.root.mkdir(0o750)
        for store in (made, shared):
            _publish(store, pl.DataFrame({"a": [1]}))
    finally:
        os.umask(before)
    assert made.root.stat().st_mode & 0o777 == 0o700
    assert made.root.parent.stat().st_mode & 0o777 == 0o777
    assert shared.root.stat().st_mode & 0o777 == 0o750
