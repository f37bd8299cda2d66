"""Which folder has which work pool on a server that several share."""

from __future__ import annotations

import datetime as dt
import shutil
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.exceptions import ObjectNotFound

from flows.service import deployments, identity, pool, stale
from flows.service.identity import Identity, establish
from flows.service.places import Places
from tasks.core.errors import ConfigError


def _folder(parent: Path, name: str = "Shop & Sons") -> Places:
    (parent / name).mkdir(parents=True)
    return Places(parent / name)


def test_a_folder_keeps_the_name_it_got_and_folders_of_one_name_get_two(tmp_path: Path) -> None:
    here, there = _folder(tmp_path / "a"), _folder(tmp_path / "b")
    ours, theirs = establish(here), establish(there)
    assert ours.name.startswith("shop-sons-")
    assert theirs.name.startswith("shop-sons-")
    assert ours.name != theirs.name
    assert establish(here) == ours
    renamed = establish(here, "shop")
    assert (renamed.name, renamed.key) == ("shop", ours.key)
    assert establish(here) == renamed
    assert stat.S_IMODE(here.state.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["Shop", "-shop", "prefect-shop", "a/b", "", "s" * 64])
def test_a_name_that_no_pool_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--name"):
        establish(Places(tmp_path), name)


@pytest.mark.parametrize("name", ["prefect-runs", "数据", "x" * 90])
def test_any_folder_has_a_name_that_a_pool_can_have(name: str, tmp_path: Path) -> None:
    made = establish(_folder(tmp_path, name))
    assert identity._NAME.fullmatch(made.name)


def test_a_pipeline_file_finds_the_service_of_its_folder(tmp_path: Path) -> None:
    made = establish(_folder(tmp_path, "shop"))
    (made.folder / "pipelines").mkdir()
    assert identity.of_pipeline(made.folder) == made
    assert identity.of_pipeline(made.folder / "pipelines") == made
    assert identity.of_pipeline(tmp_path) is None


class _Server:
    """Answers as a server would that has one work pool, with or without a worker that lives."""

    def __init__(self, description: str | None = None, beats: tuple[int, ...] = ()) -> None:
        self.description = description
        self._beats = iter(beats)

    def read_work_pool(self, name: str) -> SimpleNamespace:
        if self.description is None:
            raise ObjectNotFound(Exception(name))
        return SimpleNamespace(name=name, description=self.description)

    def create_work_pool(self, asked: Any) -> SimpleNamespace:
        self.description = asked.description
        return SimpleNamespace(name=asked.name, description=asked.description)

    def update_work_pool(self, _: str, asked: Any) -> None:
        self.description = asked.description

    def read_workers_for_work_pool(self, _: str) -> list[SimpleNamespace]:
        age = next(self._beats, None)
        if age is None:
            return []
        beat = _NOW - dt.timedelta(seconds=age)
        return [SimpleNamespace(last_heartbeat_time=beat, heartbeat_interval_seconds=30)]


_NOW = dt.datetime(2026, 3, 4, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _time_flies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.clock.now", lambda: _NOW)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("time.monotonic", iter(range(0, 10_000, 10)).__next__)


def test_a_pool_is_made_and_kept(tmp_path: Path) -> None:
    ours, server = establish(_folder(tmp_path)), _Server()
    for _ in range(2):
        pool.keep_pool(server, ours)  # type: ignore[arg-type]  # as much of one as is asked
        assert server.description == ours.description


def test_the_pool_of_another_folder_is_not_taken(tmp_path: Path) -> None:
    ours, theirs = establish(_folder(tmp_path), "shop"), Identity("shop", "2e", tmp_path)
    server = _Server(theirs.description)
    with pytest.raises(ConfigError, match="--name"):
        pool.keep_pool(server, ours)  # type: ignore[arg-type]
    assert server.description == theirs.description


@pytest.mark.parametrize(
    ("beats", "taken"),
    [((), True), ((600,), True), ((20, 20, 20), True), ((20, 20, 1), False)],
    ids=["no worker", "one that is long gone", "one that falls silent", "one that lives"],
)
def test_the_pool_of_a_folder_that_was_moved_is_taken_and_of_one_that_was_copied_not(
    beats: tuple[int, ...], taken: bool, tmp_path: Path
) -> None:
    before = establish(_folder(tmp_path, "before"))
    shutil.copytree(before.folder, tmp_path / "after")
    after = establish(Places(tmp_path / "after"))
    assert after.name == before.name
    server = _Server(before.description, beats)
    if taken:
        pool.keep_pool(server, after)  # type: ignore[arg-type]
        assert server.description == after.description
        return
    with pytest.raises(ConfigError, match="a copy"):
        pool.keep_pool(server, after)  # type: ignore[arg-type]


def _deployed(pool_name: str, file: str) -> SimpleNamespace:
    return SimpleNamespace(work_pool_name=pool_name, parameters={"pipeline": file})


@pytest.mark.parametrize(("own_server", "found"), [(False, [0, 1]), (True, [0, 1, 2])])
def test_a_folder_owns_what_is_in_its_pools_and_on_its_server_what_runs_its_files(
    own_server: bool, found: list[int], tmp_path: Path
) -> None:
    ours = establish(_folder(tmp_path, "shop"), "now")
    before = Identity("before", ours.key, ours.folder)
    theirs = Identity("theirs", "2e", tmp_path)
    file = str(ours.folder / "pipelines" / "retail.yaml")
    all_of_them = [
        _deployed("now", file),
        _deployed("before", "/where/it/lay/before/retail.yaml"),
        _deployed("another", file),
        _deployed("theirs", file),  # which lies on another machine
        _deployed("theirs", str(tmp_path / "retail.yaml")),
    ]
    pools = [
        SimpleNamespace(name=i.name, description=i.description) for i in (ours, before, theirs)
    ]
    pools.append(SimpleNamespace(name="another", description=None))
    server: Any = SimpleNamespace(
        read_work_pools=lambda: pools, read_deployments=lambda **_: all_of_them
    )
    owned = stale.owned(server, ours, own_server)
    assert owned == tuple(all_of_them[number] for number in found)


def test_what_was_paused_stays_paused_by_whatever_name_the_service_goes() -> None:
    def deployed(name: str, slug: str, active: bool) -> Any:
        return SimpleNamespace(name=name, schedules=[SimpleNamespace(slug=slug, active=active)])

    found = [deployed("a@before", "night", False), deployed("b@now", "night", True),
             deployed("c", "night", False), deployed("d@now", "my own", False)]  # fmt: skip
    assert deployments._paused(found) == {"a", "c"}
