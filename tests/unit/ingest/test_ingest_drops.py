"""Drops: which files of a date are read, and when they are complete."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tasks.core.errors import (
    ConfigError,
    SourceError,
    SourceMissingError,
    SourceUnavailableError,
)
from tasks.ingest import drop
from tasks.ingest.config import FilesConfig
from tasks.ingest.drop import find_drop
from tasks.ingest.folder import Folder
from tasks.ingest.names import is_data, matcher
from tests.unit.ingest.conftest import Land

SOURCE = {"kind": "files", "path": "in/*.csv", "schema": {"id": "i32"}}
ONE, TWO = "id\n1\n", "id\n2\n3\n"


@pytest.fixture
def files(folder: Path) -> Path:
    """Two files of one drop."""
    (folder / "in").mkdir()
    (folder / "in" / "a.csv").write_text(ONE)
    (folder / "in" / "b.csv").write_text(TWO)
    return folder / "in"


def _digest(text: str, name: str = "sha256") -> str:
    return hashlib.new(name, text.encode()).hexdigest()


MANIFESTS = {
    "names.json": json.dumps(["a.csv", "b.csv"]),
    "objects.json": json.dumps(
        {
            "version": 1,
            "files": [
                {"path": "a.csv", "size": len(ONE), "rows": 1},
                {"path": "b.csv", "sha256": _digest(TWO).upper(), "md5": _digest(TWO, "md5")},
            ],
        }
    ),
    "redshift.json": json.dumps(
        {"entries": [{"url": n, "meta": {"content_length": 5}} for n in ("a.csv",)]}
    ),
    "table.csv": f"name,bytes,sha256,records\na.csv,5,,1\nb.csv,7,{_digest(TWO)},2\n",
    "lines.txt": "# two files\n./a.csv\nb.csv\n",
    "SHA256SUMS": f"{_digest(ONE)}  a.csv\n{_digest(TWO)} *b.csv\n",
    "SHA1SUMS": f"{_digest(ONE, 'sha1')}  a.csv\n{_digest(TWO, 'sha1')}  b.csv\n",
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_lists_the_files_that_are_read(name: str, files: Path, land: Land) -> None:
    (files / name).write_text(MANIFESTS[name])
    manifest = {"path": f"in/{name}", "unlisted": "ignore" if name == "redshift.json" else "refuse"}
    rows = land({**SOURCE, "manifest": manifest}).rows
    assert rows["id"].to_list() == ([1] if name == "redshift.json" else [1, 2, 3])


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("m.json", '["a.csv", "b.csv", "c.csv"]', "c.csv, which in/m.json lists"),
        ("m.json", '["a.csv"]', "not in/b.csv"),
        ("m.json", '["a.csv", "b.csv", "a.csv"]', "a.csv twice"),
        ("m.json", "[]", "no file"),
        ("m.json", '["a.csv", "b.csv"', "manifest"),
        ("m.json", '["a.csv", "../b.csv"]', "does not lie below"),
        ("m.json", '["a.csv", "/etc/passwd"]', "does not lie below"),
        ("m.json", '["a.csv", "s3://other/b.csv"]', "does not lie below"),
        ("m.json", '[{"path": "a.csv", "size": 6}, "b.csv"]', "6 bytes, as the manifest says"),
        ("m.json", '[{"path": "a.csv", "rows": 2}, "b.csv"]', "2 records, as the manifest"),
        ("m.json", '[{"path": "a.csv", "rows": -2}, "b.csv"]', "-2 as a count"),
        ("m.json", '[{"path": "a.csv", "md5": "x"}, "b.csv"]', "'x' as md5"),
        ("m.json", '[{"size": 5}, "b.csv"]', "without a name"),
        ("m.txt", "a.csv\nb.csv", "cut short"),
        ("m.csv", "path,size\na.csv\nb.csv,7\n", "another number of fields"),
        ("SUMS", f"{'0' * 64}  a.csv\n{_digest(TWO)}  b.csv\n", "sha256 0000"),
    ],
)
def test_a_drop_that_is_not_as_listed_is_refused(
    name: str, text: str, found: str, files: Path, land: Land
) -> None:
    (files / name).write_text(text)
    with pytest.raises(SourceError) as refused:
        land({**SOURCE, "manifest": f"in/{name}"})
    assert found in str(refused.value)


def test_a_listed_file_that_path_does_not_find(files: Path, land: Land) -> None:
    (files / "README").write_text("x")
    (files / "m.json").write_text('["a.csv", "b.csv", "README"]')
    with pytest.raises(SourceError, match="path to find every file"):
        land({**SOURCE, "manifest": "in/m.json"})
    ignoring = {"path": "in/m.json", "elsewhere": "ignore"}
    assert land({**SOURCE, "manifest": ignoring}).rows.height == 3
    (files / "m.json").unlink()
    with pytest.raises(SourceMissingError, match=r"a manifest at in/m\.json"):
        land({**SOURCE, "manifest": ignoring})


def test_of_a_folder_the_files_in_it_are_read(files: Path, land: Land) -> None:
    (files / "deep").mkdir()
    (files / "deep" / "c.tsv.gz").write_bytes(b"id\n4\n")
    for name in ("README.md", ".hidden.csv", "_SUCCESS", "x.csv.tmp", "~$x.xlsx", "x.csv~"):
        (files / name).write_text("id\nno number\n")
    (files / "_temporary").mkdir()
    (files / "_temporary" / "part.csv").write_text("id\n5\n")
    for path in ("in", "in/"):
        assert land({**SOURCE, "path": path}).rows["id"].to_list() == [1, 2, 3, 4]
    (files / "d.xls").touch()
    with pytest.raises(ConfigError, match=r"save it as \.xlsx|Save it as \.xlsx"):
        land({**SOURCE, "path": "in"})


def test_an_empty_folder_is_a_missing_drop(folder: Path, land: Land) -> None:
    (folder / "in").mkdir()
    with pytest.raises(SourceMissingError, match="at least one file at in"):
        land({**SOURCE, "path": "in"})


def test_a_file_that_somebody_has_open_for_writing_is_not_read(files: Path, land: Land) -> None:
    with (files / "b.csv").open("a"), pytest.raises(SourceUnavailableError, match="open for writ"):
        land(SOURCE)
    with (files / "b.csv").open():
        assert land(SOURCE).rows.height == 3


def test_a_file_that_changes_before_its_turn_is_refused(files: Path) -> None:
    source = FilesConfig.model_validate(SOURCE)
    place = Folder(files.parent)
    first, second = find_drop(place, source, dt.date(2010, 1, 4))
    (files / "b.csv").write_text(TWO + "4\n")
    with place.open(first.found):
        pass
    with pytest.raises(SourceUnavailableError, match="it changed"), place.open(second.found):
        pass


def test_files_that_change_are_waited_for(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = FilesConfig.model_validate({**SOURCE, "settle": "5s"})
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) in changes:
            (files / f"c{len(slept)}.csv").write_text("id\n4\n")

    monkeypatch.setattr(drop.time, "sleep", sleep)
    changes = {1, 2}
    found = find_drop(Folder(files.parent), source, dt.date(2010, 1, 4))
    assert (len(found), slept) == (4, [5.0] * 3)
    changes = set(range(100))
    with pytest.raises(SourceUnavailableError, match=r"still changes of in/c13\.csv"):
        find_drop(Folder(files.parent), source, dt.date(2010, 1, 4))


@pytest.mark.parametrize(
    ("key", "pattern", "data"),
    [
        ("a/b.csv", "a/*", True),
        ("a/.b.csv", "a/*", False),
        ("a/_b.csv", "a/*", False),
        ("a/_b.csv", "a/_b.csv", True),
        ("_a/b.csv", "_a/*", True),
        ("_a/b.csv", "**/*", False),
        ("a/b.csv.filepart", "a/*", False),
        ("a/b.csv._COPYING_", "a/*", False),
        ("a/b.tmp", "a/b.tmp", True),
    ],
)
def test_names_that_are_no_data(key: str, pattern: str, data: bool) -> None:
    assert is_data(key, pattern) is data


@pytest.mark.parametrize(
    "pattern", ["*", "a/*", "**/*.csv", "a/**/c?.csv", "a/[!b]*", "**", "a*/**/*"]
)
def test_patterns_find_keys_as_they_find_files(pattern: str, folder: Path) -> None:
    keys = ["x.csv", "a/x.csv", "a/b/c1.csv", "a/b/d/c2.csv", "ab/c.csv", "a/c1.csv", "b/[x].csv"]
    for key in keys:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).touch()
    by_folder = {p.relative_to(folder).as_posix() for p in folder.glob(pattern) if p.is_file()}
    if pattern == "**":  # before Python 3.13 it found folders alone
        by_folder = set(keys)
    assert {key for key in keys if matcher(pattern)(key)} == by_folder


TRAILED = "made on 2010-01-04\n\nid\n1\n2\nEND 2\n"


@pytest.mark.parametrize("trailer", [r"END \d+", r"END (?P<rows>\d+)"])
@pytest.mark.parametrize("end", ["", "\n\n"])
def test_lines_around_the_records(trailer: str, end: str, files: Path, land: Land) -> None:
    source: dict[str, Any] = {**SOURCE, "path": "in/a.csv", "skip_lines": 2, "trailer": trailer}
    (files / "a.csv").write_text(TRAILED + end)
    landing = land(source)
    assert landing.rows.rows() == [(1, "in/a.csv", 4), (2, "in/a.csv", 5)]
    assert landing.ledger.rows_in == 2
    (files / "a.csv").write_text(TRAILED.replace("2\nEND", "2\n3\nEND"))
    if "rows" in trailer:
        with pytest.raises(SourceError, match="2 records, as its trailer says"):
            land(source)
    for size in range(len(TRAILED) - 2):
        (files / "a.csv").write_text(TRAILED[:size])
        with pytest.raises(SourceError):
            land(source)


def test_a_trailer_of_fixed_width(files: Path, land: Land) -> None:
    source = {**SOURCE, "path": "in/a.csv", "format": "fixed", "widths": [3], "header": False}
    (files / "a.csv").write_text("  1\n 22\nT 2\n")
    assert land({**source, "trailer": r"T *(?P<rows>\d+)"}).rows["id"].to_list() == [1, 22]


def test_many_files_are_read_while_others_are_written_elsewhere(files: Path, land: Land) -> None:
    """A writer who opens a file while it is looked at is not ended by it."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            (files / "other.tmp").write_text("id\n9\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(20):
            assert land(SOURCE).rows.height == 3
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("path", ["in/*.csv", "in", "in/**/*.csv"])
def test_a_link_to_a_file_that_is_not_there_is_not_passed_over(
    files: Path, land: Land, path: str
) -> None:
    (files / ".#editing.csv").symlink_to("somebody@somewhere")
    assert land({**SOURCE, "path": path}).rows.height == 3
    (files / "c.csv").symlink_to(files / "gone.csv")
    with pytest.raises(SourceError, match="a link to a file that is not there"):
        land({**SOURCE, "path": path})


def test_a_link_to_a_folder_is_not_passed_over(files: Path, land: Land) -> None:
    (files.parent / "more").mkdir()
    (files.parent / "more" / "c.csv").write_text("id\n4\n")
    (files / "link").symlink_to(files.parent / "more")
    for path in ("in", "in/**/*.csv"):
        with pytest.raises(SourceError, match="a link to a folder"):
            land({**SOURCE, "path": path})
    assert land({**SOURCE, "path": "in/*/*.csv"}).rows["id"].to_list() == [4]


def test_a_folder_that_cannot_be_listed_is_not_passed_over(
    files: Path, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("deep", "_hidden"):
        (files / name).mkdir()
    scan = os.scandir

    def denied(folder: Path | int) -> Any:
        if not isinstance(folder, int) and Path(folder).name in {"deep", "_hidden"}:
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr("tasks.ingest.walking.os.scandir", denied)
    for path in ("in", "in/**/*.csv", "in/*/*.csv"):
        with pytest.raises(SourceError, match="Permission denied"):
            land({**SOURCE, "path": path})
    (files / "deep").rmdir()
    assert land({**SOURCE, "path": "in"}).rows.height == 3


@pytest.mark.parametrize("path", ["**", "in/**", "in**.csv", "in/**.csv", "in/[ab].csv", "."])
def test_patterns_find_the_same_everywhere(files: Path, land: Land, path: str) -> None:
    assert land({**SOURCE, "path": path}).rows.height == 3
    if path != ".":
        assert all(matcher(path)(f"in/{name}.csv") for name in "ab")


def test_a_pattern_that_is_none(files: Path) -> None:
    with pytest.raises(ValueError, match="not a pattern"):
        FilesConfig.model_validate({**SOURCE, "path": "in/[z-a].csv"})
