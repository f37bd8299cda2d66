"""The shape that JSON lines of one writer share: the same names, in the same order and spelling.

What stands between two values of such a line is always the same text, and it begins with a comma
before a quote. No text in JSON holds a quote that is not escaped, so lines of one shape can be cut
apart without being parsed, and the pieces prove that each line was of that shape.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import numpy as np

SEPARATOR = "\x1f"  # a control character: no JSON line may hold it
_SCANNER = json.JSONDecoder()
_NAME = r'"([^"\\\x00-\x1f]*)"[ \t]*:[ \t]*'
_FIRST = re.compile(r"\{[ \t]*" + _NAME)
_NEXT = re.compile(",( ?)" + _NAME)
_LAST = re.compile(r"[ \t]*\}[ \t]*")


@dataclass(frozen=True, slots=True)
class Shape:
    """What lines have in common.

    Args:
        names: of their values, in order.
        leads: what stands before each value, without the comma.
        gap: what stands between a comma and the next name: nothing, or a space.
        end: what stands behind the last value.
    """

    names: tuple[str, ...]
    leads: tuple[str, ...]
    gap: str
    end: str

    def separate(self, block: bytes) -> bytes:
        """A block with a separator for each comma that ends a value in lines of this shape.

        A comma inside a text that a quote and more text follow becomes one as well; the pieces of
        that line then do not fit. One that ends a text does not: behind its quote stands a comma.
        """
        codes = np.frombuffer(block, dtype=np.uint8).copy()
        behind = 1 + len(self.gap)
        ends = codes[:-behind] == ord(",")
        ends &= codes[behind:] == ord('"')
        if self.gap:
            ends &= codes[1:-1] == ord(self.gap)
        ends[:-1] &= codes[behind + 1 :] != ord(",")
        codes[:-behind] -= ends.view(np.uint8) * np.uint8(ord(",") - ord(SEPARATOR))
        return codes.tobytes()


def shape_of(line: bytes) -> Shape | None:
    """The shape of a line; None where it is no flat object, or written in a way of its own."""
    names: list[str] = []
    leads: list[str] = []
    gaps: set[str] = set()
    try:
        text = line.decode()
        match = _FIRST.match(text)
        end = 0
        while match:
            names.append(match[match.re.groups])
            leads.append(match[0].removeprefix(","))
            gaps.update(match.groups()[:-1])
            value, end = _SCANNER.raw_decode(text, match.end())
            match = None if isinstance(value, (dict, list)) else _NEXT.match(text, end)
    except (ValueError, RecursionError):
        return None
    if len(gaps) > 1 or len(set(names)) < len(names) or not _LAST.fullmatch(text, end):
        return None
    return Shape(tuple(names), tuple(leads), gaps.pop() if gaps else "", text[end:])
