"""Time and memory of a validation: this engine beside its peers, each in a process of its own.

    python -m tests.bench.validation --rows 2_000_000

Prints a markdown table. pandera and pointblank take part where they are installed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

COLOURS = ["red", "green", "blue", "black", "white"]
CODE, MAIL = r"^AB-\d{10}$", r"^[^@]+@[^@]+\.[a-z]+$"
START, END = dt.datetime(2024, 1, 1), dt.datetime(2025, 1, 1)
CHUNK = 1_000_000


def _columns(start: int, n: int) -> pl.DataFrame:
    rng = np.random.default_rng(start)
    at = np.arange(start, start + n)
    columns: dict[str, Any] = {"id": at}
    columns |= {f"i{i}": rng.integers(0, 10 ** (1 + i % 4), n, "int32") for i in range(13)}
    columns |= {f"f{i}": rng.normal(i, 1 + i / 5, n) for i in range(18)}
    columns["f3"] = np.where(rng.random(n) < 0.03, np.nan, columns["f3"])
    columns |= {f"s{i}": rng.choice(COLOURS, n) for i in (0, 1, 2, 3, 7)}
    columns["s4"] = [f"AB-{i % 100_000:010d}" for i in at]
    columns["s5"] = [f"u{i % 50_000}@x.com" if i % 5_003 else "bad" for i in at]
    columns["s6"] = [str(i % 100_000) for i in at]
    columns["b0"] = rng.random(n) < 0.5
    columns["t0"] = np.datetime64(START, "us") + rng.integers(0, 31_536_000, n) * 1_000_000
    frame = pl.DataFrame(columns).with_columns(pl.col("f3").fill_nan(None))
    missing = pl.Series(rng.random(n) < 0.05)
    return frame.with_columns(s3=pl.when(~missing).then("s3"))


def write_rows(path: Path, n_rows: int) -> Path:
    """Write the rows as one Parquet file for each million.

    Args:
        path: an existing folder.
        n_rows: how many rows.

    Returns:
        A glob over the files.
    """
    for start in range(0, n_rows, CHUNK):
        part = _columns(start, min(CHUNK, n_rows - start))
        part.write_parquet(path / f"part-{start:012d}.parquet")
    return path / "*.parquet"


def expectations() -> list[Any]:
    """Forty expectations over 42 columns."""
    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    red = (Column("s0") == "red") & (Column("i0") >= 2)
    quantiles = {"quantiles": [0.05, 0.5, 0.95], "value_ranges": [[-2, -1], [-0.1, 0.1], [1, 2]]}
    names = pl.scan_parquet(sys.argv[-1]).collect_schema().names()
    ranges = {"i0": 9, "i1": 99, "i2": 999, "i3": 9_999}
    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=100_000_000),
        gxe.ExpectTableColumnsToMatchSet(column_set=names, exact_match=True),
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=names),
        gxe.ExpectTableColumnCountToEqual(value=42),
        gxe.ExpectColumnValuesToNotBeNull(column="id"),
        gxe.ExpectColumnValuesToBeUnique(column="id"),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["id", "i1"]),
        *(
            gxe.ExpectColumnValuesToBeBetween(column=column, min_value=0, max_value=most)
            for column, most in ranges.items()
        ),
        gxe.ExpectColumnMinToBeBetween(column="i4", min_value=0, max_value=5),
        gxe.ExpectColumnMaxToBeBetween(column="i5", min_value=0, max_value=1_000_000),
        gxe.ExpectColumnMeanToBeBetween(column="i6", min_value=490, max_value=510),
        gxe.ExpectColumnMedianToBeBetween(column="i7", min_value=4_900, max_value=5_100),
        gxe.ExpectColumnStdevToBeBetween(column="i8", min_value=2, max_value=3),
        gxe.ExpectColumnQuantileValuesToBeBetween(column="f0", quantile_ranges=quantiles),
        gxe.ExpectColumnValuesToBeBetween(column="f1", min_value=-3, max_value=5, mostly=0.99),
        gxe.ExpectColumnValuesToBeBetween(column="f2", min_value=-100, max_value=100),
        gxe.ExpectColumnValuesToNotBeNull(column="f3", mostly=0.95),
        gxe.ExpectColumnValuesToBeBetween(column="f3", min_value=-100, max_value=100),
        gxe.ExpectColumnValuesToBeBetween(column="t0", min_value=START, max_value=END),
        gxe.ExpectColumnValuesToBeInSet(column="s0", value_set=COLOURS),
        gxe.ExpectColumnValuesToBeInSet(column="s1", value_set=COLOURS),
        gxe.ExpectColumnValuesToBeInSet(column="s2", value_set=COLOURS[:4], mostly=0.7),
        gxe.ExpectColumnValuesToNotBeNull(column="s3", mostly=0.9),
        gxe.ExpectColumnValuesToMatchRegex(column="s4", regex=CODE),
        gxe.ExpectColumnValuesToMatchRegex(column="s5", regex=MAIL, mostly=0.999),
        gxe.ExpectColumnValueLengthsToEqual(column="s4", value=13),
        gxe.ExpectColumnValueLengthsToBeBetween(column="s6", min_value=1, max_value=6),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="s7", min_value=5, max_value=5),
        gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="i3", max_value=0.9),
        gxe.ExpectColumnMeanToBeBetween(column="f6", min_value=5.9, max_value=6.1),
        gxe.ExpectColumnStdevToBeBetween(column="f7", min_value=2, max_value=3),
        gxe.ExpectColumnMedianToBeBetween(column="f8", min_value=7.9, max_value=8.1),
        gxe.ExpectColumnDistinctValuesToBeInSet(column="s7", value_set=COLOURS),
        gxe.ExpectColumnSumToBeBetween(column="f11", min_value=0, max_value=1e12),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="f17", column_B="f0", or_equal=True, mostly=0.9
        ),
        gxe.ExpectColumnValuesToNotBeNull(column="i0"),
        gxe.ExpectColumnValuesToBeBetween(
            column="f12", min_value=0, max_value=30, mostly=0.9, row_condition=red
        ),
    ]


def _suite() -> Any:
    import great_expectations as gx

    return gx.ExpectationSuite("bench", expectations())


@dataclass(frozen=True, slots=True)
class Done:
    """How many of the forty checks a peer made, by what means, and how many did not hold.

    Attributes:
        checks: those made.
        own: those of them that the peer does not know, so that they are written for it here.
        failed: those that did not hold, None where the peer does not judge.
    """

    checks: int
    own: int = 0
    failed: int | None = None


def _judged(found: Any) -> Done:
    broken = [str(r.exception_info) for r in found.results if r.result == {}]
    if broken:
        raise RuntimeError(f"checks that could not be made: {broken}")
    return Done(len(found.results), 0, found.statistics["unsuccessful_expectations"])


def lower_bound(path: str) -> Callable[[], Done]:
    """The same numbers from one hand-written Polars query."""
    frame, c = pl.scan_parquet(path), pl.col
    red = (c("s0") == "red") & (c("i0") >= 2)
    light = [
        pl.len(),
        *(c(name).null_count().alias(f"null {name}") for name in ("id", "i0", "f3", "s3")),
        *(
            (~c(name).is_between(0, most)).sum().alias(f"range {name}")
            for name, most in {"i0": 9, "i1": 99, "i2": 999, "i3": 9_999}.items()
        ),
        c("i4").min(),
        c("i5").max(),
        c("i6").mean(),
        c("i8").std(),
        (~c("f1").is_between(-3, 5)).sum(),
        *((~c(name).is_between(-100, 100)).sum() for name in ("f2", "f3")),
        (~c("t0").is_between(START, END)).sum(),
        *((~c(name).is_in(COLOURS)).sum() for name in ("s0", "s1")),
        (~c("s2").is_in(COLOURS[:4])).sum(),
        (~c("s4").str.contains(CODE)).sum(),
        (~c("s5").str.contains(MAIL)).sum(),
        (c("s4").str.len_chars() != 13).sum().alias("length s4"),
        (~c("s6").str.len_chars().is_between(1, 6)).sum(),
        c("f6").mean(),
        c("f7").std(),
        c("f11").sum(),
        (c("f17") < c("f0")).sum(),
        (red & ~c("f12").is_between(0, 30)).sum(),
    ]
    narrow = [
        [c("id").is_duplicated().sum()],
        [pl.struct("id", "i1").is_duplicated().sum()],
        [c("i7").median()],
        [c("f0").quantile(q).alias(str(q)) for q in (0.05, 0.5, 0.95)],
        [c("s7").n_unique()],
        [c("i3").n_unique()],
        [c("f8").median()],
    ]
    counted = [expr.alias(str(i)) for i, expr in enumerate(light)]
    frames = [frame.select(counted), *(frame.select(group) for group in narrow)]

    def run() -> Done:
        pl.collect_all(frames, engine="streaming")
        return Done(40)

    return run


def engine(path: str) -> Callable[[], Done]:
    """This engine."""
    from expectations.engine import validate

    suite = _suite()
    return lambda: _judged(validate(pl.scan_parquet(path), suite))


def flags(path: str) -> Callable[[], Done]:
    """Row flags of every expectation about rows, with the reasons of the flagged rows."""
    from expectations.engine import flag_rows
    from expectations.engine.predicates import PREDICATES

    rules = [e for e in expectations() if getattr(e, "map_metric", None) in PREDICATES]

    def run() -> Done:
        found = flag_rows(pl.scan_parquet(path), rules)
        flagged = found.frame.filter(found.is_flagged()).select("id", why=found.reasons())
        flagged.collect(engine="streaming")
        return Done(len(rules))

    return run


def pandas(path: str) -> Callable[[], Done]:
    """Great Expectations on pandas, reading included."""
    import great_expectations as gx
    import pandas as pd

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("rows")
    batches, suite = asset.add_batch_definition_whole_dataframe("all"), _suite()

    def run() -> Done:
        rows = pd.read_parquet(Path(path).parent)
        wanted = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
        return _judged(batches.get_batch({"dataframe": rows}).validate(suite, result_format=wanted))

    return run


# what pandera and pointblank do not know: shares of rows, numbers of a column, several columns
OWN_CHECKS: dict[str, pl.Expr] = {
    "row count": pl.len().is_between(1, 100_000_000),
    "i4 min": pl.col("i4").min().is_between(0, 5),
    "i5 max": pl.col("i5").max().is_between(0, 1_000_000),
    "i6 mean": pl.col("i6").mean().is_between(490, 510),
    "i7 median": pl.col("i7").median().is_between(4_900, 5_100),
    "i8 sd": pl.col("i8").std().is_between(2, 3),
    "f0 quantiles": pl.all_horizontal(
        pl.col("f0").quantile(0.05).is_between(-2, -1),
        pl.col("f0").quantile(0.5).is_between(-0.1, 0.1),
        pl.col("f0").quantile(0.95).is_between(1, 2),
    ),
    "f1 range": pl.col("f1").is_between(-3, 5).mean() >= 0.99,
    "f3 present": pl.col("f3").is_not_null().mean() >= 0.95,
    "s2 set": pl.col("s2").is_in(COLOURS[:4]).mean() >= 0.7,
    "s3 present": pl.col("s3").is_not_null().mean() >= 0.9,
    "s5 pattern": pl.col("s5").str.contains(MAIL).mean() >= 0.999,
    "s7 distinct": pl.col("s7").n_unique() == 5,
    "i3 distinct": pl.col("i3").n_unique() / pl.len() <= 0.9,
    "f6 mean": pl.col("f6").mean().is_between(5.9, 6.1),
    "f7 sd": pl.col("f7").std().is_between(2, 3),
    "f8 median": pl.col("f8").median().is_between(7.9, 8.1),
    "f11 sum": pl.col("f11").sum().is_between(0, 1e12),
    "f17 over f0": (pl.col("f17") >= pl.col("f0")).mean() >= 0.9,
    "f12 of red": pl.col("f12")
    .filter((pl.col("s0") == "red") & (pl.col("i0") >= 2))
    .is_between(0, 30)
    .mean()
    >= 0.9,
}


def _own(known: set[str]) -> dict[str, pl.Expr]:
    return {name: expr for name, expr in OWN_CHECKS.items() if name not in known}


def pandera(path: str) -> Callable[[], Done]:
    """pandera on Polars: all checks, half of them written by hand as Polars expressions."""
    import pandera.polars as pa

    def column(*checks: Any, **options: Any) -> Any:
        return pa.Column(checks=list(checks), **{"nullable": True, **options})

    def own(expr: pl.Expr) -> Any:
        return pa.Check(lambda data: data.lazyframe.select(expr))

    between, among = pa.Check.in_range, pa.Check.isin
    columns: dict[str, Any] = {name: column() for name in pl.scan_parquet(path).collect_schema()}
    columns |= {
        "id": column(unique=True, nullable=False),
        "i0": column(between(0, 9), nullable=False),
        **{f"i{i}": column(between(0, 10 ** (i + 1) - 1)) for i in (1, 2, 3)},
        **{name: column(between(-100, 100)) for name in ("f2", "f3")},
        "t0": column(between(START, END)),
        **{name: column(among(COLOURS)) for name in ("s0", "s1", "s7")},
        "s4": column(pa.Check.str_matches(CODE), pa.Check.str_length(13, 13)),
        "s6": column(pa.Check.str_length(1, 6)),
    }
    written = [own(expr) for expr in OWN_CHECKS.values()]
    schema = pa.DataFrameSchema(
        columns, checks=written, unique=["id", "i1"], strict=True, ordered=True
    )
    # the three checks of the names and number of columns are one here
    known = sum(len(c.checks) + c.unique + (not c.nullable) for c in columns.values()) + 4

    def run() -> Done:
        try:
            schema.validate(pl.read_parquet(path), lazy=True)
        except pa.errors.SchemaErrors as found:
            return Done(known + len(written), len(written), len(found.schema_errors))
        return Done(known + len(written), len(written), 0)

    return run


def pointblank(path: str) -> Callable[[], Done]:
    """pointblank on Polars: all checks, some of them written by hand as Polars expressions."""
    import pointblank as pb

    names = pl.scan_parquet(path).collect_schema().names()

    def known(plan: Any) -> Any:
        plan = plan.col_schema_match(pb.Schema(columns=names)).col_count_match(42)
        plan = plan.col_schema_match(pb.Schema(columns=names), in_order=False)
        plan = plan.rows_distinct(columns_subset=["id"])
        plan = plan.rows_distinct(columns_subset=["id", "i1"])
        for name, most in {"i0": 9, "i1": 99, "i2": 999, "i3": 9_999}.items():
            plan = plan.col_vals_between(name, 0, most)
        plan = plan.col_vals_between("f1", -3, 5, thresholds=0.01)
        plan = plan.col_vals_between("f2", -100, 100)
        plan = plan.col_vals_between("f3", -100, 100, na_pass=True)
        plan = plan.col_vals_between("t0", START, END)
        for name in ("s0", "s1", "s7"):
            plan = plan.col_vals_in_set(name, COLOURS)
        plan = plan.col_vals_in_set("s2", COLOURS[:4], thresholds=0.3)
        plan = plan.col_vals_regex("s4", CODE).col_vals_regex("s5", MAIL, thresholds=0.001)
        plan = plan.col_vals_not_null("id").col_vals_not_null("i0")
        plan = plan.col_vals_not_null("f3", thresholds=0.05)
        plan = plan.col_vals_not_null("s3", thresholds=0.1)
        plan = plan.col_vals_str_len("s4", min_val=13, max_val=13)
        plan = plan.col_vals_str_len("s6", min_val=1, max_val=6)
        return plan.col_vals_expr(pl.col("f17") >= pl.col("f0"), thresholds=0.1)

    def judge(expr: pl.Expr) -> Callable[[pl.DataFrame], bool]:
        return lambda data: bool(data.select(expr).item())

    own = _own({"f1 range", "s2 set", "s5 pattern", "f3 present", "s3 present", "f17 over f0"})

    def run() -> Done:
        plan = known(pb.Validate(pl.read_parquet(path)))
        for expr in own.values():
            plan = plan.specially(judge(expr))
        found = plan.interrogate(get_first_n=0)
        failed = sum(
            step.warning if step.warning is not None else not step.all_passed
            for step in found.validation_info
        )
        return Done(len(found.validation_info), len(own), failed)

    return run


PEERS: dict[str, tuple[str, Callable[[str], Callable[[], Done]]]] = {
    "lower": ("plain Polars, hand-written", lower_bound),
    "engine": ("this engine", engine),
    "flags": ("row flags with reasons, this engine", flags),
    "pandas": ("Great Expectations on pandas", pandas),
    "pandera": ("pandera on Polars", pandera),
    "pointblank": ("pointblank on Polars", pointblank),
}


def _measure(peer: str, path: str) -> dict[str, Any]:
    run = PEERS[peer][1](path)
    wall, cpu = time.perf_counter(), time.process_time()
    done = run()
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": _peak_mb(),
        **asdict(done),
    }


def _peak_mb() -> float:
    """The most memory that this process held; `ru_maxrss` would count its parent's too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def _measure_apart(peer: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.validation", "--peer", peer, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{peer} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _small() -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = str(write_rows(Path(folder), 100))
        sys.argv.append(path)
        run = engine(path)
        seconds = []
        for _ in range(5):
            at = time.process_time()
            run()
            seconds.append(time.process_time() - at)
    return f"40 expectations on 100 rows: {min(seconds):.3f} s of CPU"


def _row(name: str, found: dict[str, Any]) -> str:
    checks = f"{found['checks']} ({found['own']} by hand)" if found["own"] else str(found["checks"])
    failed = "" if found["failed"] is None else found["failed"]
    times = f"{found['wall']:.2f} | {found['cpu']:.2f} | {found['peak']:,.0f}"
    return f"| {name} | {checks} | {failed} | {times} |"


def _report(n_rows: int, path: Path) -> None:
    print(f"{n_rows:,} rows x 42 columns, 40 expectations\n")
    print("| peer | checks | fail | wall s | cpu s | peak MB |\n|---|---|---|---|---|---|")
    for peer, (name, _) in PEERS.items():
        if peer in ("pandera", "pointblank") and importlib.util.find_spec(peer) is None:
            print(f"| {name} | not installed | | | | |")
            continue
        print(_row(name, _measure_apart(peer, path)), flush=True)
    print(f"\n{_small()}")


def main() -> None:
    """Print the table, or measure one peer."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=lambda text: int(text.replace("_", "")), default=CHUNK)
    arguments.add_argument("--peer", choices=PEERS)
    arguments.add_argument("path", nargs="?")
    given = arguments.parse_args()
    if given.peer:
        print(json.dumps(_measure(given.peer, given.path)))
        return
    with tempfile.TemporaryDirectory() as folder:
        _report(given.rows, write_rows(Path(folder), given.rows))


if __name__ == "__main__":
    main()
