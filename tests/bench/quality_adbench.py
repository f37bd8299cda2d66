"""Anomaly models on the 37 tabular sets of ADBench at hand, by two protocols.

    python -m tests.bench.quality_adbench --data ../shared/data --results adbench.jsonl
    python -m tests.bench.quality_adbench --results adbench.jsonl --tables

The first command fits and scores, one line of results for each set, protocol, seed and model; what
is there already is not done again. The second prints the tables. The defaults of every model, for
every set; `ranks` is joined from its default members, fitted for themselves, and costs their sum.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from tasks.models.base import Conditions, Scorer
from tasks.models.config import ModelConfig, RanksConfig
from tasks.models.metrics import average_precision, rank_rows, roc_auc
from tasks.models.ranks import RanksScorer
from tasks.models.zoo import MODELS
from tests.bench.adbench_sets import Protocol, divide, read, sets

PROTOCOLS: tuple[Protocol, ...] = ("normals", "contaminated")
MEMBERS = tuple(member.kind for member in RanksConfig().members)
MODELS_RUN = (
    *MEMBERS,
    *("ranks", "pca", "conv_autoencoder", "variational", "autoencoder", "svdd", "gan"),
)
Result = dict[str, Any]
Key = tuple[str, str, int, str]


def run(path: Path, protocol: Protocol, seed: int, kinds: Sequence[str]) -> Iterator[Result]:
    """Fit and score the models on one set."""
    table, labels = read(path, seed)
    fit, test, truth = divide(table, labels, protocol, seed)
    fitted: dict[str, tuple[Scorer, float]] = {}
    for kind in kinds:
        before = time.process_time()
        if kind == "ranks":
            scorer: Scorer = RanksScorer.join([fitted[each][0] for each in MEMBERS], fit.table)
            more = sum(fitted[each][1] for each in MEMBERS)
        else:
            config: ModelConfig = TypeAdapter(ModelConfig).validate_python({"kind": kind})
            scorer, more = MODELS[kind].fit(config, fit, fit, Conditions(seed)).scorer, 0.0
        fitting = time.process_time() - before + more
        fitted[kind] = scorer, fitting
        scores = scorer.score(test)
        ranking = rank_rows(truth, scores)
        yield {
            **{"set": path.stem, "protocol": protocol, "seed": seed, "model": kind},
            **{"auc": roc_auc(ranking), "ap": average_precision(ranking)},
            "cpu": time.process_time() - before + more,
        }


def done(results: Path) -> dict[Key, Result]:
    """What the file of results holds."""
    lines = results.read_text().splitlines() if results.exists() else []
    found = [json.loads(line) for line in lines]
    return {(one["set"], one["protocol"], one["seed"], one["model"]): one for one in found}


def tell(found: dict[Key, Result]) -> None:
    """Print for each protocol the means, then every set."""
    for protocol in PROTOCOLS:
        by_model: dict[str, dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
        for (name, of, _, model), result in found.items():
            if of == protocol:
                by_model[model][name].append(result)
        if not by_model:
            continue
        means = {model: _means(of_sets) for model, of_sets in by_model.items()}
        order = sorted(means, key=lambda model: -means[model]["auc"])
        print(f"\n{protocol}\n\n| model | seeds | sets | AUC | AP | CPU s a set | CPU min in all |")
        print("|---|---|---|---|---|---|---|")
        for model in order:
            mean, of_sets = means[model], by_model[model]
            seeds = min(len(results) for results in of_sets.values())
            error = f" ± {mean['error']:.4f}" if seeds > 1 else ""
            print(
                f"| {model} | {seeds} | {len(of_sets)} | {mean['auc']:.4f}{error} "
                f"| {mean['ap']:.4f} | {mean['cpu']:.1f} | {mean['minutes']:.1f} |"
            )
        print(f"\n| AUC | {' | '.join(order)} |\n|---|{'---|' * len(order)}")
        for name in sorted(by_model[order[0]], key=lambda each: int(each.split("_")[0])):
            cells = (_cell([r["auc"] for r in by_model[model][name]]) for model in order)
            print(f"| {name} | {' | '.join(cells)} |")


def _means(of_sets: dict[str, list[Result]]) -> dict[str, float]:
    """Means over sets and seeds, and the standard error over seeds, the sets being fixed."""
    seeds = sorted({result["seed"] for results in of_sets.values() for result in results})
    of_seeds = [
        statistics.fmean(
            r["auc"] for results in of_sets.values() for r in results if r["seed"] == s
        )
        for s in seeds
    ]
    means = {
        name: statistics.fmean(statistics.fmean(r[name] for r in of) for of in of_sets.values())
        for name in ("auc", "ap", "cpu")
    }
    spread = statistics.stdev(of_seeds) / len(seeds) ** 0.5 if len(seeds) > 1 else float("nan")
    minutes = sum(r["cpu"] for results in of_sets.values() for r in results) / 60
    return {**means, "error": spread, "minutes": minutes}


def _cell(values: list[float]) -> str:
    return f"{np.mean(values):.3f}" if values else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder with adbench/")
    parser.add_argument("--results", type=Path, required=True, help="lines of JSON, one a result")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--models", nargs="+", default=MODELS_RUN, choices=MODELS_RUN)
    parser.add_argument("--protocols", nargs="+", default=PROTOCOLS, choices=PROTOCOLS)
    parser.add_argument("--tables", action="store_true", help="print what is there, run nothing")
    arguments = parser.parse_args()
    found = done(arguments.results)
    if arguments.tables:
        tell(found)
        return
    for seed in arguments.seeds:
        for path in sets(arguments.data):
            for protocol in arguments.protocols:
                names = ((path.stem, protocol, seed, kind) for kind in arguments.models)
                if all(name in found for name in names):
                    continue
                results = list(run(path, protocol, seed, arguments.models))
                with arguments.results.open("a") as file:
                    file.writelines(json.dumps(one) + "\n" for one in results)


if __name__ == "__main__":
    main()
