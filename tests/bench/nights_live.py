"""Nights scored one by one as they come, their labels arriving late: the product from end to end.

    python -m tests.bench.nights_live retail --data ../shared/data
    python -m tests.bench.nights_live cards --data ../shared/data --share 0.25
    python -m tests.bench.nights_live young --data ../shared/data --share 0.2 --nights 60

A night's rows are laid into its drop just before it runs, so nothing later is there to be seen. A
model is trained on the past; then each date runs `nightly`, and `monitor --train` with a rule that
asks for a training every so many days. On the sixth night a byte of the champion's weights is
changed; on the sixth from the end its file is gone; on the third from the end it is cut short, and
that of the champion before it is gone.
Retail labels a line by a later cancellation; for cards a fraud is reported by a row of its own one
to seven days later (seeded), which is when a bank hears of it. `young` is the same bank from the
first day of its data on: its first model learns from eleven days.

Prints a row for each night as it stands at the end: what was expected before any label was known,
with its 95% interval; what it turned out to be; what scored; how far it drifted; what happened.
Then the means, and in how many nights the expected interval holds what turned out.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from flows.demo.services import demo_services
from flows.monitoring import monitor
from flows.nightly import nightly
from flows.pipeline import load
from flows.training import train
from tasks.models.aliases import Alias, read_aliases
from tasks.monitor.quality import Quality, Realised
from tests.bench.live_cases import CASES, Case

DAMAGE: Mapping[str, Callable[[bytes], bytes | None]] = {
    "has a byte changed": lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
    "is cut short": lambda whole: whole[: len(whole) // 2],
    "is gone": lambda _: None,
}
FLIPPED: Mapping[Alias, str] = {"champion": "has a byte changed"}
GONE: Mapping[Alias, str] = {"champion": "is gone"}
BOTH: Mapping[Alias, str] = {"champion": "is cut short", "previous": "is gone"}
COLUMNS = (
    "night",
    "events",
    "positives",
    "precision expected",
    "realised",
    "recall expected",
    "realised",
    "AP",
    "AP XGBoost",
    "scored by",
    "strong drift",
    "what happened",
)


@dataclass
class Told:
    """What a night and the monitoring after it said.

    Args:
        source: which model scored.
        drift: features with a strong verdict, of all, and the score's verdict.
        events: trainings, promotions and what was damaged.
    """

    source: str
    drift: str
    events: list[str]


def live(case: Case) -> tuple[dict[dt.date, Told], Realised, float]:
    """Run the nights as they come; what each told, how it stands at the end, and CPU seconds."""
    began, told = time.process_time(), {}
    train.fn(str(case.file), case.first - dt.timedelta(days=1))
    damages = {5: FLIPPED, len(case.scored) - 6: GONE, len(case.scored) - 3: BOTH}
    for n, day in enumerate(case.scored):
        case.arrive(day)
        with _damaged(case, damages.get(n, {})) as what:
            night = nightly.fn(str(case.file), day)
        before = dict(read_aliases(case.store, load(str(case.file)).name).versions)
        found = monitor.fn(str(case.file), day, train=True)
        after = dict(read_aliases(case.store, load(str(case.file)).name).versions)
        events = [*what, *(f"training by {reason.rule}" for reason in found.due)]
        events += [
            f"{alias} is {version[:6]}"
            for alias, version in after.items()
            if alias != "previous" and before.get(alias) != version
        ]
        told[day] = Told(night.score_source, _drift(case, day), events)
        print(f"  {day} {night.score_source} {events} {found.challenger}", flush=True)
    last = min(case.days[-1], case.scored[-1] + case.delay)
    case.arrive(last)
    found = monitor.fn(str(case.file), case.scored[-1] + case.delay)
    return told, found, time.process_time() - began


@contextlib.contextmanager
def _damaged(case: Case, damages: Mapping[Alias, str]) -> Iterator[list[str]]:
    """Damage the weights behind some aliases for the length of a night; say which."""
    named = read_aliases(case.store, load(str(case.file)).name).named
    files = {
        alias: case.store.path(named[alias].uri).with_name("model.safetensors")
        for alias in damages
        if alias in named
    }
    whole = {alias: file.read_bytes() for alias, file in files.items()}
    for alias, file in files.items():
        content = DAMAGE[damages[alias]](whole[alias])
        file.unlink() if content is None else file.write_bytes(content)
    yield [f"{alias} {damages[alias]}" for alias in files]
    for alias, file in files.items():
        file.write_bytes(whole[alias])


def _drift(case: Case, day: dt.date) -> str:
    uri = f"reports/{load(str(case.file)).name}/drift/batch_date={day}/night.parquet"
    table = pl.read_parquet(case.store.path(uri), hive_partitioning=False)
    features = table.filter(kind="feature")
    strong = features.filter(verdict="strong").height
    score = table.filter(kind="score")["verdict"]
    return f"{strong} of {features.height}; score {score.item() if len(score) else 'not measured'}"


def lines(told: dict[dt.date, Told], nights: Sequence[Quality]) -> Iterator[str]:
    """The nights as rows of a table."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---" * len(COLUMNS) + "|"
    for night in nights:
        each = told[dt.date.fromisoformat(night.batch_date)]
        expected = night.estimate
        cells = [
            night.batch_date,
            f"{night.scored:,}",
            f"{night.positives:,}",
            _interval(expected.precision) if expected else "",
            _figure(night.precision),
            _interval(expected.recall) if expected else "",
            _figure(night.recall),
            _figure(night.average_precision),
            _figure(night.fallback_average_precision),
            each.source,
            each.drift,
            ", ".join(each.events),
        ]
        yield f"| {' | '.join(cells)} |"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _interval(found: object) -> str:
    value, low, high = (getattr(found, name) for name in ("value", "low", "high"))
    return "" if value is None else f"{value:.2f} ({low:.2f} to {high:.2f})"


def summary(found: Realised) -> Iterator[str]:
    """The nights together, and how good the estimates were."""
    nights = [night for night in found.nights if night.status == "realised"]
    whole = found.overall
    yield f"{len(nights)} nights, {whole.known:,} events, {whole.positives:,} positives"
    for name, value, ends in (
        ("AP, what scored", whole.average_precision, whole.interval),
        ("AP, XGBoost", whole.fallback_average_precision, whole.fallback_interval),
    ):
        yield f"{name}: {_figure(value)} ({' to '.join(map(_figure, ends or ()))})"
    yield f"AP by chance: {_figure(whole.base_rate)}"
    yield f"precision of the alerts: {_figure(whole.precision)}; recall: {_figure(whole.recall)}"
    yield f"hits {whole.hits:,}, promised {whole.promised:.1f}; of XGBoost {whole.fallback_hits:,}"
    for name in ("precision", "recall"):
        pairs = [
            (getattr(night.estimate, name), getattr(night, name))
            for night in nights
            if night.estimate and getattr(night, name) is not None
        ]
        held = sum(each.low <= value <= each.high for each, value in pairs)
        yield f"expected {name} held what turned out in {held} of {len(pairs)} nights"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(CASES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--share", type=float, default=1.0, help="of the cards' customers")
    parser.add_argument("--folder", type=Path, help="where; default: a folder that goes")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    case = CASES[asked.name](asked.data, folder, asked.nights, asked.share)
    with demo_services(str(case.file)):
        told, found, seconds = live(case)
    print(*lines(told, found.nights), *summary(found), f"{seconds:.0f} CPU s", sep="\n")
    if asked.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
