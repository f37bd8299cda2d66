"""Rows scored a second beside the same network's bare matrix products, and peak memory.

    python -m tests.bench.scoring --rows 1_000_000
    python -m tests.bench.scoring --rows 10_000_000 --model xgboost --contenders stage
    python -m tests.bench.scoring --rows 10_000_000 --features 4 --contenders stage

Prints a markdown table. The rows have 40 features with gaps; the model is the shipped default, TabM
with 8 heads of width 64 and piecewise-linear embeddings, trained on 20,000 rows, XGBoost beside it.
Each contender is a process of its own:

- products, products_half: the matrix products alone, on tensors that are there already, in float32
  and in bfloat16
- network, network_half: the network on a matrix in memory, without calibration or decision
- loop: torch's own plain loop, a DataLoader of 8,192 rows and the same module
- onnx: the same network, exported, in ONNX Runtime
- xgboost: the fallback on the same matrix
- stage: the whole stage from Parquet to Parquet: read, verify, score by both models, calibrate,
  p- and q-values, rank, decide, explain the alerts, write
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

from tasks.core.artifacts import Features, Ref
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.results import Selection, Verdict
from tasks.core.store import Store, table_uri
from tasks.core.treatments import Preparation
from tasks.models.aliases import BATCH, read_aliases
from tasks.models.base import Conditions, Rows
from tasks.models.bundle import Facts, FittedModel, Member, Role, open_bundle, save, version_of
from tasks.models.config import ModelConfig, TabMConfig, XGBoostConfig
from tasks.models.network import NetworkScorer
from tasks.models.onnx import to_onnx
from tasks.models.records import Trained, TrainingReference
from tasks.models.zoo import MODELS
from tasks.score.asking import Unscored
from tasks.score.config import BudgetDecision, ScoringConfig
from tasks.score.ladder import first_footing
from tasks.score.task import score
from tasks.train.calibrate import calibrate
from tasks.train.register import enter

MOST_FEATURES = 40
FEATURES = tuple(f"x{j:02d}" for j in range(MOST_FEATURES))
NIGHT, CHUNK, IN_MEMORY = "2024-01-01", 1_000_000, 1_000_000
PRODUCT_ROWS, BATCH_ROWS = 512, 8192


def matrix(rows: int, seed: int) -> np.ndarray:
    """Normal values, one in twenty missing."""
    generator = np.random.default_rng(seed)
    table = generator.standard_normal((rows, len(FEATURES)), np.float32)
    table[generator.random(table.shape, np.float32) < 0.05] = np.nan
    return table


def labelled(rows: int, seed: int) -> Rows:
    table = matrix(rows, seed)
    chance = 1 / (1 + np.exp(-2 * np.nan_to_num(table[:, 0]) - np.nan_to_num(table[:, 1]) ** 2 + 4))
    labels = np.random.default_rng(seed + 1).random(rows) < chance
    return Rows(table, labels.astype(np.float32), FEATURES)


def member(config: ModelConfig) -> Member:
    fit, stop = labelled(20_000, 1), labelled(5_000, 3)
    fitted = MODELS[config.kind].fit(config, fit, stop, Conditions(0))
    return Member(config, fitted.scorer, calibrate(fitted.scorer, stop), fitted.history)


def prepare(store: Store, rows: int, threads: int, kind: str) -> None:
    """A registered model, and a night of so many events."""
    reference = TrainingReference("2023-01-01", "2023-12-01", "2023-12-31", "r", 0, "c", "d", "0")
    verdicts = tuple(Verdict(name, 1, 0, 1, 1, True, "") for name in FEATURES)
    facts = Facts(
        "p", FEATURES, Preparation(()), Selection("given", verdicts), reference, (), (), (), {}
    )
    with open_run(store, "p", BATCH, "train") as run:
        fallback = member(XGBoostConfig(threads=threads, rounds=200))
        chosen = fallback if kind == "xgboost" else member(TabMConfig(epochs=1, threads=threads))
        ref, files = save(run, FittedModel(facts, chosen, fallback))
        trained = Trained(ref, files, version_of(ref), reference, (), (), (), chosen.history)
        enter(run, trained, 2)
        commit(run, {})
    uri = table_uri("features", "p", "events", NIGHT)
    with open_run(store, "p", NIGHT, "build") as run:
        schema = night(1, 0).schema
        with run.open_table(Features, schema, uri) as table:
            for start in range(0, rows, CHUNK):
                table.add(night(min(CHUNK, rows - start), start))
        commit(run, {})


def night(rows: int, start: int) -> pl.DataFrame:
    day = dt.date.fromisoformat(NIGHT)
    names = pl.DataFrame({"number": np.arange(start, start + rows)}).select(
        event_id=pl.format("event-{}", "number"),
        number="number",
        event_time=pl.lit(dt.datetime(2024, 1, 1)),
        batch_date=pl.lit(day),
    )
    return names.hstack(pl.DataFrame(matrix(rows, start), schema=list(FEATURES)))


def run_stage(store: Store, threads: int) -> int:
    record = last_commit(store, "p", NIGHT)
    features: Ref[Features] = record.files[0]
    footing = first_footing(store, read_aliases(store, "p"))
    with open_run(store, "p", f"{NIGHT}-scores", "score") as run:
        decision, limits = (
            BudgetDecision(per_day=alerts[-1]),
            ScoringConfig(max_distance=None, reasons=alerts[-1]),
        )
        return score(Unscored(run, features), decision, footing, limits).table.rows


def of_memory(role: Role) -> Callable[[Store, int], int]:
    def run(store: Store, threads: int) -> int:
        scorer = open_bundle(store, read_aliases(store, "p").champion).read(role).scorer
        table = matrix(IN_MEMORY, 9)
        started.append((time.perf_counter(), time.process_time()))
        scorer.score(table)
        return len(table)

    return run


def champion(store: Store, **changes: str) -> NetworkScorer:
    """The network of the store, with some settings of its scoring changed."""
    found = open_bundle(store, read_aliases(store, "p").champion).read("model")
    config = found.config.model_copy(update=changes)
    scorer = MODELS[config.kind].load(config, found.scorer.save())
    assert isinstance(scorer, NetworkScorer)
    return scorer


def of_network(**changes: str) -> Callable[[Store, int], int]:
    def run(store: Store, threads: int) -> int:
        scorer, table = champion(store, **changes), matrix(IN_MEMORY, 9)
        started.append((time.perf_counter(), time.process_time()))
        scorer.score(table)
        return len(table)

    return run


def run_loop(store: Store, threads: int) -> int:
    network, table = champion(store).network.eval(), torch.from_numpy(matrix(IN_MEMORY, 9))
    torch.set_num_threads(threads)
    batches = DataLoader(TensorDataset(table), BATCH_ROWS)
    started.append((time.perf_counter(), time.process_time()))
    with torch.inference_mode():
        torch.cat([network.score(network.encoding(batch)) for (batch,) in batches])
    return len(table)


def run_onnx(store: Store, threads: int) -> int:
    import onnxruntime

    table = matrix(IN_MEMORY, 9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    session = onnxruntime.InferenceSession(to_onnx(champion(store), table), options)
    started.append((time.perf_counter(), time.process_time()))
    for start in range(0, len(table), BATCH_ROWS):
        session.run(["score"], {"rows": table[start : start + BATCH_ROWS]})
    return len(table)


def of_products(kind: torch.dtype) -> Callable[[Store, int], int]:
    """The products of TabM, in the shapes in which the network makes them."""

    def run(store: Store, threads: int) -> int:
        config, f, n = TabMConfig(), len(FEATURES), PRODUCT_ROWS
        heads, width = config.heads, config.width
        torch.set_num_threads(threads)
        shapes = [
            ((f, config.embedding, config.bins + 2), (f, config.bins + 2, n)),
            ((heads * width, f * config.embedding), (f * config.embedding, n)),
            *[((heads, width, width), (heads, width, n))] * (config.layers - 1),
            ((heads, 1, width), (heads, width, n)),
        ]
        pairs = [tuple(torch.randn(shape).to(kind) for shape in pair) for pair in shapes]
        started.append((time.perf_counter(), time.process_time()))
        with torch.inference_mode():
            for _ in range(IN_MEMORY // n):
                for one, other in pairs:
                    torch.matmul(one, other)
        return IN_MEMORY // n * n

    return run


CONTENDERS = {
    "products": of_products(torch.float32),
    "network": of_network(),
    "loop": run_loop,
    "onnx": run_onnx,
    "products_half": of_products(torch.bfloat16),
    "network_half": of_network(scoring_precision="bfloat16"),
    "xgboost": of_memory("fallback"),
    "stage": run_stage,
}
started: list[tuple[float, float]] = []
alerts: list[int] = []


def measure(name: str, store: Store, threads: int) -> dict[str, float]:
    started.append((time.perf_counter(), time.process_time()))
    rows = CONTENDERS[name](store, threads)
    wall, cpu = started[-1]
    return {
        "rows": rows,
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", choices=["tabm", "xgboost"], default="tabm")
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=[*CONTENDERS])
    parser.add_argument("--features", type=int, default=MOST_FEATURES)
    parser.add_argument(
        "--alerts", type=int, default=100, help="of the night, all of them explained"
    )
    parser.add_argument("--child", nargs=2)
    asked = parser.parse_args()
    global FEATURES
    FEATURES = FEATURES[: asked.features]
    if asked.child:
        name, folder = asked.child
        alerts.append(asked.alerts)
        print(json.dumps(measure(name, Store(Path(folder)), asked.threads)))
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare(Store(Path(folder)), asked.rows, asked.threads, asked.model)
        print("| contender | rows | rows/s of CPU | share of the first | wall s | peak MB |")
        print("|---|---|---|---|---|---|")
        base = None
        for name in asked.contenders:
            words = ["-m", "tests.bench.scoring", "--threads", str(asked.threads)]
            words += ["--features", str(asked.features), "--alerts", str(asked.alerts)]
            done = subprocess.run(
                [sys.executable, *words, "--child", name, folder],
                check=True,
                capture_output=True,
                text=True,
            )
            found = json.loads(done.stdout)
            rate = found["rows"] / found["cpu"]
            base = base or rate
            print(
                f"| {name} | {found['rows']:,} | {rate:,.0f} | {rate / base:.2f} "
                f"| {found['wall']:.1f} | {found['peak']:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
