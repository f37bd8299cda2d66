"""Exchange a Google service account's key for a token (RFC 7523)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from urllib.parse import urlencode

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tasks.core.errors import ConfigError, SourceError
from tasks.ingest.json_text import read_json
from tasks.ingest.transport import Transport

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_SECONDS = 3600
_EARLY_SECONDS = 300.0
_MAX_ANSWER_BYTES = 1 << 20


class ServiceAccount:
    """Gives tokens that may read objects.

    Args:
        key: the JSON file that Google gives out.
        client: what sends the request.
        where: the key of the pipeline file, for messages.
        now: gives the moment; Google refuses what was signed at another one.
    """

    def __init__(
        self,
        key: str,
        client: Transport,
        where: str,
        now: Callable[[], float] = lambda: time.time_ns() / 1e9,
    ) -> None:
        self._client, self._where, self._now = client, where, now
        self._token, self._ends = "", 0.0
        try:
            content = read_json(key.encode())
            self._email, self._uri = str(content["client_email"]), str(content["token_uri"])
            loaded = load_pem_private_key(str(content["private_key"]).encode(), None)
        except (ValueError, KeyError, TypeError, UnsupportedAlgorithm):
            raise self._no_key() from None
        if not isinstance(loaded, RSAPrivateKey):
            raise self._no_key()
        self._key = loaded

    def token(self) -> str:
        """A token that is still good.

        Raises:
            SourceError: Google does not give one.
        """
        if time.monotonic() > self._ends - _EARLY_SECONDS or not self._token:
            self._token = self._ask()
            self._ends = time.monotonic() + _LIFE_SECONDS
        return self._token

    def _ask(self) -> str:
        form = {"grant_type": _GRANT, "assertion": self._assertion()}
        content = b""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode()
        with self._client.stream("POST", httpx.URL(self._uri), headers, body) as response:
            for chunk in response.chunks:
                content += chunk
                if len(content) > _MAX_ANSWER_BYTES:
                    break
        try:
            answer = read_json(content) if response.status == httpx.codes.OK else {}
        except ValueError:
            answer = {}
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise SourceError(
                "a token for this service account",
                found=f"status {response.status} and no token",
                where=self._uri,
                do="Check that the key is still good.",
            )
        return token

    def _assertion(self) -> str:
        moment = int(self._now())
        claims = {"iss": self._email, "scope": _SCOPE, "aud": self._uri}
        times = {"iat": moment, "exp": moment + _LIFE_SECONDS}
        content = ".".join(map(_encoded, ({"alg": "RS256", "typ": "JWT"}, {**claims, **times})))
        signature = self._key.sign(content.encode(), PKCS1v15(), SHA256())
        return f"{content}.{_base64(signature)}"

    def _no_key(self) -> ConfigError:
        return ConfigError(
            "the JSON of a service account's key",
            found="another text",
            where=self._where,
            do="Put the whole file that Google gives out into the variable.",
        )


def _encoded(content: object) -> str:
    return _base64(json.dumps(content, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
