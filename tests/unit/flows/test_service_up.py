"""`up` where a service is up already: as it is, or not at all."""

from __future__ import annotations

import pytest

from flows.service.commands import _refuse_another
from flows.service.places import Running
from flows.service.settings import Listening
from tasks.core.errors import ConfigError

UP = Running(1, "http://127.0.0.1:4300/api", True, guarded=True)


@pytest.mark.parametrize(
    "listening", [Listening(), Listening(port=4300), Listening("0.0.0.0", 4300)]
)
def test_the_same_words_or_none_are_no_matter(listening: Listening) -> None:
    _refuse_another(UP, listening, no_password=False)


def test_another_port_or_no_password_is_refused_and_names_what_is_up() -> None:
    with pytest.raises(ConfigError, match="and asks for no password") as told:
        _refuse_another(UP, Listening(port=4400), no_password=True)
    assert "127.0.0.1:4300" in str(told.value)
    open_to_all = Running(1, UP.api_url, True)
    _refuse_another(open_to_all, Listening(port=4300), no_password=True)
