"""Remembers what Great Expectations makes of an expectation while one validation runs.

It writes an expectation's configuration anew, and makes an expectation of a configuration, about a
hundred times for each expectation of a suite. On small frames that is most of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

_Made = TypeVar("_Made")

# by the maker and the identity of its argument, which is kept so that no other object gets it
_Memory = dict[tuple[str, int], tuple[Any, Any]]
_memory: ContextVar[_Memory | None] = ContextVar("memory", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Make each configuration and each expectation once in this block, and in this thread."""
    token = _memory.set({})
    try:
        yield
    finally:
        _memory.reset(token)


def _remembered(name: str, make: Callable[[Any], _Made]) -> Callable[[Any], _Made]:
    def made(source: Any) -> _Made:
        memory = _memory.get()
        if memory is None:
            return make(source)
        if (name, id(source)) not in memory:
            memory[name, id(source)] = (source, make(source))
        found: _Made = memory[name, id(source)][1]
        return found

    made.remembers = True  # type: ignore[attr-defined]
    return made


def teach_memory() -> None:
    """Let expectations and configurations remember each other inside `remembering()` only."""
    expectation: Any = Expectation
    stock = expectation.configuration
    if not hasattr(stock.fget, "remembers"):
        expectation.configuration = property(_remembered("configuration", stock.fget))
    configuration: Any = ExpectationConfiguration
    if not hasattr(configuration.to_domain_obj, "remembers"):
        configuration.to_domain_obj = _remembered("expectation", configuration.to_domain_obj)
