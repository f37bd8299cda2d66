"""Export a fitted network, its encoding included, as ONNX: raw rows in, scores out.

The extra `onnx` brings what it needs. Trees and other models that are no networks are left out:
XGBoost's own UBJSON is read by XGBoost everywhere.
"""

from __future__ import annotations

import importlib.util

import numpy as np
import torch
from torch import Tensor, nn

from tasks.core.errors import ModelError
from tasks.models.base import Matrix, Scorer
from tasks.models.network import Network, NetworkScorer

ROWS, SCORE = "rows", "score"
TOLERANCE = 1e-4  # of a score, or of a value's spread, as which ONNX Runtime may differ from torch
_OPSET = 18
_CHECKED_ROWS = 64


def to_onnx(scorer: Scorer, table: Matrix) -> bytes:
    """Export a network, and check its scores against torch's where ONNX Runtime is installed.

    Args:
        scorer: a fitted network.
        table: (n_rows, n_features), at least one row, to trace with and to check on.

    Returns:
        The model: input `rows`, float32 (n, n_features), NaN where a value is missing; output
        `score`, float32 (n,).

    Raises:
        ModelError: it is no network, the extra is not installed, or the scores differ.
    """
    if not isinstance(scorer, NetworkScorer):
        raise ModelError(
            "a network, to export it as ONNX",
            found=type(scorer).__name__,
            where="model.kind",
            do="Export the files of the model itself: XGBoost reads *.ubj.",
        )
    _check_installed("onnx", "onnxscript")
    some = np.ascontiguousarray(table[:_CHECKED_ROWS], np.float32)
    content = _export(_Scoring(scorer.network), torch.from_numpy(some))
    if importlib.util.find_spec("onnxruntime"):
        check_onnx(content, scorer, some)
    return content


def check_onnx(content: bytes, scorer: NetworkScorer, table: Matrix) -> None:
    """Hold that ONNX Runtime gives the network's own scores.

    Raises:
        ModelError: it does not, or it is not installed.
    """
    _check_installed("onnxruntime")
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run([SCORE], {ROWS: table})
    expected, spread = scorer.score(table), float(scorer.network.spread)
    gap = np.abs(found - expected) / np.maximum(np.abs(expected), spread)
    if not (gap <= TOLERANCE).all():
        raise ModelError(
            f"scores of ONNX Runtime within {TOLERANCE} of torch's",
            found=f"a relative difference of {float(np.max(gap)):.3g}",
            where="the exported model",
            do="Score with Lamplighter itself, and report the case.",
        )


class _Scoring(nn.Module):
    """Raw rows → scores."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, rows: Tensor) -> Tensor:
        return self.network.score(self.network.encoding(rows))


def _export(module: nn.Module, rows: Tensor) -> bytes:
    program = torch.onnx.export(
        module.eval(),
        (rows,),
        input_names=[ROWS],
        output_names=[SCORE],
        dynamic_shapes=({0: torch.export.Dim("n", min=1)},),
        opset_version=_OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    return bytes(program.model_proto.SerializeToString())


def _check_installed(*packages: str) -> None:
    absent = [name for name in packages if importlib.util.find_spec(name) is None]
    if absent:
        raise ModelError(
            f"the packages {', '.join(packages)}",
            found=f"no {', '.join(absent)}",
            where="this Python environment",
            do="Install the extra: pip install 'lamplighter[onnx]'.",
        )
