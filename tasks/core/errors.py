"""Every error Lamplighter raises on purpose, and the exit code each one ends the command with.

LamplighterError (1)
├── ConfigError (2)             a pipeline file, suite or flag is wrong
├── SourceError (3)             a source could not be read completely
│   ├── SourceMissingError      the file, table or address is not there
│   └── SourceUnavailableError  it is there and did not answer; a retry may help
├── DataError (4)               the data are not fit for what was asked of them
│   ├── SchemaDriftError        columns differ from the declared schema
│   └── GateClosedError         a critical expectation failed; nothing was published
├── ModelError (5)              a model is missing, damaged or unfit
│   ├── ModelMissingError       nothing was trained yet
│   ├── FeaturesMissingError    it was trained on features that are not made any more
│   ├── ModelTooSlowError       it gave no scores in the time it has
│   ├── ModelMemoryError        there was not the memory to train, read or apply it
│   └── NoScoresError           every model that was asked failed
├── StoreError (6)              the store is damaged or cannot be written
│   ├── IntegrityError          a file's bytes are not the bytes that were committed
│   └── LedgerError             rows do not add up
├── BusyError (7)               another run holds the lease on this pipeline and date
└── ComputeError (8)            the processes or the cluster that compute are gone, or unfit
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from tasks.core.results import Passed


class LamplighterError(Exception):
    """An error a user can act on: what was required, what was found, where, what to do.

    Args:
        required: what should have been the case.
        found: what was the case instead.
        where: file, line, key, table or address it concerns.
        do: the next thing a user should try.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, required: str, *, found: str, where: str = "", do: str = "") -> None:
        super().__init__(required, found, where, do)
        self.required, self.found, self.where, self.do = required, found, where, do

    def __str__(self) -> str:
        parts = [
            ("required", self.required),
            ("found", self.found),
            ("where", self.where),
            ("do", self.do),
        ]
        return "\n".join(f"{name:>8}: {text}" for name, text in parts if text)

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild with keywords: the default would pass four positional arguments."""
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    cls: type[LamplighterError], args: tuple[str, ...], state: dict[str, object]
) -> LamplighterError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def in_one_line(error: BaseException) -> str:
    """The kind of an error and the beginning of what it says."""
    first, *others = str(error).splitlines() or [""]
    said = f"{first} {others[0].strip()}" if first.endswith(":") and others else first
    return f"{type(error).__name__}: {said[:200]}"


class ConfigError(LamplighterError):
    """A pipeline file, a suite or a flag says something it may not."""

    exit_code = 2


class SourceError(LamplighterError):
    """A source could not be read completely, so nothing of it was taken."""

    exit_code = 3


class SourceMissingError(SourceError):
    """The file, the table or the address is not there."""


class SourceUnavailableError(SourceError):
    """The source is there and did not answer as it should; a retry may help."""


class DataError(LamplighterError):
    """The data are not fit for what was asked of them."""

    exit_code = 4


class SchemaDriftError(DataError):
    """The columns that arrived are not the columns that were declared."""


class GateClosedError(DataError):
    """A critical expectation failed: the night stops and yesterday's tables stay."""


class ModelError(LamplighterError):
    """A model is missing, damaged or unfit."""

    exit_code = 5


class ModelMissingError(ModelError):
    """Nothing was trained yet."""


class FeaturesMissingError(ModelError):
    """A model was trained on features that the pipeline does not make any more."""


class ModelTooSlowError(ModelError):
    """It gave no scores in the time it has."""


class ModelMemoryError(ModelError):
    """There was not the memory to train, read or apply it; nothing else is wrong with it."""


class NoScoresError(ModelError):
    """Every model that was asked failed.

    Args:
        passed: the models, with why each gave no scores.
    """

    def __init__(self, passed: Sequence[Passed]) -> None:
        super().__init__(
            "one model that can score",
            found="; ".join(map(str, passed)),
            where="models/",
            do="Train the pipeline again, or restore the models' files from a copy.",
        )
        self.passed = tuple(passed)


class StoreError(LamplighterError):
    """The store is damaged or cannot be written."""

    exit_code = 6


class IntegrityError(StoreError):
    """A file's bytes are not the bytes that were committed."""


class LedgerError(StoreError):
    """Rows in are not rows out, quarantined and rejected."""


class BusyError(LamplighterError):
    """Another run holds the lease on this pipeline and batch date."""

    exit_code = 7


class ComputeError(LamplighterError):
    """The processes or the cluster that compute partitions are gone, or unfit to."""

    exit_code = 8
