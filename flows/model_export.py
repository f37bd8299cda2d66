"""`lamplighter models export`: a pipeline's network as ONNX, for programs in other languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flows import terminal
from flows.models import find
from tasks.models.base import Matrix
from tasks.models.bundle import Facts, open_bundle
from tasks.models.onnx import to_onnx

_ROWS = 64
_MISSING = 0.1


def export(name: str, version: str, to: Path) -> None:
    """Write the chosen model of a version to a file.

    Raises:
        ModelError: it is no network, the extra is not installed, or the export scores otherwise.
    """
    pipeline, ref = find(name, version)
    bundle = open_bundle(pipeline.store, ref)
    scorer = bundle.read("model").scorer
    to.write_bytes(to_onnx(scorer, _like_training(bundle.facts)))
    terminal.out.print(
        f"{to}: model {bundle.version}; float32 rows of {len(bundle.facts.features)} features in "
        "the order of its card, NaN for missing, to scores",
        soft_wrap=True,
    )


def _like_training(facts: Facts) -> Matrix:
    """Rows drawn between each feature's usual ends, with gaps, to check an export on."""
    generator = np.random.default_rng(0)
    ends = np.array([facts.usual.get(name, (0.0, 1.0)) for name in facts.features])
    drawn = generator.uniform(ends[:, 0], ends[:, 1], (_ROWS, len(ends)))
    drawn[generator.random(drawn.shape) < _MISSING] = np.nan
    return drawn.astype(np.float32)
