"""Open a bucket: which provider's language it speaks, where it is, and as whom it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from tasks.core.errors import ConfigError
from tasks.ingest import ambient
from tasks.ingest.access_config import SCHEMES, Access, split_url
from tasks.ingest.bucket import Bucket
from tasks.ingest.files_config import FilesConfig
from tasks.ingest.objects import Object, Requests, list_azure, list_s3
from tasks.ingest.pinned import PinnedNetwork
from tasks.ingest.service_account import ServiceAccount
from tasks.ingest.signing import Anonymous, Bearer, Keys, SharedAccess, SharedKey, Signer
from tasks.ingest.templates import expand, expand_url
from tasks.ingest.transport import Transport
from tasks.ingest.wire import Deadline

_TIMEOUT_SECONDS = 60.0
_AZURE = {"x-ms-version": "2021-08-06"}


@dataclass(frozen=True, slots=True)
class _Provider:
    """What tells one provider from another.

    Args:
        list_all: lists a bucket.
        headers: what is sent with each request. Google would decompress what is stored compressed
            for a client that does not say it can.
    """

    list_all: Callable[[Requests, httpx.URL, str], Iterator[Object]]
    headers: Mapping[str, str]


_PROVIDERS = {
    "s3": _Provider(list_s3, {"Accept-Encoding": "identity"}),
    "gs": _Provider(list_s3, {"Accept-Encoding": "gzip"}),
    "az": _Provider(list_azure, {"Accept-Encoding": "identity", **_AZURE}),
}


@contextmanager
def open_bucket(
    source: FilesConfig, secrets: Mapping[str, SecretStr], staging: Path | None, where: str
) -> Iterator[Bucket]:
    """Open the bucket of a source for as long as the block runs.

    Args:
        source: its declaration; its path is an address of objects.
        secrets: the value of each `${NAME}` it refers to.
        staging: a folder for what is fetched; the system's own for None.
        where: the source's key in the pipeline file, for messages.

    Raises:
        ConfigError: a secret was not given, or something is missing to ask the store.
    """
    told = split_url(source.path)[0]
    access = source.access or Access()
    provider = _PROVIDERS[SCHEMES[told.partition("://")[0]]]
    network = PinnedNetwork(access.allow_private, Deadline(access.deadline.total_seconds()))
    with Transport(network, 1, _TIMEOUT_SECONDS) as client:
        where = f"{where}.access"
        address = _address(told, access, secrets, where)
        signer = _signer(told, access, secrets, client, where)
        requests = Requests(client, signer, told, provider.headers)
        yield Bucket(told, address, requests, provider.list_all, staging, source.max_file_bytes)


def _address(told: str, access: Access, secrets: Mapping[str, SecretStr], where: str) -> httpx.URL:
    scheme, _, bucket = told.partition("://")
    container, _, host = bucket.partition("@")
    account = host.partition(".")[0] or access.account
    if access.endpoint:
        endpoint = expand_url(access.endpoint, secrets, f"{where}.endpoint")
        return httpx.URL(f"{endpoint}/{container}")
    if SCHEMES[scheme] == "gs":
        return httpx.URL(f"https://storage.googleapis.com/{bucket}")
    if SCHEMES[scheme] == "az":
        if not account:
            raise ConfigError(
                "the storage account",
                found="none",
                where=where,
                do="Set account there, or write abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/…",
            )
        return httpx.URL(f"https://{account}.blob.core.windows.net/{container}")
    host = f"s3.{access.region}.amazonaws.com"
    # TLS knows one level of names below the host.
    return httpx.URL(f"https://{host}/{bucket}" if "." in bucket else f"https://{bucket}.{host}")


def _signer(
    told: str,
    access: Access,
    secrets: Mapping[str, SecretStr],
    client: Transport,
    where: str,
) -> Signer:
    def secret(name: str) -> str:
        return expand(getattr(access, name), secrets, f"{where}.{name}")

    scheme, _, bucket = told.partition("://")
    kind = SCHEMES[scheme]
    if access.ambient:
        return ambient.signer(kind, access.region, where)
    if access.key_id:
        token = secret("session_token") if access.session_token else None
        region = access.region if kind == "s3" else "auto"
        return Keys(secret("key_id"), secret("secret"), region, token)
    if access.service_account:
        return Bearer(ServiceAccount(secret("service_account"), client, where).token)
    if access.account_key:
        account = access.account or bucket.partition("@")[2].partition(".")[0]
        return SharedKey(account, secret("account_key"))
    if access.sas:
        return SharedAccess(secret("sas"))
    if access.token:
        token = secret("token")
        return Bearer(lambda: token)
    return Anonymous()
