"""Every kind of model, as small as it may be, and rows that each of them can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from tasks.models.base import BINARY, Matrix, Rows, Target
from tasks.models.config import ModelConfig

_NETWORK = {"bins": 4, "embedding": 2, "epochs": 2, "batch_rows": 64, "checkpoint_seconds": 0}
_DETECTOR = {"least_steps": 6, "most_steps": 6, "passes": 1, "epochs": 3, "batch_rows": 64} | {
    "checkpoint_seconds": 0
}
SETTINGS: Mapping[str, dict[str, Any]] = {
    "tabm": {"heads": 2, "width": 8, "layers": 2, "dropout": 0.1, **_NETWORK},
    "mlp": {"width": 8, "layers": 2, "dropout": 0.1, **_NETWORK},
    "resnet": {"width": 8, "layers": 1, "dropout": 0.1, **_NETWORK},
    "transformer": {**_NETWORK, "heads": 2, "layers": 1, "embedding": 4},
    "sequence_cnn": {"width": 4, **_NETWORK},
    "recurrent": {"width": 4, **_NETWORK},
    "image_cnn": {"width": 4, "stages": 1, "augmentation": {"shift": 0.1}, **_NETWORK},
    "linear": {"steps": 20, "penalties": [0.1]},
    "tree": {"depth": 3},
    "xgboost": {"rounds": 4, "depth": 2},
    "own": {"of": "tests.zoo_sample:Middle"},
    "isolation": {"trees": 5},
    "neighbours": {},
    "pca": {},
    "autoencoder": {"width": 8, **_DETECTOR},
    "denoising": {"width": 8, "masks": 1, **_DETECTOR},
    "variational": {"width": 8, **_DETECTOR},
    "conv_autoencoder": {"channels": 4, "places": 8, **_DETECTOR},
    "svdd": {"width": 8, "code": 4, **_DETECTOR},
    "gan": {"width": 8, **_DETECTOR},
    "diffusion": {"width": 8, **_DETECTOR},
    "sequence_autoencoder": {"width": 4, "code": 2, **_DETECTOR},
    "forecaster": {"width": 4, **_DETECTOR},
    "ranks": {
        "members": [
            {"kind": "mlp", "width": 4, "layers": 1, **_NETWORK},
            {"kind": "svdd", "width": 8, "code": 4, **_DETECTOR},
        ]
    },
    "ensemble": {
        "members": [
            {"kind": "mlp", "width": 4, "layers": 1, **_NETWORK},
            {"kind": "xgboost", "rounds": 4, "depth": 2},
        ],
        "bags": 2,
    },
}
TARGETS = {
    "binary": BINARY,
    "classes": Target("classes", ("high", "low", "middle"), normal=1),
    "value": Target("value"),
}
NAMES = (
    *("amount", "gap"),
    *(f"card.last.{c}@{k}" for k in range(-4, 0) for c in ("amount", "hours")),
    *(f"form.scan.ink@{r},{c}" for r in range(4) for c in range(4)),
)


class Middle:
    """A model of the user's own: how far a row's first value is from their mean."""

    def __init__(self, mean: float) -> None:
        self.mean = mean

    @classmethod
    def fit(cls, _config: object, fit: Rows, _stop: Rows, _seed: int, _threads: int) -> Middle:
        return cls(float(fit.table[:, 0].mean(dtype=np.float64)))

    def score(self, table: Matrix) -> Matrix:
        return np.nan_to_num(np.abs(table[:, 0] - self.mean)).astype(np.float32)

    def explain(self, table: Matrix) -> Matrix:
        shares = np.zeros((len(table), table.shape[1] + 1), np.float32)
        shares[:, 0] = self.score(table)
        return shares

    def save(self) -> Mapping[str, bytes]:
        return {"json": repr(self.mean).encode()}

    @classmethod
    def load(cls, _config: object, files: Mapping[str, bytes]) -> Middle:
        return cls(float(files["json"]))


def config_of(kind: str) -> Any:
    """The smallest configuration of a kind."""
    return TypeAdapter(ModelConfig).validate_python({"kind": kind, **SETTINGS[kind]})


def rows_of(rows: int, seed: int, target: str = "binary", features: int = len(NAMES)) -> Rows:
    """Flat features, a sequence and an image, with gaps; labels that hang on each."""
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, len(NAMES))).astype(np.float32)
    odds = table[:, 0] + table[:, 8] + 4 * table[:, 10:].mean(axis=1)
    labels = {
        "binary": odds > 0.5,
        "classes": np.digitize(odds, [-0.7, 0.7]),
        "value": 100 + 10 * odds,
    }[target]
    table[generator.random((rows, 2)).nonzero()[0][:3], 1] = np.nan
    return Rows(
        np.ascontiguousarray(table[:, :features]),
        labels.astype(np.float32),
        NAMES[:features],
        TARGETS[target],
    )
