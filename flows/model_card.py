"""A model's card: what it is made of, worth, and fit for, from its manifest and its run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flows.pipeline import Pipeline
from tasks.core.artifacts import Model, Ref, Report
from tasks.core.commit import last_commit
from tasks.core.errors import IntegrityError
from tasks.core.forgetting import FORGOTTEN
from tasks.core.store import table_uri
from tasks.models.aliases import BATCH, Aliases
from tasks.models.bundle import Bundle, Facts, open_bundle, version_of
from tasks.models.privacy import Spent
from tasks.models.records import PartCount

_RANKING = (
    "average_precision",
    "roc_auc",
    "base_rate",
    "brier",
    "class_accuracy",
    "class_macro_f1",
    "rmse",
    "mae",
    "r2",
    "interval_coverage",
)

_NOT_COVERED = (
    "other rows of the same person: who has n of them is known n times as well;",
    "features, preparation, selection, and the quantiles by which the network reads a feature;",
    "the fallback beside the model, which learned from the same rows without noise;",
    "settings that a tuning chose, and the epoch that was kept, by the stop part;",
    "calibration, figures, curves, ranges and baselines of the bundle;",
    "any other training on the same rows: their budgets add up.",
)


def card(pipeline: Pipeline, aliases: Aliases, ref: Ref[Model]) -> dict[str, Any]:
    """The card of one version, as a program reads it.

    Raises:
        IntegrityError: its manifest is missing or was changed.
    """
    bundle = open_bundle(pipeline.store, ref)
    facts, version = bundle.facts, version_of(ref)
    reference = facts.reference
    forgotten = _forgotten(pipeline, version)
    return {
        "version": version,
        "pipeline": facts.pipeline,
        "alias": next((a for a, v in aliases.versions.items() if v == version), ""),
        "moves": [move for move in aliases.moves if move.version == version],
        "data": {
            "first_date": reference.first_date,
            "last_date": reference.last_date,
            "labels_known_by": reference.known_by,
            "parts": facts.parts,
            "inputs": reference.inputs,
        },
        "features": list(facts.features),
        "config": {
            role: member.config.model_dump(mode="json")
            for role, member in bundle.manifest.members.items()
        },
        "seed": reference.seed,
        "code_version": reference.code_version,
        "config_sha256": reference.config_digest,
        "metrics": facts.metrics,
        "privacy": _spent(bundle),
        "forgotten": forgotten,
        "limits": [*_forgotten_told(forgotten), *_limits(bundle)],
        "energy": _energy(pipeline, reference.known_by),
    }


def markdown(told: Mapping[str, Any]) -> str:
    """The card as a person reads it."""
    data, energy = told["data"], told["energy"]
    kinds = [config["kind"] for config in told["config"].values()]
    lines = [
        f"# {told['pipeline']} {told['version']}" + (f", {told['alias']}" * bool(told["alias"])),
        "",
        f"Trained on {data['first_date']} to {data['last_date']}, labels known by "
        f"{data['labels_known_by']}, seed {told['seed']}, Lamplighter {told['code_version']}.",
        "",
        f"| part | rows | {'mean value' if _is_value(data['parts']) else 'positives'} |",
        "|---|---|---|",
        *(f"| {part.part} | {part.rows:,} | {_told(part)} |" for part in data["parts"]),
        "",
        f"{len(told['features'])} features: {', '.join(told['features'])}.",
        "",
        f"| test part | {' | '.join(kinds)} |",
        "|---|" + "---|" * len(kinds),
        *_metric_lines(told),
        "",
        *_privacy_lines(told),
        "Limits:",
        *(f"- {limit}" for limit in told["limits"]),
        "",
        f"Energy: {energy}" if isinstance(energy, str) else _energy_line(energy),
        *(f"\n{m.at} {m.alias} by {m.by}: {m.why}" for m in told["moves"]),
    ]
    return "\n".join(lines) + "\n"


def _is_value(parts: Iterable[PartCount]) -> bool:
    return any(part.mean is not None for part in parts)


def _told(part: PartCount) -> str:
    return f"{part.positives:,}" if part.mean is None else f"{part.mean:.4g}"


def _metric_lines(told: Mapping[str, Any]) -> Iterator[str]:
    kinds = [told["config"][role]["kind"] for role in told["config"]]
    found = {(m.metric, m.model): m for m in told["metrics"] if m.split == "test"}
    for name in _RANKING:
        cells = [found.get((name, kind)) for kind in kinds]
        if any(cells):
            shown = (f"{m.value:.3f}" + _interval(m) if m else "-" for m in cells)
            yield f"| {name.replace('_', ' ')} | {' | '.join(shown)} |"


def _interval(metric: Any) -> str:
    return "" if metric.low is None else f" ({metric.low:.3f} to {metric.high:.3f})"


def _spent(bundle: Bundle) -> Spent | None:
    member = bundle.manifest.members.get("model")
    return member.history.spent if member else None


def _privacy_lines(told: Mapping[str, Any]) -> Iterator[str]:
    """What the training told of a row, and what is not counted in it."""
    spent: Spent | None = told["privacy"]
    if spent is None:
        return
    yield (
        f"Privacy: the weights of {told['config']['model']['kind']} spent epsilon "
        f"{spent.epsilon:.2f} at delta {spent.delta:g} on each row of the part fit (noise "
        f"{spent.noise_multiplier:.2f}, gradients clipped to {spent.max_grad_norm:g}, "
        f"{spent.steps:,} steps of a share of {spent.sample_rate:.2g} of the rows)."
    )
    yield ""
    yield "Not in this budget, and computed from the rows as they are:"
    yield from (f"- {each}" for each in _NOT_COVERED)
    yield ""


def _limits(bundle: Bundle) -> Iterator[str]:
    """What the model must not be taken for."""
    facts = bundle.facts
    yield (
        f"It knows events of {facts.reference.first_date} to {facts.reference.last_date} only; "
        "what is unlike them is told by the table drift."
    )
    if facts.classes:
        yield f"It names {len(facts.classes)} classes, and none beside: {', '.join(facts.classes)}."
    if _is_value(facts.parts):
        yield from _limits_of_values(bundle)
        return
    positives = {part.part: part.positives for part in facts.parts}
    for part in ("calibrate", "test"):
        if part in positives and positives[part] < 100:
            yield f"Only {positives[part]} positives in the part {part}: its figures are coarse."
    negatives = next((p.rows - p.positives for p in facts.parts if p.part == "calibrate"), 0)
    yield f"No p-value is below {1 / (negatives + 1):.2g}: {negatives:,} ordinary calibration rows."
    yield from _weaknesses(facts)


def _limits_of_values(bundle: Bundle) -> Iterator[str]:
    """What its predicted values must not be taken for."""
    rows = next((p.rows for p in bundle.facts.parts if p.part == "calibrate"), 0)
    yield (
        f"Its intervals rest on {rows:,} calibration rows: they hold their share on average over "
        "events like these, not of each kind of event."
    )
    yield from _weaknesses(bundle.facts)


def _weaknesses(facts: Facts) -> Iterator[str]:
    if facts.failure:
        yield f"There is no deep model in it, XGBoost scores: {facts.failure}"
    if facts.selection.for_want_of_better:
        yield "No feature beat chance; it is fitted on all candidates."


def _forgotten(pipeline: Pipeline, version: str) -> list[int]:
    """The numbers of the forgettings that took rows out which a version was trained on."""
    record = last_commit(pipeline.store, pipeline.name, BATCH)
    uri = f"models/{pipeline.name}/{version}/{FORGOTTEN}.json"
    note = record.find(Model, uri) if record else None
    return [*json.loads(pipeline.store.read_bytes(note))["forgotten"]] if note else []


def _forgotten_told(numbers: list[int]) -> Iterator[str]:
    if numbers:
        records = ", ".join(f"{FORGOTTEN}-{number}" for number in numbers)
        yield (
            f"Rows of persons it was trained on were taken out of the store since ({records}): its "
            "figures cannot be computed again, and a training anew forgets them."
        )


def _energy(pipeline: Pipeline, known_by: str) -> dict[str, float] | str:
    """What the training cost, from its row of `runs`."""
    record = last_commit(pipeline.store, pipeline.name, BATCH)
    uri = table_uri("reports", pipeline.name, "runs", known_by, "training.parquet")
    ref = record.find(Report, uri) if record else None
    try:
        row = pipeline.store.scan(ref).collect().to_dicts()[0] if ref else None
    except IntegrityError:
        row = None
    if row is None:
        return "not known: the row of its training in `runs` is gone"
    watts = pipeline.config.monitoring.watts_per_core
    seconds = float(row["cpu_seconds"])
    return {"cpu_seconds": seconds, "watts_per_core": watts, "watt_hours": seconds * watts / 3600}


def _energy_line(energy: Mapping[str, float]) -> str:
    return (
        f"Energy: {energy['watt_hours']:.3g} Wh, estimated: {energy['cpu_seconds']:,.0f} CPU "
        f"seconds at {energy['watts_per_core']:g} W a busy core."
    )
