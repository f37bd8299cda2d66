"""Kill -9 in the middle of a training: the next one goes on, and ends with the same model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.demo.services import demo_services
from flows.training import train
from tasks.train.checkpoint import StoredCheckpoint
from tests.flows.conftest import TRAINED_BY, Shop

ROOT = Path(__file__).parents[2]


def train_and_die(shop: Shop, kill_at: int) -> None:
    words = ["-m", "tests.faults.training_child", str(shop.file), str(TRAINED_BY), str(kill_at)]
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=ROOT, timeout=240
    )
    assert done.returncode == -9, done.stderr


def test_a_killed_training_goes_on_where_it_was(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = yaml.safe_load(shop.file.read_text())
    config["model"] |= {"checkpoint_seconds": 0, "dropout": 0.1}
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    written: list[int] = []
    write = StoredCheckpoint.write

    def counted(checkpoint: StoredCheckpoint, content: bytes) -> None:
        written.append(len(content))
        write(checkpoint, content)

    monkeypatch.setattr(StoredCheckpoint, "write", counted)

    def train_on() -> tuple[str, int]:
        written.clear()
        with demo_services(str(shop.file)):
            version = train.fn(str(shop.file), TRAINED_BY).trained.version
        return version, len(written)

    def kept() -> list[Path]:
        return [path for path in (shop.store.root / "checkpoints").rglob("*") if path.is_file()]

    version, writings = train_on()
    assert not kept()
    train_and_die(shop, writings // 2 + 1)
    assert [path.name for path in kept() if not path.name.startswith(".")] == ["model"]
    assert train_on() == (version, writings - writings // 2)
    assert not kept()
