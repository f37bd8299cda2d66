from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from flows.yaml_file import build, read_yaml
from tasks.core.config import Config
from tasks.core.errors import ConfigError


class Cat(Config):
    kind: Literal["cat"]
    lives: int = Field(9, ge=1)


class Dog(Config):
    kind: Literal["dog"]
    tricks: tuple[str, ...] = ()


class House(Config):
    name: str
    pets: dict[str, Annotated[Cat | Dog, Field(discriminator="kind")]] = Field({})


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "house.yaml"
    path.write_text(text)
    return path


def _error(tmp_path: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        build(House, read_yaml(_file(tmp_path, text)))
    return caught.value


def test_a_fault_deep_in_a_union_is_told_with_its_line_and_key(tmp_path: Path) -> None:
    error = _error(
        tmp_path, "name: a\npets:\n  tom:\n    kind: cat\n\n    # a comment\n    lives: 0\n"
    )
    assert error.where.endswith("house.yaml:7")
    assert "pets.tom.lives" in error.found
    assert "found 0" in error.found


def test_a_misspelt_key_is_named_with_its_nearest(tmp_path: Path) -> None:
    error = _error(tmp_path, "name: a\npets:\n  rex: {kind: dog, trick: [sit]}\n")
    assert error.where.endswith("house.yaml:3")
    assert "pets.rex.trick: no such key; did you mean 'tricks'?" in error.found


def test_a_missing_key_points_to_its_parent(tmp_path: Path) -> None:
    error = _error(tmp_path, "pets:\n  rex: {kind: dog}\n")
    assert "name: this key is required" in error.found


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    error = _error(tmp_path, "nam: a\npets:\n  tom: {kind: cat, lives: x}\n")
    assert "and 2 more" in error.found


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    error = _error(tmp_path, "name: a\nname: b\n")
    assert "'name' stands here twice" in error.found
    assert error.where.endswith("house.yaml:2")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert "one mapping" in _error(tmp_path, text).required


def test_bad_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    assert _error(tmp_path, "name: a\npets: [\n").where.endswith((":2", ":3"))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        read_yaml(tmp_path / "none.yaml")


def test_yaml_cannot_make_objects(tmp_path: Path) -> None:
    assert "valid YAML" in _error(tmp_path, "name: !!python/object/apply:os.system [id]\n").required


def test_only_true_and_false_are_booleans(tmp_path: Path) -> None:
    content = read_yaml(
        _file(tmp_path, "on: {a: b}\ncountries: [no, yes, off]\nflag: true\n")
    ).content
    assert content == {"on": {"a": "b"}, "countries": ["no", "yes", "off"], "flag": True}
