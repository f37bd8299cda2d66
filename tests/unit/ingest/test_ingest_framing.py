"""Where content ends is followed in pieces of any size; what is garbled never holds anybody up."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ingest.framing import Chunks

WHOLE = b"5;name=value\r\nhello\r\nA \r\n0123456789\r\n0\r\nx-sum: 1\r\n\r\n"


@given(st.lists(st.integers(0, len(WHOLE)), max_size=6))
def test_chunks_end_where_their_trailer_does(cuts: list[int]) -> None:
    chunks, places = Chunks(), [0, *sorted(cuts), len(WHOLE)]
    for start, end in itertools.pairwise(places):
        assert not chunks.is_over or start == len(WHOLE)
        chunks.add(WHOLE[start:end])
    assert chunks.is_over
    assert not chunks.has_more
    chunks.add(b"H")
    assert chunks.has_more


@pytest.mark.parametrize(
    "line", [b"-fff", b"+5", b"0x5", b"1_0", b"five", b"f" * 40, b"\xff", b"5 5", b"-0"]
)
def test_a_size_that_is_none_has_no_end(line: bytes) -> None:
    chunks = Chunks()
    chunks.add(line + b"\r\n0\r\n\r\n")
    chunks.add(b"0\r\n\r\n")
    assert not chunks.is_over
    assert not chunks.has_more
