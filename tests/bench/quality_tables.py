"""TabM, XGBoost and their mean on tables of many kinds, as shipped: one set of defaults for all.

    python -m tests.bench.quality_tables --data ../shared/data --results tables.jsonl

60% of the rows are fitted on, 15% decide when training stops, 25% are judged: average precision,
of values the share of variance explained. Each result is kept as a line of `--results`, and what is
there is not measured again; `--tables` prints what it holds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from tasks.models.base import Conditions, Scorer
from tasks.models.config import ModelConfig
from tasks.models.ensemble import EnsembleScorer
from tasks.models.stopping import quality
from tasks.models.zoo import MODELS
from tests.bench import labelled_tables

MEMBERS = ("xgboost", "tabm")
MODELS_TOLD = (*MEMBERS, "ensemble")
Result = Mapping[str, Any]


def measure(data: Path, name: str, seed: int) -> Result:
    """Fit both models on one table, and judge them and their mean on the same rows."""
    rows = labelled_tables.read(data, name)
    fit, stop, test = labelled_tables.divide(rows, seed)
    scorers: dict[str, Scorer] = {}
    seconds = {}
    for kind in MEMBERS:
        config: Any = TypeAdapter(ModelConfig).validate_python({"kind": kind})
        began = time.process_time()
        scorers[kind] = MODELS[kind].fit(config, fit, stop, Conditions(seed)).scorer
        seconds[kind] = time.process_time() - began
    scorers["ensemble"] = EnsembleScorer(list(scorers.values()), rows.target)
    return {
        **{"set": name, "seed": seed, "rows": len(fit.labels), "seconds": seconds},
        "positive": float(rows.labels.mean()) if rows.target.kind == "binary" else None,
        "reached": {kind: quality(scorer, test) for kind, scorer in scorers.items()},
    }


def print_table(title: str, names: Iterable[str], results: Iterable[Result]) -> None:
    """A row for each set, means over seeds; then means over sets, and who is ahead how often."""
    found = {name: [each for each in results if each["set"] == name] for name in names}
    found = {name: own for name, own in found.items() if own}
    if not found:
        return
    print(f"\n### {title}\n")
    print("| set | rows fitted on | positive | XGBoost | TabM | mean of both | CPU s |")
    print("|---|---|---|---|---|---|---|")
    table = np.array([list(_means(own)) for own in found.values()])
    for (name, own), reached in zip(found.items(), table, strict=True):
        share = own[0]["positive"]
        told = "a value" if share is None else f"{share:.1%}"
        seconds = [np.mean([each["seconds"][kind] for each in own]) for kind in MEMBERS]
        figures = " | ".join(f"{value:.3f}" for value in reached)
        cost = ", ".join(f"{value:.1f}" for value in seconds)
        print(f"| {name} | {own[0]['rows']:,} | {told} | {figures} | {cost} |")
    means = " | ".join(f"**{value:.3f}**" for value in table.mean(axis=0))
    print(f"| **mean of {len(table)} sets** | | | {means} | |")
    ahead = table[:, 1] - table[:, 0]
    error = ahead.std(ddof=1) / len(ahead) ** 0.5
    print(
        f"\nTabM less XGBoost: {ahead.mean():+.3f} ± {error:.3f}; not behind by more than .01 on ",
        end="",
    )
    print(f"{(ahead > -0.01).sum()} of {len(ahead)}; their mean less the better one: ", end="")
    print(f"{(table[:, 2] - table[:, :2].max(axis=1)).mean():+.3f}.")


def _means(results: Iterable[Result]) -> Iterator[float]:
    for kind in MODELS_TOLD:
        yield float(np.mean([each["reached"][kind] for each in results]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--results", type=Path, required=True, help="JSON lines, added to")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--tables", action="store_true", help="print what the results hold")
    arguments = parser.parse_args()
    arguments.results.touch()
    results = [json.loads(line) for line in arguments.results.read_text().splitlines()]
    if arguments.tables:
        print_table("Never looked at", labelled_tables.KEPT_BACK, results)
        print_table("Looked at while defaults were chosen", labelled_tables.LOOKED_AT, results)
        return
    done = {(each["set"], each["seed"]) for each in results}
    for seed in arguments.seeds:
        for name in arguments.sets or (*labelled_tables.KEPT_BACK, *labelled_tables.LOOKED_AT):
            if (name, seed) not in done:
                result = measure(arguments.data, name, seed)
                with arguments.results.open("a") as file:
                    file.write(json.dumps(result) + "\n")
                print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
