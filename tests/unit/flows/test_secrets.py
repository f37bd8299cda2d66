"""A secret by environment, by file, or by a block that cannot be reached; never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.secrets import Secrets
from tasks.core.errors import ConfigError


def _secrets(**environ: str) -> Secrets:
    return Secrets(iter(["TOKEN"]), environ)


def test_a_value_comes_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("canary-file\n")
    assert _secrets(TOKEN="canary-env")["TOKEN"].get_secret_value() == "canary-env"
    by_file = _secrets(TOKEN_FILE=str(file))
    assert by_file["TOKEN"].get_secret_value() == "canary-file"
    assert "canary" not in f"{by_file}{by_file!r}{dict(by_file)}"
    both = _secrets(TOKEN="canary-env", TOKEN_FILE="/nowhere")
    assert both["TOKEN"].get_secret_value() == "canary-env"


def test_a_variable_that_is_told_nowhere_is_not_there() -> None:
    assert "TOKEN" not in _secrets(OTHER="x")
    with pytest.raises(KeyError):
        _secrets()["TOKEN"]


def test_a_name_may_end_like_a_place() -> None:
    found = Secrets(iter(["LOG_FILE"]), {"LOG_FILE": "canary"})
    assert found["LOG_FILE"].get_secret_value() == "canary"


def test_a_file_that_cannot_be_read_is_told_without_what_it_holds(tmp_path: Path) -> None:
    missing, garbled = tmp_path / "none", tmp_path / "garbled"
    garbled.write_bytes(b"canary-\xff")
    for file in (missing, garbled):
        with pytest.raises(ConfigError, match="TOKEN_FILE") as caught:
            _secrets(TOKEN_FILE=str(file))["TOKEN"]
        assert str(file) in caught.value.where
        assert "canary" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_a_block_needs_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(ConfigError, match="no server"):
        _secrets(TOKEN_BLOCK="products")["TOKEN"]
