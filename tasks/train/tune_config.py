"""What a pipeline file may say under `tuning`."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from tasks.core.config import Config
from tasks.models.config import ModelConfig

Scalar = bool | int | float | str | None


class Span(Config):
    """A stretch of numbers: whole ones where the setting is a whole number."""

    low: float = Field(alias="from", description="Lowest value")
    high: float = Field(alias="to", description="Highest value")
    scale: Literal["linear", "log"] = Field("linear", description="log: equal ratios alike")
    points: int = Field(3, ge=2, le=100, description="Values a grid takes of it")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"from must lie below to; found {self.low} and {self.high}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"a log scale needs from above 0; found {self.low}")
        return self


class Choice(Config):
    """A kind of model with the settings to try: one value, a list of values, or a span."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(description="The kind of model")
    __pydantic_extra__: dict[str, Span | tuple[Scalar, ...] | Scalar] = Field(init=False)

    @property
    def settings(self) -> dict[str, Span | tuple[Scalar, ...] | Scalar]:
        """What is said of each setting."""
        return dict(self.__pydantic_extra__ or {})

    def model(self, given: dict[str, Any]) -> ModelConfig:
        """The configuration with the given settings.

        Raises:
            ValidationError: the kind has no such setting, or it may not be so.
        """
        found: ModelConfig = TypeAdapter(ModelConfig).validate_python({"kind": self.kind, **given})
        return found

    @model_validator(mode="after")
    def _is_of_a_model(self) -> Self:
        """Try the first of everything, and beside it the ends of every setting."""
        ends = {name: _ends(name, said) for name, said in self.settings.items()}
        first = {name: found[0] for name, found in ends.items()}
        self._try(first)
        for name, found in ends.items():
            for end in found[1:]:
                self._try({**first, name: end})
        return self

    def _try(self, given: dict[str, Any]) -> None:
        try:
            self.model(given)
        except ValidationError as error:
            told = error.errors()[0]
            name = str(told["loc"][-1]) if told["loc"] else "kind"
            found = given.get(name, "")
            raise ValueError(f"{self.kind}, {name}: {found} {told['msg']}") from None


def _ends(name: str, said: Span | tuple[Scalar, ...] | Scalar) -> tuple[Any, ...]:
    if isinstance(said, Span):
        return said.low, said.high
    if said == ():
        raise ValueError(f"{name}: at least one value is needed")
    return said if isinstance(said, tuple) else (said,)


class TuningConfig(Config):
    """How settings of the model are searched for, on rows before the test part."""

    method: Literal["tpe", "random", "grid"] = Field(
        "tpe", description="tpe: where good trials lie dense; random; grid: all combinations"
    )
    space: tuple[Choice, ...] = Field(
        min_length=1, description="Kinds of model, each with the settings to try"
    )
    trials: int | None = Field(None, ge=1, description="Trials at most; empty: as time allows")
    minutes: float | None = Field(
        None,
        gt=0,
        description="Time after which no trial begins; how many there are depends on the machine",
    )
    folds: int = Field(
        0,
        ge=0,
        le=20,
        description="Inner folds that judge a trial, each later than what it is fitted on; "
        "0: the stop part",
    )
    prune: bool = Field(
        True, description="End a trial whose stop metric falls behind the middle of the others'"
    )
    parallel: int = Field(
        1,
        ge=1,
        le=64,
        description="Trials of a round: proposed together, computed at once if workers are",
    )

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.method != "grid" and self.trials is None and self.minutes is None:
            raise ValueError("tuning needs a budget: trials, or minutes, or both")
        return self
