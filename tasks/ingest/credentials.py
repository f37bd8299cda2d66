"""Prove to an API who asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import httpx
from pydantic import SecretStr

from tasks.core.errors import SourceError
from tasks.ingest.http_config import Auth, OAuth2
from tasks.ingest.json_text import read_json
from tasks.ingest.pinned import PinnedClient
from tasks.ingest.templates import expand, expand_url

_MAX_ANSWER_BYTES = 1 << 20
_EARLY_SECONDS = 30.0
_DEFAULT_LIFE_SECONDS = 300.0


def credentials(
    auth: Auth, secrets: Mapping[str, SecretStr], headers: dict[str, str], where: str
) -> httpx.Auth | None:
    """Put a token or key among the headers; give what httpx has to add itself.

    Raises:
        ConfigError: a secret was not given.
    """
    if auth.bearer:
        headers["Authorization"] = f"Bearer {expand(auth.bearer, secrets, where)}"
    if auth.api_key and auth.api_key.header:
        headers[auth.api_key.header] = expand(auth.api_key.value, secrets, where)
    if auth.basic:
        user = expand(auth.basic.user, secrets, where)
        return httpx.BasicAuth(user, expand(auth.basic.password, secrets, where))
    return None


class TokenSource:
    """Exchanges client credentials for a token, and again before it expires (RFC 6749, 4.4).

    Args:
        how: where and with what.
        secrets: the value of each `${NAME}`.
        where: the source's key in the pipeline file, for messages.
    """

    def __init__(self, how: OAuth2, secrets: Mapping[str, SecretStr], where: str) -> None:
        self._url = httpx.URL(expand_url(how.token_url, secrets, f"{where}.token_url"))
        self._auth = httpx.BasicAuth(
            expand(how.client_id, secrets, f"{where}.client_id"),
            expand(how.client_secret, secrets, f"{where}.client_secret"),
        )
        self._form = {"grant_type": "client_credentials"}
        if how.scope:
            self._form["scope"] = how.scope
        self._token: str | None = None
        self._ends = 0.0
        self._lock = threading.Lock()

    def header(self, client: PinnedClient) -> dict[str, str]:
        """The header with a token that is still good.

        Raises:
            SourceError: the credentials were not taken, or the answer has no token.
            httpx.TransportError: the request failed.
        """
        with self._lock:
            if self._token is None or time.monotonic() > self._ends - _EARLY_SECONDS:
                self._token, life_seconds = self._ask(client)
                self._ends = time.monotonic() + life_seconds
            return {"Authorization": f"Bearer {self._token}"}

    def forget(self) -> None:
        """Have the next request ask for a new token."""
        with self._lock:
            self._token = None

    def _ask(self, client: PinnedClient) -> tuple[str, float]:
        with client.stream("POST", self._url, data=self._form, auth=self._auth) as response:
            status = response.status_code
            if status >= httpx.codes.INTERNAL_SERVER_ERROR:
                raise httpx.RemoteProtocolError(f"the token's address answers with status {status}")
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > _MAX_ANSWER_BYTES:
                    break
        try:
            answer = read_json(content) if status == httpx.codes.OK else {}
        except ValueError:
            answer = {}
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise SourceError(
                "a token for these credentials",
                found=f"status {status} and no token",
                where=str(self._url.copy_with(username=None, password=None, query=None)),
                do="Check the source's auth and the secrets it names.",
            )
        life = answer.get("expires_in")
        return token, float(life) if isinstance(life, int) else _DEFAULT_LIFE_SECONDS
