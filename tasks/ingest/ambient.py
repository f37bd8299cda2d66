"""Credentials where each provider's own library finds them, for those who ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from tasks.core.errors import ConfigError
from tasks.ingest.signing import Bearer, Keys, Signer

_GOOGLE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
_AZURE_SCOPE = "https://storage.azure.com/.default"
_AZURE_VERSION = {"x-ms-version": "2021-08-06"}


def signer(kind: str, region: str, where: str) -> Signer:
    """What signs with the credentials that are found.

    Args:
        kind: s3, gs or az.
        region: of the bucket, for S3.
        where: the key of the pipeline file, for messages.

    Raises:
        ConfigError: the provider's library is not installed, or finds none.
    """
    makers: dict[str, Callable[[], Signer]] = {
        "s3": lambda: _Refreshed(_botocore(), region),
        "gs": lambda: Bearer(_google()),
        "az": lambda: Bearer(_azure(), _AZURE_VERSION),
    }
    try:
        return makers[kind]()
    except ImportError as error:
        raise ConfigError(
            f"{error.name} to look for credentials",
            found="it is not installed",
            where=f"{where}.ambient",
            do="Install lamplighter[clouds], or name the credentials.",
        ) from error
    except Exception as error:  # each library has errors of its own
        raise _none(type(error).__name__, where) from error


def _none(found: str, where: str) -> ConfigError:
    return ConfigError(
        "credentials where the provider's library looks for them",
        found=found,
        where=f"{where}.ambient",
        do="Give the machine a role or the environment its variables, or name the credentials.",
    )


class _Refreshed:
    """Signs with credentials that the library renews before they expire."""

    def __init__(self, credentials: Any, region: str) -> None:
        self._credentials, self._region = credentials, region

    def sign(self, url: httpx.URL, headers: Any) -> Any:
        now = self._credentials.get_frozen_credentials()
        return Keys(now.access_key, now.secret_key, self._region, now.token).sign(url, headers)


def _botocore() -> Any:
    from botocore.session import get_session

    credentials = get_session().get_credentials()
    if credentials is None:
        raise LookupError("none")
    return credentials


def _google() -> Callable[[], str]:
    import google.auth
    from google.auth.transport.requests import Request

    found: Any = google.auth.default(scopes=[_GOOGLE_SCOPE])
    credentials = found[0]

    def token() -> str:
        if not credentials.valid:
            credentials.refresh(Request())
        return str(credentials.token)

    return token


def _azure() -> Callable[[], str]:
    from azure.identity import DefaultAzureCredential

    credential = DefaultAzureCredential()
    return lambda: str(credential.get_token(_AZURE_SCOPE).token)
