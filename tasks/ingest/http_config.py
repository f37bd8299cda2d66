"""What an HTTP source is: its address, its pages, its credentials, its limits."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, field_validator, model_validator

from tasks.core.config import Config, Duration
from tasks.ingest.schema import Source
from tasks.ingest.templates import Secret, Url, expand_date, refuse_clear


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


class PageNumber(Config):
    """Pages by number, until one is empty or the declared total is reached."""

    kind: Literal["page"]
    parameter: str = Field("page", description="Query parameter with the page's number")
    first: int = Field(1, ge=0, description="Number of the first page")
    size_parameter: str | None = Field(None, description="Query parameter with the page's size")
    size: int | None = Field(None, ge=1, description="Records asked for in a page")


class Offset(Config):
    """Pages by the number of records before them, until one is empty or the total is reached."""

    kind: Literal["offset"]
    parameter: str = Field("offset", description="Query parameter with the records to pass over")
    size_parameter: str | None = Field("limit", description="Query parameter with the page's size")
    size: int | None = Field(None, ge=1, description="Records asked for in a page")


class Cursor(Config):
    """Each answer names the next page by a cursor."""

    kind: Literal["cursor"]
    parameter: str = Field("cursor", description="Query parameter that takes the cursor")
    next: Pointer = Field(description="JSON pointer to the next cursor; null or absent at the end")


class Link(Config):
    """Each answer holds the next page's address."""

    kind: Literal["link"]
    next: Pointer | None = Field(
        None, description="JSON pointer to the address; where empty, the Link header's rel=next"
    )


Pagination = Annotated[NoPages | PageNumber | Offset | Cursor | Link, Discriminator("kind")]


class Basic(Config):
    """A user's name and password."""

    user: str = Field(description="The user's name, or ${NAME}")
    password: Secret = Field(description="The password, as ${NAME}")


class ApiKey(Config):
    """A key sent in a header or a query parameter."""

    header: str | None = Field(None, description="Header that takes the key")
    query: str | None = Field(None, description="Query parameter that takes the key")
    value: Secret = Field(description="The key, as ${NAME}")

    @model_validator(mode="after")
    def _one_place(self) -> ApiKey:
        if (self.header is None) == (self.query is None):
            raise ValueError("an API key goes in a header or in a query parameter: name one")
        return self


class OAuth2(Config):
    """Client credentials, exchanged for a token (RFC 6749, section 4.4)."""

    token_url: Url = Field(description="Address that gives tokens; ${NAME} is filled in")
    client_id: str = Field(description="The client's name, or ${NAME}")
    client_secret: Secret = Field(description="The client's secret, as ${NAME}")
    scope: str | None = Field(None, description="What is asked for")


class Auth(Config):
    """How a request proves who sends it; one of its fields."""

    bearer: Secret | None = Field(None, description="A bearer token, as ${NAME}")
    basic: Basic | None = Field(None, description="A user and a password")
    api_key: ApiKey | None = Field(None, description="A key in a header or query parameter")

    oauth2: OAuth2 | None = Field(None, description="Client credentials, exchanged for a token")

    @model_validator(mode="after")
    def _one_way(self) -> Auth:
        ways = (self.bearer, self.basic, self.api_key, self.oauth2)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("name one of bearer, basic, api_key, oauth2")
        return self


class HttpConfig(Source):
    """Records from an HTTP API, every page of it or nothing."""

    kind: Literal["http"] = Field(description="An HTTP API that answers in JSON")
    url: Url = Field(
        description="Address of the first page; ${NAME} is filled in, {date} is the batch date"
    )
    records: Pointer = Field(
        "", description="JSON pointer to the list of records; empty: all of it"
    )
    total: Pointer | None = Field(
        None, description="JSON pointer to the number of records there are; it is held to"
    )
    pagination: Pagination = Field(
        default_factory=NoPages, description="How further pages are asked for"
    )
    auth: Auth | None = Field(None, description="How requests prove who sends them")
    params: dict[str, str] = Field(
        default_factory=dict,
        description="Query parameters; {date}, {since} and {until} are the batch date, its start "
        "and its end",
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Request headers")
    drift: Literal["refuse", "evolve", "ignore"] = Field(
        "ignore",
        description="What a field that is not declared means: hold its record back, take it along "
        "as text, or leave it out",
    )
    absent: Literal["refuse", "null"] = Field(
        "refuse", description="What a declared field means that a record leaves out"
    )
    allow_private: bool = Field(
        False,
        description="Whether a name may lead to a private address. One that is written out as "
        "such, 127.0.0.1 for example, may in any case",
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
        256 * 1024 * 1024, ge=1, description="A page of more bytes, decompressed, is refused"
    )

    @field_validator("headers", "params")
    @classmethod
    def _no_clear_secret(cls, pairs: dict[str, str]) -> dict[str, str]:
        for name, value in pairs.items():
            refuse_clear(name, value)
            expand_date(value, dt.date(2000, 1, 1))
        return pairs
