"""When a model's answer is not taken: too late, too far, too often."""

import threading

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xgboost.core import XGBoostError

from tasks.core.artifacts import Ref
from tasks.core.errors import ModelTooSlowError, NoScoresError
from tasks.core.results import Passed
from tasks.models.aliases import Aliases
from tasks.models.bundle import Member
from tasks.models.evidence import Evidence
from tasks.score import ladder
from tasks.score.asking import Answer, within
from tasks.score.circuit import Board, after_night, reach
from tasks.score.config import CircuitConfig, ScoringConfig
from tasks.score.distance import by_chance, distance, too_far

CHAMPION, PREVIOUS = (Ref(f"models/p/{c}/model.json", c * 64, 0, "model") for c in "ab")
SAMPLE = st.lists(st.integers(-5, 5), min_size=1, max_size=30).map(lambda v: np.array(v, float))


def test_work_that_hangs_is_left_behind_and_told_to_stop() -> None:
    stopped = threading.Event()
    hanging = threading.Event()

    def work(goes_on) -> int:
        while goes_on():
            hanging.wait(0.005)
        stopped.set()
        return 1

    with pytest.raises(ModelTooSlowError, match=r"within 0\.05 s"):
        within(0.05, work, "models/p")
    assert stopped.wait(10)


def test_work_in_time_gives_its_result_or_its_error() -> None:
    assert within(60, lambda goes_on: goes_on(), "") is True
    assert within(None, lambda _: threading.current_thread().name, "") == "MainThread"

    def broken(_: object) -> int:
        raise ValueError("shapes")

    with pytest.raises(ValueError, match="shapes"):
        within(60, broken, "")


@given(SAMPLE, SAMPLE)
def test_the_distance_is_the_largest_gap_of_the_two_distributions(one, other) -> None:
    gaps = [abs((one <= x).mean() - (other <= x).mean()) for x in np.arange(-6, 7)]
    assert distance(one, other) == pytest.approx(max(gaps))


def test_samples_of_one_distribution_are_as_near_as_chance_has_them() -> None:
    generator = np.random.default_rng(0)
    further = sum(
        distance(generator.normal(size=80), generator.normal(size=300)) > by_chance(80, 300)
        for _ in range(400)
    )
    assert further <= 12  # 4 expected


def test_constant_scores_are_far_and_few_rows_never_are() -> None:
    reference = np.linspace(-4, 4, 1000)
    assert "distance 1.00" in too_far(np.full(500, 9.0), reference, 0.6)
    assert too_far(np.full(500, 9.0), reference, None) == ""
    assert too_far(np.full(5, 9.0), reference, 0.6) == ""
    assert too_far(reference[::10] + 0.5, reference, 0.6) == ""


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (MemoryError(), "failed", "not enough memory: MemoryError"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "failed", "not enough memory"),
        (XGBoostError("std::bad_alloc"), "failed", "not enough memory"),
        (OSError(5, "Input/output error"), "failed", "OSError"),
        (RuntimeError("shapes"), "failed", "RuntimeError: shapes"),
        (ModelTooSlowError("scores within 1 s", found="none by then"), "late", "required"),
    ],
)
def test_whatever_breaks_the_champion_the_next_rung_scores(monkeypatch, error, kind, told) -> None:
    whole = _asked({})

    def ask(unscored: object, rung: ladder.Rung, seconds: float | None) -> Answer:
        if rung.source == "champion":
            raise error
        return whole(unscored, rung, seconds)

    monkeypatch.setattr(ladder, "ask", ask)
    places = list(ladder.rungs(Aliases(CHAMPION, PREVIOUS, ())))
    answer, (passed,) = ladder.climb(None, places, ScoringConfig())
    assert (answer.source, passed.kind) == ("previous", kind)
    assert passed.why.startswith(told)


def _asked(shifts: dict[str, float]):
    """Rungs whose scores are those of their test part, moved."""
    reference = np.linspace(-4, 4, 500, dtype=np.float32)
    evidence = Evidence(reference, np.zeros(500, np.float32), np.zeros(500, np.int32))

    def ask(unscored: object, rung: ladder.Rung, seconds: float | None) -> Answer:
        member = Member(None, None, None, None, evidence)
        scores = reference.astype(float) + shifts.get(rung.source, 0.0)
        return Answer(rung, (), member, scores, pl.Series([None] * 500))

    return ask


def test_scores_far_from_the_training_leave_the_night_to_the_next_rung(monkeypatch) -> None:
    monkeypatch.setattr(ladder, "ask", _asked({"champion": 20}))
    places = list(ladder.rungs(Aliases(CHAMPION, PREVIOUS, ())))
    answer, (passed,) = ladder.climb(None, places, ScoringConfig())
    assert (answer.source, passed.kind, passed.model) == ("previous", "far", "a" * 12 + "/model")


def test_where_all_are_far_nobody_answers(monkeypatch) -> None:
    monkeypatch.setattr(ladder, "ask", _asked({"champion": 20, "previous": 20, "fallback": -20}))
    places = list(ladder.rungs(Aliases(CHAMPION, PREVIOUS, ())))
    with pytest.raises(NoScoresError) as caught:
        ladder.climb(None, places, ScoringConfig())
    assert {each.kind for each in caught.value.passed} == {"far"}
    assert ladder.climb(None, places)[0].source == "champion"


CONFIG = CircuitConfig(failures=2, rest=3)
MODEL = "a" * 12 + "/model"


def _night(board: Board, works: bool) -> tuple[Board, bool]:
    """The board after a night in which the champion works or not, and whether it was asked."""
    open_ = _is_open(board)
    if works and not open_:
        return after_night(board, (), MODEL), True
    kind = "rests" if open_ else "late"
    passed = Passed("champion", "a" * 12, "model", kind, "timed out")
    return after_night(board, [passed], "b" * 12 + "/model"), not open_


def test_a_circuit_opens_rests_and_tries_again() -> None:
    board, asked = {}, []
    for _ in range(8):
        board, was = _night(board, works=False)
        asked.append(was)
    assert asked == [True, True, False, False, False, True, False, False]
    board, _ = _night(board, works=True)
    assert board[MODEL].state(CONFIG) == "half-open"
    assert _night(board, works=True) == ({}, True)


@given(st.lists(st.booleans(), max_size=40))
def test_a_model_is_asked_again_after_every_rest_whatever_happened(nights) -> None:
    board, waiting = {}, 0
    for works in nights:
        board, asked = _night(board, works)
        waiting = 0 if asked else waiting + 1
        assert waiting <= CONFIG.rest
        assert not (asked and works and board)


@pytest.mark.parametrize("kind", ["failed", "far"])
def test_what_follows_from_the_night_and_the_model_opens_no_circuit(kind) -> None:
    passed = Passed("champion", "a" * 12, "model", kind, "no such file")
    assert after_night({}, [passed], "b" * 12 + "/fallback") == {}


@given(st.lists(st.booleans(), max_size=40))
def test_as_many_nights_as_are_looked_at_say_as_much_as_all(nights) -> None:
    board, told = {}, []
    for works in nights:
        before = board
        board, asked = _night(board, works)
        works_now = works and asked
        told.append((() if works_now else _kind(asked), MODEL if works_now else "other/model"))
        seen = {}
        for passed, scored in told[:-1][-reach(CONFIG) :]:
            seen = after_night(seen, passed, scored)
        assert _is_open(seen) == _is_open(before)


def _kind(asked: bool) -> list[Passed]:
    return [Passed("champion", "a" * 12, "model", "late" if asked else "rests", "timed out")]


def _is_open(board: Board) -> bool:
    return MODEL in board and board[MODEL].state(CONFIG) == "open"
