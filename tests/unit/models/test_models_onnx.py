"""An exported network scores as its origin does, rows with gaps included."""

import numpy as np
import pytest

from tasks.core.errors import ModelError
from tasks.models.onnx import TOLERANCE, check_onnx, to_onnx
from tests.unit.models.test_models_protocol import NETWORKS, later, trained

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package, reason="the extra onnx is not installed")


@pytest.mark.parametrize(
    ("kind", "target"), [("tabm", "classes"), ("image_cnn", "binary"), ("mlp", "value")]
)
def test_onnx_gives_the_same_scores(kind: str, target: str) -> None:
    _compare(kind, target)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
def test_onnx_gives_the_same_scores_of_every_network(kind: str) -> None:
    _compare(kind, "classes")


def _compare(kind: str, target: str) -> None:
    import onnxruntime

    scorer, table = trained(kind, target).scorer, later(target, 37)
    content = to_onnx(scorer, table[:5])
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(["score"], {"rows": table})  # more rows than it was traced with
    expected = scorer.score(table)
    assert found.shape == expected.shape
    scale = np.maximum(np.abs(expected), float(scorer.network.spread))
    assert (np.abs(found - expected) <= TOLERANCE * scale).all()


def test_an_export_that_scores_otherwise_is_refused() -> None:
    content = to_onnx(trained("mlp", "binary").scorer, later("binary"))
    with pytest.raises(ModelError, match="within"):
        check_onnx(content, trained("mlp", "binary", 1).scorer, later("binary"))


def test_trees_are_not_exported() -> None:
    with pytest.raises(ModelError, match="a network"):
        to_onnx(trained("xgboost", "binary").scorer, later("binary"))
