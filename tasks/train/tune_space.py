"""Which settings to try next: a grid, at random, or where good ones lie dense (TPE).

Proposals depend on the seed and on the trials before alone: a tuning that was killed proposes the
same again.
"""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, get_args

import numpy as np

from tasks.core.keys import canonical_json
from tasks.models.config import ModelConfig
from tasks.train.tune_config import Choice, Span, TuningConfig

if TYPE_CHECKING:
    import optuna

_STARTUP = 10  # random trials before TPE has something to go by


@dataclass(frozen=True, slots=True)
class Proposal:
    """A model to try.

    Args:
        number: of the trial, from 0.
        model: its whole configuration.
        settings: what was chosen of the space, by name.
    """

    number: int
    model: ModelConfig
    settings: Mapping[str, Any]


class Search(Protocol):
    """Proposes trials, and hears what came of them."""

    def propose(self) -> Proposal | None:
        """The next trial; None where there is none left."""
        ...

    def hear(self, proposal: Proposal, value: float | None) -> None:
        """What a trial reached, higher being better; None where it failed."""
        ...


def search_of(config: TuningConfig, seed: int) -> Search:
    """The search that a configuration asks for."""
    if config.method == "grid":
        return _Listed(_grid(config.space))
    if config.method == "random":
        return _Listed(_at_random(config.space, seed))
    return _Tpe(config.space, seed)


class _Listed:
    """Trials that do not depend on what others reached."""

    def __init__(self, proposals: Iterator[tuple[Choice, dict[str, Any]]]) -> None:
        self._proposals = enumerate(proposals)

    def propose(self) -> Proposal | None:
        number, found = next(self._proposals, (0, None))
        return None if found is None else Proposal(number, found[0].model(found[1]), found[1])

    def hear(self, proposal: Proposal, value: float | None) -> None:
        """Nothing follows from it."""


class _Tpe:
    """Tree-structured Parzen estimators.

    Source: Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization; Akiba et al. 2019,
    doi:10.1145/3292500.3330701 (Optuna).
    """

    def __init__(self, space: tuple[Choice, ...], seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `group` may change; the version is pinned
            sampler = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=_STARTUP, multivariate=True, group=True
            )
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._space = space
        self._failed = optuna.trial.TrialState.FAIL
        self._open: dict[int, optuna.Trial] = {}

    def propose(self) -> Proposal:
        trial = self._study.ask()
        place = 0
        if len(self._space) > 1:
            place = trial.suggest_categorical("model", range(len(self._space)))
        choice = self._space[place]
        given = {
            name: _suggested(trial, f"{place}.{name}", said, _is_whole(choice, name))
            for name, said in choice.settings.items()
        }
        self._open[trial.number] = trial
        return Proposal(trial.number, choice.model(given), given)

    def hear(self, proposal: Proposal, value: float | None) -> None:
        trial = self._open.pop(proposal.number)
        if value is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, value)


def _suggested(trial: optuna.Trial, name: str, said: Any, whole: bool) -> Any:
    if isinstance(said, tuple):
        return json.loads(trial.suggest_categorical(name, [_written(each) for each in said]))
    if not isinstance(said, Span):
        return said
    log = said.scale == "log"
    if whole:
        return trial.suggest_int(name, math.ceil(said.low), math.floor(said.high), log=log)
    return trial.suggest_float(name, said.low, said.high, log=log)


def _written(value: Any) -> str:
    return canonical_json(value).decode()


def _grid(space: tuple[Choice, ...]) -> Iterator[tuple[Choice, dict[str, Any]]]:
    for choice in space:
        values = [_values(said, _is_whole(choice, name)) for name, said in choice.settings.items()]
        for combination in itertools.product(*values):
            yield choice, dict(zip(choice.settings, combination, strict=True))


def _values(said: Any, whole: bool) -> list[Any]:
    if isinstance(said, tuple):
        return list(said)
    if not isinstance(said, Span):
        return [said]
    values = [_at(said, share, whole) for share in np.linspace(0, 1, said.points)]
    return list(dict.fromkeys(values))


def _at_random(space: tuple[Choice, ...], seed: int) -> Iterator[tuple[Choice, dict[str, Any]]]:
    for number in itertools.count():
        generator = np.random.default_rng([seed, number])
        choice = space[generator.integers(len(space))]
        given: dict[str, Any] = {}
        for name, said in choice.settings.items():
            if isinstance(said, Span):
                given[name] = _at(said, generator.random(), _is_whole(choice, name))
            else:
                values = said if isinstance(said, tuple) else (said,)
                given[name] = values[generator.integers(len(values))]
        yield choice, given


def _at(span: Span, share: float, whole: bool) -> float | int:
    """The number at a share of a span."""
    if span.scale == "log":
        value = math.exp(math.log(span.low) + share * math.log(span.high / span.low))
    else:
        value = span.low + share * (span.high - span.low)
    value = min(max(value, span.low), span.high)
    return round(value) if whole else value


def _is_whole(choice: Choice, name: str) -> bool:
    """Whether a setting is a whole number, by the declaration of its kind."""
    declared = type(choice.model({})).model_fields[name].annotation
    kinds = set(get_args(declared)) or {declared}
    return int in kinds and float not in kinds
