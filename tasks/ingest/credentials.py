"""Prove to an API who asks."""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from tasks.core.errors import SourceError
from tasks.ingest.asking import show_url
from tasks.ingest.auth_config import Auth, OAuth2
from tasks.ingest.flaws import FlawError
from tasks.ingest.json_text import read_json
from tasks.ingest.statuses import is_passing
from tasks.ingest.templates import expand, expand_url
from tasks.ingest.transport import Transport

_MAX_ANSWER_BYTES = 1 << 20
_EARLY_SECONDS = 30.0
_DEFAULT_LIFE_SECONDS = 300.0


def credentials(auth: Auth, secrets: Mapping[str, SecretStr], where: str) -> dict[str, str]:
    """The header that holds a token, a key, or a user and a password; none where it is elsewhere.

    Raises:
        ConfigError: a secret was not given.
    """
    if auth.bearer:
        return {"Authorization": f"Bearer {expand(auth.bearer, secrets, where)}"}
    if auth.api_key and auth.api_key.header:
        return {auth.api_key.header: expand(auth.api_key.value, secrets, where)}
    if auth.basic:
        user = expand(auth.basic.user, secrets, where)
        return basic(user, expand(auth.basic.password, secrets, where))
    return {}


def basic(user: str, password: str) -> dict[str, str]:
    """A user and a password as a header (RFC 7617)."""
    both = b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {both}"}


class TokenSource:
    """Exchanges client credentials for a token, and again before it expires (RFC 6749, 4.4).

    Args:
        how: where and with what.
        secrets: the value of each `${NAME}`.
        where: the source's key in the pipeline file, for messages.
        transport: what sends; the API's own headers are not for who gives tokens.
    """

    def __init__(
        self, how: OAuth2, secrets: Mapping[str, SecretStr], where: str, transport: Transport
    ) -> None:
        self._transport, self._secrets = transport, secrets
        self._url = httpx.URL(expand_url(how.token_url, secrets, f"{where}.token_url"))
        self._headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept-Encoding": "identity",
            **basic(
                expand(how.client_id, secrets, f"{where}.client_id"),
                expand(how.client_secret, secrets, f"{where}.client_secret"),
            ),
        }
        scope = {"scope": how.scope} if how.scope else {}
        self._form = urlencode({"grant_type": "client_credentials", **scope}).encode()
        self._token: str | None = None
        self._ends = 0.0
        self._lock = threading.Lock()

    def header(self) -> dict[str, str]:
        """The header with a token that is still good.

        Raises:
            SourceError: the credentials were not taken, or the answer has no token.
            FlawError: the request failed, or the answer did not come whole.
        """
        with self._lock:
            if self._token is None or time.monotonic() > self._ends - _EARLY_SECONDS:
                self._token, life_seconds = self._ask()
                self._ends = time.monotonic() + life_seconds
            return {"Authorization": f"Bearer {self._token}"}

    def forget(self, header: Mapping[str, str]) -> None:
        """Have the next request ask for a new token, unless the one refused is an older one."""
        with self._lock:
            if header.get("Authorization") == f"Bearer {self._token}":
                self._token = None

    def _ask(self) -> tuple[str, float]:
        with self._transport.stream("POST", self._url, self._headers, self._form) as response:
            status = response.status
            if is_passing(status):
                raise FlawError(f"status {status} from the token's address")
            content = b""
            for chunk in response.chunks:
                content += chunk
                if len(content) > _MAX_ANSWER_BYTES:
                    raise FlawError("a token's answer that does not end")
        try:
            answer = read_json(content) if status == httpx.codes.OK else {}
        except ValueError:
            answer = {}
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise SourceError(
                "a token for these credentials",
                found=f"status {status} and no token",
                where=show_url(self._url, self._secrets),
                do="Check the source's auth and the secrets it names.",
            )
        return token, _life_seconds(answer.get("expires_in"))


def _life_seconds(told: object) -> float:
    """How long a token lives; some servers write the number as text."""
    if isinstance(told, str) and told.isdecimal():
        return float(told)
    return float(told) if type(told) is int else _DEFAULT_LIFE_SECONDS
