"""Executors of this machine: order, laziness, and a process that is killed."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import pytest

from tasks.core.errors import ComputeError
from tasks.core.executor import IN_TURN, Last, Processes


def _where(number: int) -> tuple[int, int]:
    return number, os.getpid()


def _die(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_processes_give_results_in_the_order_of_the_partitions() -> None:
    with closing(Processes(2)) as processes:
        done = list(processes.map(_where, range(6)))
        assert [number for number, _ in done] == list(range(6))
        assert os.getpid() not in {process for _, process in done}
        assert list(processes.map(_where, [9])) == [(9, os.getpid())], "one is not worth a process"


def test_a_killed_process_is_an_error_that_says_so() -> None:
    with closing(Processes(2)) as processes, pytest.raises(ComputeError, match="killed"):
        list(processes.map(_die, [0, 1, 2]))


def test_what_nobody_asks_for_any_more_is_not_computed() -> None:
    done: list[int] = []
    results = IN_TURN.map(done.append, [1, 2, 3])
    next(results)
    assert done == [1]


def test_the_last_thing_read_is_kept_for_those_who_ask_again() -> None:
    read: list[str] = []

    def reading(key: str) -> str:
        read.append(key)
        return key.upper()

    last = Last(reading)
    assert [last("a"), last("a"), last("b"), last("a")] == ["A", "A", "B", "A"]
    assert read == ["a", "b", "a"]
    last.forget()
    assert (last("a"), read[-2:]) == ("A", ["a", "a"])
