"""Prove to an object store who asks: S3's signature, Azure's shared key, a token, or nothing."""

from __future__ import annotations

import base64
import calendar
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Protocol
from urllib.parse import quote

import httpx

_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_AZURE_VERSION = "2021-08-06"
_UNRESERVED = "-_.~"


class Signer(Protocol):
    """Makes a GET request one that its store believes."""

    def sign(
        self, url: httpx.URL, headers: Mapping[str, str]
    ) -> tuple[httpx.URL, Mapping[str, str]]:
        """The address and the headers to send, from those that are meant."""


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Asks as nobody."""

    def sign(
        self, url: httpx.URL, headers: Mapping[str, str]
    ) -> tuple[httpx.URL, Mapping[str, str]]:
        return url, headers


@dataclass(frozen=True, slots=True)
class Bearer:
    """Shows an OAuth 2 token.

    Args:
        token: gives one that is still good.
        more: further headers.
    """

    token: Callable[[], str]
    more: Mapping[str, str] = field(default_factory=dict)

    def sign(
        self, url: httpx.URL, headers: Mapping[str, str]
    ) -> tuple[httpx.URL, Mapping[str, str]]:
        return url, {**headers, **self.more, "Authorization": f"Bearer {self.token()}"}


@dataclass(frozen=True, slots=True)
class SharedAccess:
    """Appends a shared access signature, as Azure hands it out.

    Args:
        signature: a query string.
    """

    signature: str

    def sign(
        self, url: httpx.URL, headers: Mapping[str, str]
    ) -> tuple[httpx.URL, Mapping[str, str]]:
        query = "&".join(part for part in (url.query.decode(), self.signature.lstrip("?")) if part)
        return url.copy_with(query=query.encode()), {**headers, "x-ms-version": _AZURE_VERSION}


@dataclass(frozen=True, slots=True)
class Keys:
    """Signs as AWS does (Signature Version 4); Google's interoperable keys do the same.

    Args:
        key_id: which key.
        secret: the key.
        region: of the bucket.
        session_token: of temporary credentials.
        now: gives the moment; a store refuses what was signed at another one.

    Source: AWS, Signature Version 4 for API requests.
    """

    key_id: str
    secret: str
    region: str
    session_token: str | None = None
    now: Callable[[], time.struct_time] = time.gmtime

    def sign(
        self, url: httpx.URL, headers: Mapping[str, str]
    ) -> tuple[httpx.URL, Mapping[str, str]]:
        moment = time.strftime("%Y%m%dT%H%M%SZ", self.now())
        signed = {
            "host": url.netloc.decode(),
            "x-amz-content-sha256": _EMPTY_SHA256,
            "x-amz-date": moment,
            **({"x-amz-security-token": self.session_token} if self.session_token else {}),
        }
        names = ";".join(sorted(signed))
        request = "\n".join(
            [
                "GET",
                url.raw_path.decode().partition("?")[0],
                _canonical_query(url),
                *(f"{name}:{signed[name]}" for name in sorted(signed)),
                "",
                names,
                _EMPTY_SHA256,
            ]
        )
        scope = f"{moment[:8]}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        content = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
        signature = hmac.digest(key, content.encode(), "sha256").hex()
        signed["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}"
        )
        del signed["host"]  # what sends the request says it
        return url, {**headers, **signed}


def _canonical_query(url: httpx.URL) -> str:
    pairs = sorted(
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for name, value in url.params.multi_items()
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


@dataclass(frozen=True, slots=True)
class SharedKey:
    """Signs as Azure Storage does.

    Args:
        account: the storage account.
        key: its key, in base 64.
        now: gives the moment; a store refuses what was signed at another one.

    Source: Microsoft, Authorize with Shared Key.
    """

    account: str
    key: str
    now: Callable[[], time.struct_time] = time.gmtime

    def sign(
        self, url: httpx.URL, headers: Mapping[str, str]
    ) -> tuple[httpx.URL, Mapping[str, str]]:
        own = {
            "x-ms-date": formatdate(calendar.timegm(self.now()), usegmt=True),
            "x-ms-version": _AZURE_VERSION,
        }
        places = ("If-Match", "If-None-Match", "If-Unmodified-Since", "Range")
        content = "\n".join(
            [
                "GET",
                *[""] * 7,
                *(headers.get(name, "") for name in places),
                *(f"{name}:{own[name]}" for name in sorted(own)),
                f"/{self.account}{url.raw_path.decode().partition('?')[0]}",
                *(f"{name.lower()}:{value}" for name, value in sorted(url.params.multi_items())),
            ]
        )
        digest = hmac.digest(base64.b64decode(self.key), content.encode(), "sha256")
        told = base64.b64encode(digest).decode()
        return url, {**headers, **own, "Authorization": f"SharedKey {self.account}:{told}"}
