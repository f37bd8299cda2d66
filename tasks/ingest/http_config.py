"""What an HTTP source is: its address, its pages, its credentials, its limits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, field_validator, model_validator

from tasks.core.config import Config, Duration
from tasks.ingest.auth_config import Auth
from tasks.ingest.incremental import Incremental
from tasks.ingest.templates import Url, expand_date, refuse_clear
from tasks.ingest.text_config import TextFormat


def _pointer(text: str) -> str:
    if text and not text.startswith("/"):
        raise ValueError(f"a JSON pointer is empty or begins with /; found {text!r}")
    return text


Pointer = Annotated[
    str, AfterValidator(_pointer), Field(pattern="^(/.*)?$", examples=["/items", "/meta/next"])
]


class NoPages(Config):
    """The first answer holds every record."""

    kind: Literal["none"] = "none"


_IN_BODY = "; one that begins with / is a JSON pointer into the body of a POST"


class PageNumber(Config):
    """Pages by number, until one is empty or the declared total is reached."""

    kind: Literal["page"]
    parameter: str = Field("page", description=f"Parameter with the page's number{_IN_BODY}")
    first: int = Field(1, ge=0, description="Number of the first page")
    size_parameter: str | None = Field(None, description="Parameter with the page's size")
    size: int | None = Field(None, ge=1, description="Records asked for in a page")
    even: bool = Field(
        True,
        description="Whether every page but the last has as many records as the first. Where the "
        "size changes on the way, numbers lead past records; false is for an API that leaves "
        "records out of its pages",
    )


class Offset(Config):
    """Pages by the number of records before them, until one is empty or the total is reached."""

    kind: Literal["offset"]
    parameter: str = Field(
        "offset", description=f"Parameter with the records to pass over{_IN_BODY}"
    )
    size_parameter: str | None = Field("limit", description="Parameter with the page's size")
    size: int | None = Field(None, ge=1, description="Records asked for in a page")


class Cursor(Config):
    """Each answer names the next page by a cursor."""

    kind: Literal["cursor"]
    parameter: str = Field("cursor", description=f"Parameter that takes the cursor{_IN_BODY}")
    next: Pointer | None = Field(
        None, description="JSON pointer to the next cursor; null or absent at the end"
    )
    next_header: str | None = Field(
        None, description="Header with the next cursor, in place of next; absent at the end"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Cursor:
        if (self.next is None) == (self.next_header is None):
            raise ValueError("a cursor is found by next or by next_header: name one")
        return self


class Link(Config):
    """Each answer holds the next page's address."""

    kind: Literal["link"]
    next: Pointer | None = Field(
        None, description="JSON pointer to the address; where empty, the Link header's rel=next"
    )


AnyPagination = NoPages | PageNumber | Offset | Cursor | Link
Pagination = Annotated[AnyPagination, Discriminator("kind")]


class HttpConfig(TextFormat, Incremental):
    """Records from an HTTP API, every page of it or nothing."""

    kind: Literal["http"] = Field(description="An HTTP API, or a file behind an address")
    url: Url = Field(
        description="Address of the first page; ${NAME} is filled in, {date} is the batch date"
    )
    format: Literal["auto", "json", "ndjson", "csv", "tsv", "parquet"] = Field(
        "auto",
        description="What the answers are written in; auto goes by their Content-Type, then by "
        "the ending of the address, and else is JSON",
    )
    records: Pointer = Field(
        "", description="JSON pointer to the list of records; empty: all of it"
    )
    total: Pointer | None = Field(
        None, description="JSON pointer to the number of records there are; it is held to"
    )
    total_header: str | None = Field(
        None,
        description="Header with the number of records there are; it is held to",
        examples=["X-Total-Count", "Content-Range"],
    )
    errors: tuple[Pointer, ...] = Field(
        ("/error", "/errors"),
        description="JSON pointers to what tells of an error in an answer of status 200: one that "
        "has anything there but null, false, 0 or nothing is asked for again, then refused, as is "
        "one whose /ok or /success is false; an empty list believes every such answer",
    )
    pagination: Pagination = Field(
        default_factory=NoPages, description="How further pages are asked for"
    )
    auth: Auth | None = Field(None, description="How requests prove who sends them")
    method: Literal["get", "post"] = Field("get", description="How pages are asked for")
    params: dict[str, str] = Field(
        default_factory=dict,
        description="Query parameters; {date}, {since} and {until} are the batch date, its start "
        "and its end, {watermark} what an incremental source has read up to",
    )
    body: dict[str, Any] | None = Field(
        None, description="JSON object that a POST sends; its texts are filled in as params are"
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Request headers")
    drift: Literal["refuse", "evolve", "ignore"] = Field(
        "ignore",
        description="What a field that is not declared means: hold its record back, take it along "
        "as text, or leave it out",
    )
    absent: Literal["refuse", "null"] = Field(
        "refuse", description="JSON: what a declared field means that a record leaves out"
    )
    repeated_keys: Literal["refuse", "keep"] = Field(
        "refuse",
        description="What a record means whose key was on an earlier page: that the pages "
        "overlap, so that others may be missing; or another version of the record",
    )
    confirm_end: bool = Field(
        True,
        description="Whether the end is doubted: where no total is declared, the last page is "
        "asked for again, as one that by mistake comes empty, or without the way to the next, "
        "ends nothing; and behind the last numbered page there may be no records, whatever total "
        "is declared",
    )
    conditional: bool = Field(
        False,
        description="Whether an answer that has not changed since an earlier run is taken from "
        "what that run landed (ETag, Last-Modified); for sources of one page",
    )
    allow_private: bool = Field(
        False,
        description="Whether a name may lead to a private address. One that is written out as "
        "such, 127.0.0.1 for example, may in any case",
    )
    ca_bundle: str | None = Field(
        None,
        description="File with certificates of authorities that are trusted too, relative to the "
        "pipeline file",
    )
    concurrency: int = Field(
        1, ge=1, le=64, description="Pages asked for at once, where their addresses can be foreseen"
    )
    per_second: float | None = Field(None, gt=0, description="Requests a second at most")
    timeout: Duration = Field(
        dt.timedelta(seconds=30), description="Longest wait for a connection or for more bytes"
    )
    deadline: Duration = Field(dt.timedelta(minutes=15), description="Longest time for all pages")
    attempts: int = Field(5, ge=1, le=100, description="Times one page is asked for at most")
    max_pages: int = Field(100_000, ge=1, description="More pages than this are refused")
    max_records: int = Field(50_000_000, ge=1, description="More records than this are refused")
    max_page_bytes: int = Field(
        256 * 1024 * 1024, ge=1, description="An answer of more bytes, decompressed, is refused"
    )

    @field_validator("headers", "params", "body")
    @classmethod
    def _no_clear_secret(cls, pairs: dict[str, Any] | None) -> dict[str, Any] | None:
        for name, value in _texts(pairs or {}):
            refuse_clear(name, value)
            expand_date(value, dt.date(2000, 1, 1), dt.date(2000, 1, 1))
        return pairs

    @model_validator(mode="after")
    def _asks_by_watermark(self) -> HttpConfig:
        texts = (self.url, *(text for _, text in _texts([self.params, self.body or {}])))
        if not self.watermark and any("{watermark" in text for text in texts):
            raise ValueError("{watermark} is filled in where the source declares a watermark")
        if self.conditional and self.is_incremental:
            raise ValueError("conditional: true does not go with a watermark or late")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> HttpConfig:
        how = self.pagination
        places = [getattr(how, name, None) for name in ("parameter", "size_parameter")]
        in_body = any(place and place.startswith("/") for place in places)
        if self.method == "get" and (self.body is not None or in_body):
            raise ValueError("a body, and parameters in it, need method: post")
        if self.conditional and (self.method == "post" or how.kind != "none"):
            raise ValueError("conditional: true is for one page that is asked for by get")
        if self.total is not None and self.total_header is not None:
            raise ValueError("the total is found by total or by total_header: name one")
        if self.needs_json and self.format not in {"auto", "json"}:
            raise ValueError(f"JSON pointers say nothing about {self.format}")
        return self

    @property
    def needs_json(self) -> bool:
        """Whether something is looked for in the answers that only JSON has."""
        return (
            bool(self.records or self.total) or getattr(self.pagination, "next", None) is not None
        )

    @property
    def tells_records_by_keys(self) -> bool:
        """Whether a record on two pages is known by its key; else by all that it holds."""
        return bool(self.key) and self.repeated_keys == "refuse"

    @property
    def has_total(self) -> bool:
        """Whether the API says how many records there are."""
        return self.total is not None or self.total_header is not None


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, with the name it stands under."""
    if isinstance(value, str):
        yield name, value
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from _texts(inner, key)
    for inner in value if isinstance(value, list) else ():
        yield from _texts(inner, name)
