"""Where a training keeps its state."""

import pytest

from tasks.core.store import Store
from tasks.train.checkpoint import checkpoint_of, clear_checkpoints


def test_what_was_written_last_is_read(store: Store) -> None:
    checkpoint = checkpoint_of(store, "retail", "run-1", "model")
    assert checkpoint.read() is None
    checkpoint.write(b"one")
    checkpoint.write(b"two")
    assert checkpoint_of(store, "retail", "run-1", "model").read() == b"two"


@pytest.mark.parametrize(
    "place",
    [("retail", "run-2", "model"), ("retail", "run-1", "fold-1"), ("other", "run-1", "model")],
)
def test_another_training_finds_nothing(store: Store, place: tuple[str, str, str]) -> None:
    checkpoint_of(store, "retail", "run-1", "model").write(b"one")
    assert checkpoint_of(store, *place).read() is None


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 32])
def test_changed_bytes_are_nothing(store: Store, damage: bytes) -> None:
    checkpoint = checkpoint_of(store, "retail", "run-1", "model")
    checkpoint.write(b"one")
    checkpoint.path.write_bytes(damage + checkpoint.path.read_bytes()[len(damage) + 1 :])
    assert checkpoint.read() is None


def test_a_pipeline_s_checkpoints_are_taken_away_together(store: Store) -> None:
    mine = [checkpoint_of(store, "retail", run, "model") for run in ("run-1", "run-2")]
    other = checkpoint_of(store, "other", "run-1", "model")
    for checkpoint in (*mine, other):
        checkpoint.write(b"one")
    clear_checkpoints(store, "retail")
    assert [each.read() for each in (*mine, other)] == [None, None, b"one"]
