"""What is left of a text between the lines before its header and its trailer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tasks.core.errors import SourceError
from tasks.ingest.text_config import TextFormat

Block = tuple[bytes, bool, bool]


class Body:
    """Blocks of lines, as `blocks_of_lines` gives them, without what stands around the records.

    Args:
        blocks: the blocks.
        name: what the text is called in messages.
        source: how many lines are skipped, and what the trailer looks like.
    """

    def __init__(self, blocks: Iterable[Block], name: str, source: TextFormat) -> None:
        self._blocks, self._name = blocks, name
        self._skip = source.skip_lines
        self._trailer = re.compile(source.trailer) if source.trailer else None
        self._rows: int | None = None

    def __iter__(self) -> Iterator[Block]:
        """The blocks of the body.

        Raises:
            SourceError: there is no trailer where one is declared.
        """
        kept = self._without_start()
        yield from self._without_end(kept) if self._trailer else kept

    def check(self, seen: int) -> None:
        """Hold that as many records were read as the trailer says, if it says so.

        Raises:
            SourceError: they were more, or fewer.
        """
        if self._rows is not None and seen != self._rows:
            raise self._refused(f"{self._rows} records, as its trailer says", str(seen))

    def _without_start(self) -> Iterator[Block]:
        left = self._skip
        for block, last, cut in self._blocks:
            if left:
                lines = min(left, block.count(b"\n"))
                block = block.split(b"\n", lines)[lines]
                left -= lines
            if block or last:
                yield block, last, cut and bool(block)

    def _without_end(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """All but the last line that is not blank, which is the trailer."""
        waiting = b""
        for block, last, _ in blocks:
            content = waiting + block
            filled = content.rstrip(b"\r\n")
            start = filled.rfind(b"\n") + 1
            if last:
                self._read_trailer(filled[start:])
            waiting = content[start:]
            if start or last:
                yield content[:start], last, False

    def _read_trailer(self, line: bytes) -> None:
        assert self._trailer is not None
        match = self._trailer.fullmatch(line.decode("utf-8", "replace"))
        if match is None:
            raise self._refused(f"a last line of the form {self._trailer.pattern}", repr(line[:80]))
        if "rows" in match.groupdict():
            self._rows = int(match["rows"])

    def _refused(self, required: str, found: str) -> SourceError:
        return SourceError(
            required,
            found=found,
            where=self._name,
            do="Have the file sent again: it was cut short, or is not yet complete.",
        )
