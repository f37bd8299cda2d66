"""The parts of an Excel workbook beside its cells: its sheets, its shared texts, its formats.

An .xlsx file is a zip archive of XML files (ECMA-376). The archive's own checksums are verified,
and what has to stay in memory is bounded.
"""

from __future__ import annotations

import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal
from xml.parsers import expat

from tasks.ingest.zip_layout import check_layout

_CHUNK_BYTES = 1 << 16
_MAX_KEPT_BYTES = 1 << 28
_MAX_TEXT = 1 << 20
_WORKSHEET = re.compile("/worksheet$")
_BUILT_IN: dict[int, Literal["date", "time", "span"]] = {
    **dict.fromkeys((*range(14, 18), 22, *range(27, 32), *range(36, 37), *range(50, 59)), "date"),
    **dict.fromkeys((*range(18, 22), *range(32, 36), 45, 47), "time"),
    46: "span",
}
_NOT_MEANT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.I)

Attributes = Mapping[str, str]
Format = Literal["general", "number", "date", "time", "span"]


class DamagedError(Exception):
    """A workbook that is not what it should be; the message says what was found."""


@dataclass(frozen=True, slots=True)
class Book:
    """A workbook.

    Args:
        archive: its parts.
        sheets: the name of each worksheet, in order, and the part it is in.
        texts: what cells refer to by number.
        formats: what kind of number each style shows.
        from_1904: whether dates count from 1904, and not from 1900.
    """

    archive: zipfile.ZipFile
    sheets: Mapping[str, str]
    texts: list[str]
    formats: list[Format]
    from_1904: bool


@contextmanager
def open_book(path: Path) -> Iterator[Book]:
    """Open a workbook.

    Raises:
        DamagedError: it is damaged, or no .xlsx file at all.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_layout(archive)
            yield _book(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, expat.ExpatError) as error:
        raise DamagedError(str(error) or type(error).__name__) from error
    except (RuntimeError, OverflowError, UnicodeDecodeError, struct.error) as error:
        raise DamagedError(f"an archive that cannot be read: {error}") from error


def _book(archive: zipfile.ZipFile) -> Book:
    names = archive.namelist()
    if len(set(names)) < len(names):
        raise DamagedError("two parts of one name")
    kept = [info for info in archive.infolist() if "worksheets/" not in info.filename]
    if sum(info.file_size for info in kept if info.filename.endswith(".xml")) > _MAX_KEPT_BYTES:
        raise DamagedError(f"over {_MAX_KEPT_BYTES >> 20} MiB of texts and formats")
    main = next(
        (t for kind, t in _relations(archive, "").values() if kind.endswith("/officeDocument")), ""
    )
    sheets: dict[str, str] = {}
    relations = _relations(archive, main)
    from_1904 = False

    def start(tag: str, given: Attributes) -> None:
        nonlocal from_1904
        if tag == "workbookPr":
            from_1904 = given.get("date1904", "0").lower() in {"1", "true"}
        if tag == "sheet":
            kind, target = relations.get(given.get("id", ""), ("", ""))
            if _WORKSHEET.search(kind):
                sheets[given["name"]] = target

    _parse(archive, main, start)
    parts = {kind.rpartition("/")[2]: target for kind, target in relations.values()}
    texts = _texts(archive, parts["sharedStrings"]) if "sharedStrings" in parts else []
    formats = _formats(archive, parts["styles"]) if "styles" in parts else []
    return Book(archive, sheets, texts, formats, from_1904)


def _relations(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """What a part refers to, by its own names: the kind and the part of each."""
    folder, name = posixpath.split(part)
    found: dict[str, tuple[str, str]] = {}

    def start(tag: str, given: Attributes) -> None:
        if tag == "Relationship":
            target = posixpath.normpath(posixpath.join("/", folder, given["Target"])).lstrip("/")
            found[given["Id"]] = given["Type"], target

    _parse(archive, posixpath.join(folder, "_rels", f"{name}.rels"), start)
    return found


def _texts(archive: zipfile.ZipFile, part: str) -> list[str]:
    texts: list[str] = []
    now: list[str] = []
    inside = {"t": False, "rPh": False}

    def start(tag: str, _: Attributes) -> None:
        if tag == "si":
            now.clear()
        if tag in inside:
            inside[tag] = True

    def end(tag: str) -> None:
        if tag == "si":
            texts.append(unescape("".join(now)))
        if tag in inside:
            inside[tag] = False

    def text(content: str) -> None:
        if inside["t"] and not inside["rPh"]:
            now.append(content)

    _parse(archive, part, start, end, text)
    return texts


def unescape(text: str) -> str:
    """A text with the characters that XML cannot hold, which Excel writes as `_x000D_`."""
    if "_x" not in text:
        return text
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda match: chr(int(match[1], 16)), text)


def _formats(archive: zipfile.ZipFile, part: str) -> list[Format]:
    own: dict[str, Format] = {}
    formats: list[Format] = []
    in_cells = False

    def start(tag: str, given: Attributes) -> None:
        nonlocal in_cells
        if tag == "cellXfs":
            in_cells = True
        if tag == "numFmt" and "numFmtId" in given:
            own[given["numFmtId"]] = format_of(given.get("formatCode", "General"))
        if tag == "xf" and in_cells:
            number = given.get("numFmtId", "0")
            formats.append(own.get(number) or _built_in(int(number)))

    def end(tag: str) -> None:
        nonlocal in_cells
        if tag == "cellXfs":
            in_cells = False

    _parse(archive, part, start, end)
    return formats


def _built_in(number: int) -> Format:
    return _BUILT_IN.get(number, "general" if number in {0, 49} else "number")


def format_of(code: str) -> Format:
    """What kind of number a format code shows."""
    if code.lower() in {"general", "@"}:
        return "general"
    letters = _NOT_MEANT.sub("", code).partition(";")[0].lower()
    if "[" in letters:
        return "span"
    if "y" in letters or "d" in letters:
        return "date"
    if "h" in letters or "s" in letters:
        return "time"
    return "date" if "m" in letters else "number"


def _parse(
    archive: zipfile.ZipFile,
    part: str,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] = lambda _: None,
    text: Callable[[str], None] = lambda _: None,
) -> None:
    """Have a part's elements told, by their names without a namespace."""
    try:
        with archive.open(part) as stream:
            parser = parser_for(start, end, text)
            while chunk := stream.read(_CHUNK_BYTES):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except (KeyError, ValueError) as error:
        raise DamagedError(f"{part or 'a part'} is missing or damaged: {error}") from error


def parser_for(
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None],
    text: Callable[[str], None],
) -> expat.XMLParserType:
    """A parser of XML that takes no declared entities, as no workbook has any."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = _MAX_TEXT

    def refuse(*_: object) -> None:
        raise DamagedError("a document type declaration")

    def begin(tag: str, given: dict[str, str]) -> None:
        start(tag.rpartition(":")[2], {n.rpartition(":")[2]: v for n, v in given.items()})

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda tag: end(tag.rpartition(":")[2])
    parser.CharacterDataHandler = text
    return parser


def chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """A part's bytes, some at a time."""
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk
