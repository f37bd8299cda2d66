"""Triage by feedback on 40 simulated nights: what reviewers' verdicts alone can teach.

    python -m tests.bench.triage

Each night brings 1,000 events of 12 features, 3% of them attacks of families that come and go; 40
are reviewed, and only their labels come back. Policies differ in which 40 they show. Prints, over
10 seeds, recall of all attacks with the paired difference to greedy, and what exploration cost and
found; the off-policy estimate of the plain ranking's precision beside the truth.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from tasks.models.baseline import fit
from tasks.monitor.exploration import off_policy
from tasks.score.config import TriageDecision
from tasks.score.novelty import ranks, surprise
from tasks.score.triage import draw

NIGHTS, EVENTS, FEATURES, BUDGET, FAMILIES, BAGS = 40, 1000, 12, 40, 10, 5
SHARE_OF_ATTACKS = 0.03
POLICIES = {
    "greedy": TriageDecision(per_day=BUDGET, novelty=0.0, explore=0.0),
    "bonus only": TriageDecision(per_day=BUDGET, explore=0.0),
    "triage": TriageDecision(per_day=BUDGET),
}


@dataclass
class Night:
    table: np.ndarray
    labels: np.ndarray
    families: np.ndarray


def nights(seed: int) -> list[Night]:
    """Ordinary events around the origin; families off it, for a while."""
    generator = np.random.default_rng(seed)
    centers = generator.normal(size=(FAMILIES, FEATURES))
    centers *= 3.2 / np.linalg.norm(centers, axis=1, keepdims=True)
    starts = np.sort(generator.integers(0, NIGHTS - 5, FAMILIES))
    starts[:2] = 0
    spans = generator.integers(8, 20, FAMILIES)
    found = []
    for number in range(NIGHTS):
        live = np.flatnonzero((starts <= number) & (number < starts + spans))
        attacks = generator.binomial(EVENTS, SHARE_OF_ATTACKS) if len(live) else 0
        families = np.full(EVENTS, -1)
        families[:attacks] = generator.choice(live, attacks) if attacks else []
        table = generator.normal(size=(EVENTS, FEATURES))
        table[:attacks] = centers[families[:attacks]] + 0.8 * table[:attacks]
        found.append(Night(table, (families >= 0).astype(float), families))
    return found


class Reviewers:
    """What was reviewed so far, and bags of logistic regressions fitted on it."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed + 1000)
        self.tables: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []

    def learn(self, table: np.ndarray, labels: np.ndarray) -> None:
        self.tables.append(table)
        self.labels.append(labels)

    def scores(self, table: np.ndarray, novelty: np.ndarray) -> np.ndarray:
        """The bags' mean chance; the novelty while no attack was seen."""
        labels = np.concatenate(self.labels) if self.labels else np.empty(0)
        if labels.sum() < 2:
            return novelty
        known = expanded(np.concatenate(self.tables))
        bags = []
        for _ in range(BAGS):
            rows = self.generator.integers(0, len(known), len(known))
            bags.append(chances(fit_logistic(known[rows], labels[rows]), expanded(table)))
        return np.mean(bags, axis=0)


def expanded(table: np.ndarray) -> np.ndarray:
    """A constant, the features and their squares."""
    return np.column_stack([np.ones(len(table)), table, table**2])


def chances(weights: np.ndarray, table: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(table @ weights, -30, 30)))


def fit_logistic(table: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Logistic regression with a ridge of 1, by Newton's method."""
    weights = np.zeros(table.shape[1])
    for _ in range(8):
        chance = chances(weights, table)
        slope = table.T @ (labels - chance) - weights
        curve = (table * (chance * (1 - chance))[:, None]).T @ table + np.eye(len(weights))
        weights = weights + np.linalg.solve(curve, slope)
    return weights


def play(decision: TriageDecision, seed: int) -> dict[str, float]:
    """Let a policy choose through all nights."""
    reviewers = Reviewers(seed)
    hits = attacks = explored = found = cost = 0.0
    chance, outcomes, plain, truth = [], [], [], []
    seen: set[int] = set()
    played = nights(seed)
    first = played[0].table
    baselines = [fit(column, np.zeros(len(first))) for column in first.T]
    for number, night in enumerate(played):
        columns = zip(night.table.T, baselines, strict=True)
        novelty = ranks(np.sum([surprise(column, each) for column, each in columns], axis=0))
        chances = reviewers.scores(night.table, novelty)
        slots = draw(decision, chances, novelty, np.random.default_rng((seed, number)))
        shown = slots.shown
        reviewers.learn(night.table[shown], night.labels[shown])
        hits += night.labels[shown].sum()
        attacks += night.labels.sum()
        random = slots.queue == "explore"
        explored += random.sum()
        found += night.labels[random].sum()
        seen |= set(night.families[shown][night.families[shown] >= 0].tolist())
        top = np.argsort(-chances, kind="stable")[:BUDGET]
        cost += night.labels[top].sum() - night.labels[shown].sum()
        wanted = np.zeros(EVENTS, bool)
        wanted[top] = True
        chance.append(slots.propensity)
        outcomes.append(np.where(shown, night.labels, np.nan))
        plain.append(wanted)
        truth.append(night.labels[wanted].mean())
    estimate = off_policy(*map(np.concatenate, (chance, outcomes, plain)))
    return {
        "recall": hits / attacks,
        "families": len(seen),
        "explored": explored,
        "explored hits": found,
        "estimate": estimate.precision,
        "truth": float(np.mean(truth)),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    seeds = range(parser.parse_args().seeds)
    played = {name: [play(policy, seed) for seed in seeds] for name, policy in POLICIES.items()}
    greedy = np.array([each["recall"] for each in played["greedy"]])
    print(
        "| policy | recall | less greedy's (95%) | families found | random slots | hits in them "
        "| precision of the plain ranking: estimated, true |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, found in played.items():
        recall = np.array([each["recall"] for each in found])
        gap = recall - greedy
        drawn = np.random.default_rng(0).integers(0, len(gap), (10_000, len(gap)))
        low, high = np.quantile(gap[drawn].mean(axis=1), [0.025, 0.975])
        mean = {key: np.mean([each[key] for each in found]) for key in found[0]}
        print(
            f"| {name} | {recall.mean():.3f} | {gap.mean():+.3f} ({low:+.3f} to {high:+.3f}) "
            f"| {mean['families']:.1f} | {mean['explored']:.0f} | {mean['explored hits']:.1f} "
            f"| {mean['estimate']:.3f}, {mean['truth']:.3f} |"
        )


if __name__ == "__main__":
    main()
