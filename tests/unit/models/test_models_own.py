"""A model of the user's own: the example of the documentation, and what is refused."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tasks.core.errors import ModelError
from tasks.models.base import Conditions, Fitted, Rows
from tasks.models.own_config import OwnConfig
from tasks.models.zoo import MODELS

DOCS = Path(__file__).parents[3] / "infra" / "docs" / "models.md"
OWN = OwnConfig(of="nearest_middle:NearestMiddle", config={"sharpness": 2.0})


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The example of the documentation as an installed module."""
    code = re.search(r"```python\n(# nearest_middle.py.*?)```", DOCS.read_text(), re.DOTALL)
    assert code is not None
    file = tmp_path / "nearest_middle.py"
    file.write_text(code[1])
    monkeypatch.syspath_prepend(tmp_path)
    yield file
    sys.modules.pop("nearest_middle", None)


def sample(rows: int, seed: int) -> Rows:
    generator = np.random.default_rng(seed)
    labels = (generator.random(rows) < 0.3).astype(np.float32)
    table = generator.normal(size=(rows, 3)).astype(np.float32) + labels[:, None]
    table[generator.random((rows, 3)) < 0.1] = np.nan
    return Rows(table, labels)


def fit(config: OwnConfig = OWN) -> Fitted:
    return MODELS["own"].fit(config, sample(300, 0), sample(100, 1), Conditions(0))


def test_the_example_of_the_documentation_learns_explains_and_loads(module: Path) -> None:
    scorer, later = fit().scorer, sample(200, 2)
    scores = scorer.score(later.table)
    assert scores[later.labels == 1].mean() > scores[later.labels == 0].mean() + 1
    np.testing.assert_allclose(scorer.explain(later.table).sum(axis=1), scores, atol=1e-4)
    files = scorer.save()
    assert set(files) == {"safetensors", "sha256"}
    np.testing.assert_array_equal(MODELS["own"].load(OWN, files).score(later.table), scores)


def test_a_model_is_not_loaded_by_other_code(module: Path) -> None:
    files = fit().scorer.save()
    module.write_text(module.read_text() + "\n# changed\n")
    with pytest.raises(ModelError, match="as it was in training"):
        MODELS["own"].load(OWN, files)


def test_files_that_its_class_cannot_read_are_refused(module: Path) -> None:
    files = {**fit().scorer.save(), "safetensors": b"garbage"}
    with pytest.raises(ModelError, match="Train the pipeline again"):
        MODELS["own"].load(OWN, files)


@pytest.mark.parametrize(
    ("before", "after", "required"),
    [
        ("return self.start + self._parts(table).sum(axis=1)", "return self.start", "of shape"),
        ("return self.start + self._parts(table).sum(axis=1)", "return 0 / 0", "of shape"),
        ("slope = slope[0]", "slope = slope[0] + 1", "that was saved"),
        ("slope=config", "slope=np.nan * config", "finite"),
        ("def load(", "def unload(", "`load`"),
        ("import numpy as np", "import numpy as np, no_such_module_at_all", "imported"),
    ],
)
def test_what_does_not_hold_to_the_protocol_is_refused(
    module: Path, before: str, after: str, required: str
) -> None:
    text = module.read_text()
    assert before in text
    module.write_text(text.replace(before, after))
    with pytest.raises(ModelError, match=required) as caught:
        fit()
    assert "nearest_middle" in str(caught.value)


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match="an installed Python module no_such_module"):
        fit(OwnConfig(of="no_such_module:Model"))


def test_a_name_that_is_no_class_is_refused() -> None:
    with pytest.raises(ValueError, match="pattern"):
        OwnConfig(of="os.system('true')")
