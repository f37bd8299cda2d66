"""What is asked for: an address, and what a POST sends with it."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import httpx
from pydantic import SecretStr

from tasks.core.errors import ConfigError
from tasks.core.keys import digest_bytes
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.incremental import Watermark
from tasks.ingest.templates import expand, expand_date, expand_url, is_telling, redact


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """One page's request; each is its own, whatever it asks for.

    Args:
        url: its address.
        body: the JSON that a POST sends.
    """

    url: httpx.URL
    body: bytes | None = None

    def shown(self, secrets: Mapping[str, SecretStr]) -> str:
        """Its name: the address without secrets, and a mark that tells bodies apart."""
        mark = f"#{digest_bytes(self.body)[:12]}" if self.body is not None else ""
        return show_url(self.url, secrets) + mark


@dataclass(frozen=True, slots=True)
class Start:
    """The first page's request, which those of the others are made from.

    Args:
        url: its address.
        body: the JSON object that a POST sends; None for a GET.
    """

    url: httpx.URL
    body: Mapping[str, Any] | None = None

    def ask(self, values: Mapping[str, str | int] | None = None) -> Ask:
        """A request with further parameters; those that begin with / go into the body."""
        values = values or {}
        query = {name: str(value) for name, value in values.items() if not name.startswith("/")}
        url = self.url.copy_merge_params(query) if query else self.url
        if self.body is None:
            return Ask(url)
        body = copy.deepcopy(dict(self.body))
        for name, value in values.items():
            if name.startswith("/"):
                _set(body, name, value)
        return Ask(url, json.dumps(body, ensure_ascii=False).encode())


def start(
    source: HttpConfig,
    secrets: Mapping[str, SecretStr],
    date: dt.date,
    where: str,
    watermark: Watermark | None = None,
) -> Start:
    """The first page's request for a batch date.

    Raises:
        ConfigError: its address is none, or a secret was not given.
    """

    def fill(text: str) -> str:
        return expand_date(text, date, watermark)

    text = expand_url(fill(source.url), secrets, f"{where}.url")
    params = {
        name: expand(fill(value), secrets, f"{where}.params.{name}")
        for name, value in source.params.items()
    }
    key = source.auth.api_key if source.auth else None
    if key and key.query:
        params[key.query] = expand(key.value, secrets, f"{where}.auth.api_key")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigError(
            "an address that begins with https:// or http://",
            found="another text",
            where=f"{where}.url",
            do="Write the address of the API's first page.",
        )
    url = url.copy_merge_params(params) if params else url
    if source.method == "get":
        return Start(url)
    return Start(url, _filled(source.body or {}, secrets, fill, f"{where}.body"))


def _filled(
    value: Any, secrets: Mapping[str, SecretStr], fill: Callable[[str], str], where: str
) -> Any:
    """A JSON value with dates and secrets filled into its texts."""
    if isinstance(value, str):
        return expand(fill(value), secrets, where)
    if isinstance(value, dict):
        return {k: _filled(inner, secrets, fill, f"{where}.{k}") for k, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, secrets, fill, where) for inner in value]
    return value


def _set(body: dict[str, Any], pointer: str, value: str | int) -> None:
    """Put a value where a JSON pointer leads; objects on the way are made."""
    *way, last = (t.replace("~1", "/").replace("~0", "~") for t in pointer.split("/")[1:])
    here = body
    for name in way:
        inner = here.get(name)
        here[name] = inner if isinstance(inner, dict) else {}
        here = here[name]
    here[last] = value


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether two addresses are of one scheme, host and port."""
    return (one.scheme, one.host, _port(one)) == (other.scheme, other.host, _port(other))


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)


def join(base: httpx.URL, found: str) -> httpx.URL | None:
    """The address that a server names, relative to where it does; None where it is none."""
    try:
        url = base.join(found)
        str(url).encode()
    except (httpx.InvalidURL, ValueError):
        return None
    return url if url.host and not url.userinfo else None


def show_url(url: httpx.URL, secrets: Mapping[str, SecretStr]) -> str:
    """An address without user, password and telling query parameters."""
    if not (url.userinfo or url.fragment or is_telling(url.query.decode())):
        text = str(url)
        if redact(unquote_plus(text), secrets) == unquote_plus(text):
            return text
    params = [
        (name, redact(value, secrets))
        for name, value in url.params.multi_items()
        if not is_telling(name)
    ]
    plain = url.copy_with(username=None, password=None, query=None, fragment=None)
    return redact(str(plain.copy_with(params=params) if params else plain), secrets)
