"""A model of the user's own: a class named in the pipeline file as `module:Class`.

The file that the class is read from is part of the model: its digest is saved beside the weights,
and a model is not loaded by other code than it was trained with.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tasks.core.errors import ModelError
from tasks.core.keys import digest_bytes
from tasks.core.modules import installed_file
from tasks.models.base import Conditions, Epoch, Fitted, History, Matrix, Rows, Scorer
from tasks.models.own_config import OwnConfig

_CODE = "sha256"  # the suffix of the file with the digest of the code
_SAMPLE_ROWS = 256


class OwnModel(Protocol):
    """What a class of the user's own holds to; an instance is a fitted model."""

    @classmethod
    def fit(
        cls, config: Mapping[str, Any], fit: Rows, stop: Rows, seed: int, threads: int
    ) -> Scorer:
        """Fit on rows; the same seed gives the same model."""
        ...

    @classmethod
    def load(cls, config: Mapping[str, Any], files: Mapping[str, bytes]) -> Scorer:
        """Rebuild what `save` gave, without running anything that the files hold."""
        ...


@dataclass(frozen=True, slots=True)
class OwnScorer:
    """The user's scorer, held to shapes and types, and the digest of its code.

    Args:
        scorer: an instance of the class.
        code: SHA-256 of the file with the class.
        name: the class, as `module:Class`.
    """

    scorer: Scorer
    code: str
    name: str

    def score(self, table: Matrix) -> Matrix:
        return self._held("score", table, (len(table),))

    def explain(self, table: Matrix) -> Matrix:
        return self._held("explain", table, (len(table), table.shape[1] + 1))

    def save(self) -> Mapping[str, bytes]:
        files = dict(self.scorer.save())
        if _CODE in files or not all(isinstance(each, bytes) for each in files.values()):
            raise _unfit(self.name, "save", f"bytes by suffix other than {_CODE}", sorted(files))
        return {**files, _CODE: self.code.encode()}

    def _held(self, method: str, table: Matrix, shape: tuple[int, ...]) -> Matrix:
        try:
            values = np.asarray(getattr(self.scorer, method)(table), np.float32)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise _unfit(self.name, method, f"an array of shape {shape}", problem) from error
        if values.shape != shape:
            raise _unfit(self.name, method, f"an array of shape {shape}", values.shape)
        return values


def fit_own(config: OwnConfig, fit: Rows, stop: Rows, conditions: Conditions) -> Fitted:
    """Have the class fit, and hold that what it gives saves, loads and scores the same.

    Raises:
        ModelError: the class is not there, fails, or does not hold to the protocol.
    """
    model, code = _class(config.of)
    try:
        fitted = model.fit(config.config, fit, stop, conditions.seed, config.threads)
    except ModelError:
        raise
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise _unfit(config.of, "fit", "a fitted model", found) from error
    scorer = OwnScorer(fitted, code, config.of)
    _check(config, scorer, np.ascontiguousarray(stop.table[:_SAMPLE_ROWS]))
    return Fitted(scorer, History((Epoch(1, 0.0, 0.0),), 1, f"{config.of} ended by itself"))


def load_own(config: OwnConfig, files: Mapping[str, bytes]) -> OwnScorer:
    """Have the class load what its instance saved.

    Raises:
        ModelError: its code is another one than that of the training, or it cannot load the files.
    """
    model, code = _class(config.of)
    trained = files.get(_CODE, b"").decode(errors="replace")
    if trained != code:
        raise ModelError(
            f"the code of {config.of} as it was in training, SHA-256 {trained[:12] or 'unknown'}",
            found=code[:12],
            where=f"*.{_CODE}",
            do="Bring that version of the module back, or train the pipeline again.",
        )
    own = {suffix: content for suffix, content in files.items() if suffix != _CODE}
    try:
        return OwnScorer(model.load(config.config, own), code, config.of)
    except Exception as error:
        raise ModelError(
            f"files that {config.of} can load",
            found=f"{type(error).__name__}: {str(error)[:200]}",
            where=", ".join(f"*.{suffix}" for suffix in sorted(own)) or "no files",
            do="Train the pipeline again.",
        ) from error


def source(name: str) -> Path:
    """The file of the installed module that a class is read from.

    Raises:
        ModelError: there is none.
    """
    module = name.partition(":")[0]
    found = installed_file(module)
    if found is None:
        raise ModelError(
            f"an installed Python module {module}",
            found="none, or one without a Python file",
            where="model.of",
            do="Install its package where Lamplighter runs, or put its folder on PYTHONPATH.",
        )
    return found


def _class(name: str) -> tuple[type[OwnModel], str]:
    """The class, and the digest of its file."""
    module, _, attribute = name.partition(":")
    file = source(name)
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise _unfit(name, "import", "a module that can be imported", problem) from error
    if not isinstance(found, type) or not all(hasattr(found, each) for each in ("fit", "load")):
        raise _unfit(name, "class", "a class with `fit` and `load`", repr(found)[:100])
    return found, digest_bytes(file.read_bytes())


def _check(config: OwnConfig, scorer: OwnScorer, table: Matrix) -> None:
    """Hold that a model scores finite numbers, explains, and is the same after loading."""
    scores = scorer.score(table)
    if not np.isfinite(scores).all():
        raise _unfit(config.of, "score", "finite scores", "NaN or infinity")
    scorer.explain(table)
    again = load_own(config, scorer.save()).score(table)
    if not np.allclose(again, scores, rtol=1e-6, atol=1e-6):
        gap = float(np.abs(again - scores).max())
        raise _unfit(config.of, "load", "the scores of the model that was saved", f"off by {gap:g}")


def _unfit(name: str, method: str, required: str, found: object) -> ModelError:
    return ModelError(
        required,
        found=str(found)[:300],
        where=f"model.of {name}, {method}",
        do="Mend the class; infra/docs/models.md has a complete example.",
    )
