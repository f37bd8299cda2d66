"""Sixty nights with faults, and sixty without: in the end the tables are the same.

    python -m tests.faults.soak [--nights 60] [--seed 0] [--folder DIR]

Each night runs in a process of its own. In the disturbed store a night is killed at random moments,
asked for twice at once, finds its disk full, its API wrong, its drop missing, cut or garbled; what
is missing or wrong is put right a night later, when the next one has run already, and nights that
had lacked a date are run again, as the runbook says. Ends with code 1 where any table differs.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.soak_shop import Api, run_night, run_nights, train

TRAINED_BY = dt.date(2010, 2, 18)
FIRST = dt.date(2010, 2, 19)
DONE, GAPS = 0, 10
REFUSALS = {3, 4, 6, 7}  # a source, the data, the store, another run
ATTEMPTS = 40
PATIENCE_SECONDS = 120.0
# What takes long to import; not what starts threads when it is: nothing may be forked off then.
PRELOADED = [
    "prefect",
    "scipy.stats",
    "xgboost",
    "torch",
    "pyarrow.parquet",
    "sqlalchemy",
    "pandas",
]

_processes = multiprocessing.get_context("forkserver")


@dataclass
class Store:
    """One of the two shops, and what was done to it."""

    folder: Path
    api: Api
    url: str
    counts: Counter[str] = field(default_factory=Counter)
    gaps: set[dt.date] = field(default_factory=set)
    seconds: float = 2.0  # that the last night took

    @property
    def file(self) -> str:
        return str(self.folder / "retail.yaml")

    def drop(self, day: dt.date) -> Path:
        return self.folder / "drops" / str(day) / "lines.csv"

    def start(self, day: dt.date, largest_file: int | None = None) -> multiprocessing.Process:
        """Start a night."""
        words = (self.file, day, self.url, largest_file, str(self.folder / "soak.log"))
        process = _processes.Process(target=run_night, args=words)
        process.start()
        return process  # type: ignore[return-value]

    def run(self, day: dt.date, largest_file: int | None = None) -> int:
        """Run a night to its end; its exit code."""
        began = time.monotonic()
        process = self.start(day, largest_file)
        process.join(PATIENCE_SECONDS)
        code = self.note(day, process)
        if code in {DONE, GAPS}:
            self.seconds = time.monotonic() - began
        return code

    def note(self, day: dt.date, process: multiprocessing.Process) -> int:
        """Count how a night ended."""
        if process.exitcode is None:
            process.kill()
            raise SystemExit(f"{day} does not end")
        code = process.exitcode
        self.counts[f"exit {code}"] += 1
        if code not in {DONE, GAPS, -9, *REFUSALS}:
            raise SystemExit(f"{day} ended with {code}: see {self.folder / 'soak.log'}")
        if code in {DONE, GAPS}:
            (self.gaps.add if code == GAPS else self.gaps.discard)(day)
        return code


def _disturb(store: Store, day: dt.date, chance: random.Random) -> None:
    """Have one or more attempts at a night go wrong."""
    for _ in range(chance.randrange(1, 3)):
        fault = chance.choice(("kill", "kill", "kill", "race", "disk", "api"))
        store.counts[fault] += 1
        if fault == "kill":
            process = store.start(day)
            time.sleep(chance.uniform(0.2, 1.0) * store.seconds)
            process.kill()
            process.join()
            store.note(day, process)
        elif fault == "race":
            runs = [store.start(day) for _ in range(2)]
            for process in runs:
                process.join()
                store.note(day, process)
        elif fault == "disk":
            store.run(day, chance.randrange(500, 120_000))
        else:
            store.api.often = 0.6
            store.run(day)
            store.api.often = 0.0


def _spoil(drop: Path, chance: random.Random) -> str:
    """Take a drop away, or spoil it; the whole one lies beside it until it comes."""
    kind = chance.choice(("missing", "cut", "garbled"))
    content = drop.read_bytes()
    drop.rename(drop.with_suffix(".whole"))
    if kind == "cut":
        drop.write_bytes(content[: chance.randrange(len(content) // 2, len(content))])
    elif kind == "garbled":
        middle = chance.randrange(len(content))
        drop.write_bytes(content[:middle] + chance.randbytes(400) + content[middle + 400 :])
    return kind


def _finish(store: Store, day: dt.date) -> None:
    """Run a night until it is published."""
    for _ in range(ATTEMPTS):
        if store.run(day) in {DONE, GAPS}:
            return
    raise SystemExit(f"{day} is not published after {ATTEMPTS} attempts")


def _storm(store: Store, days: list[dt.date], chance: random.Random) -> None:
    late: list[dt.date] = []
    for day in days:
        store.api.often = 0.05
        if chance.random() < 0.25:
            store.counts[_spoil(store.drop(day), chance)] += 1
            late.append(day)
            store.run(day)  # published from what there is, or refused
        else:
            if chance.random() < 0.6:
                _disturb(store, day, chance)
            _finish(store, day)
        for before in [each for each in late if each < day]:
            store.drop(before).with_suffix(".whole").replace(store.drop(before))
            late.remove(before)
            _finish(store, before)
            ready = [each for each in days if before < each <= day and each not in late]
            _run_again(store, ready)
    for before in late:
        store.drop(before).with_suffix(".whole").replace(store.drop(before))
        _finish(store, before)
    store.api.often = 0.0
    _run_again(store, sorted(store.gaps))


def _run_again(store: Store, days: list[dt.date]) -> None:
    """Nights that were run before a date was whole look back on it."""
    for day in days:
        store.counts["run again"] += 1
        _finish(store, day)


def _tables(folder: Path) -> dict[str, bytes]:
    """Every published file, save the times of runs."""
    root = folder / "lamplighter-store"
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for layer in ("reports", "scores", "features", "landed", "valid", "quarantine")
        for path in sorted((root / layer).rglob("*"))
        if path.is_file() and "/runs/" not in path.as_posix()
    }


def _verify(folder: Path) -> Iterator[str]:
    """What is wrong with a store: a file that is not as committed, or one too many."""
    from flows.pipeline import load
    from tasks.core.commit import committed_batches

    store = load(str(folder / "retail.yaml")).store
    known = set()
    for record in committed_batches(store, "retail"):
        for ref in record.files:
            known.add(store.verify(ref))
    layers = [path for path in store.root.iterdir() if path.name not in {"commits", "leases"}]
    for path in (file for layer in layers for file in layer.rglob("*") if file.is_file()):
        if path not in known:
            yield f"{path} is of no commit"
    if list((store.root / "staging").rglob("*.parquet")):
        yield "something is left in staging"


def _differences(calm: Path, storm: Path) -> list[str]:
    one, other = _tables(calm), _tables(storm)
    differing = [
        name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)
    ]
    return [*differing, *_verify(calm), *_verify(storm)]


def _lay_out(folder: Path, nights: int) -> list[dt.date]:
    from flows.demo.layout import lay_out_retail
    from flows.pipeline import SHIPPED, load
    from tests.flows.conftest import _shrink

    trading = lay_out_retail(folder, SHIPPED / "retail.yaml")
    _shrink(folder / "retail.yaml")
    (folder / "retail.yaml").write_text(
        (folder / "retail.yaml").read_text().replace("kind: http", "kind: http\n    attempts: 3")
    )
    calendar = load(str(folder / "retail.yaml")).config.calendar
    days = [day for day in trading if day >= FIRST and calendar.is_open(day)][:nights]
    for day in trading:
        if not dt.date(2010, 1, 20) <= day <= days[-1]:
            shutil.rmtree(folder / "drops" / str(day))
    return days


def main() -> None:
    """Soak, and print the figures."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--nights", type=int, default=60)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--folder", type=Path)
    given = words.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    _processes.set_forkserver_preload(PRELOADED)
    chance = random.Random(given.seed)
    began = time.monotonic()
    days = _lay_out(folder / "calm", given.nights)
    trainer = _processes.Process(target=train, args=(str(folder / "calm/retail.yaml"), TRAINED_BY))
    trainer.start()
    trainer.join(PATIENCE_SECONDS)
    if trainer.exitcode != 0:
        raise SystemExit(f"the training ended with {trainer.exitcode}")
    shutil.copytree(folder / "calm", folder / "storm")
    records = json.loads((folder / "calm" / "products.json").read_text())
    api = Api(records, chance)
    with api.served() as url:
        calm, storm = (Store(folder / name, api, url) for name in ("calm", "storm"))
        words = (calm.file, days, calm.url, str(calm.folder / "soak.log"))
        undisturbed = _processes.Process(target=run_nights, args=words)
        undisturbed.start()
        _storm(storm, days, chance)
        undisturbed.join(PATIENCE_SECONDS * len(days))
    differences = _differences(calm.folder, storm.folder)
    figures = {
        "nights": len(days),
        "seed": given.seed,
        "files compared": len(_tables(calm.folder)),
        "differences": len(differences),
        "answers of the API that went wrong": api.wrong,
        "processes": sum(n for name, n in storm.counts.items() if name.startswith("exit")),
        **dict(sorted(storm.counts.items())),
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(figures, indent=2))
    print(*differences[:20], sep="\n", file=sys.stderr)
    sys.exit(bool(differences))


if __name__ == "__main__":
    main()
