"""What tests of published tables read."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tasks.core.commit import commit
from tasks.core.store import Store
from tasks.report import task
from tests.unit.report import nights


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports folder of a night and a training that were published and committed."""
    store = Store(tmp_path_factory.mktemp("published"))
    with nights.open_night(store) as run:
        task.publish(run, nights.night(run))
        task.publish_changes(run, nights.changes_frame(), nights.provenance())
        task.publish_realised(run, nights.REALISED, nights.provenance())
        task.publish_run(run, nights.run_record())
        commit(run, {})
    training = nights.training()
    tried = dataclasses.replace(training.trained, trials=nights.trials())
    with nights.open_night(store, "models", "training") as run:
        task.publish_training(run, dataclasses.replace(training, trained=tried))
        commit(run, {})
    return store.root / "reports" / "retail"
