"""As whom and where to ask an object store: S3 and what speaks its language, GCS, Azure."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from tasks.core.config import Config, Duration
from tasks.core.reference import Secret
from tasks.ingest.templates import Url

SCHEMES = {
    "s3": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "azure": "az",
    "abfs": "az",
    "abfss": "az",
}
_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{0,254}(@[a-z0-9]{3,24}\.dfs\.core\.[a-z.]+)?")
_FIELDS = {
    "s3": {
        "key_id",
        "secret",
        "session_token",
        "region",
        "endpoint",
        "allow_private",
        "deadline",
        "ambient",
    },
    "gs": {
        "key_id",
        "secret",
        "service_account",
        "token",
        "endpoint",
        "allow_private",
        "deadline",
        "ambient",
    },
    "az": {
        "account",
        "account_key",
        "sas",
        "token",
        "endpoint",
        "allow_private",
        "deadline",
        "ambient",
    },
}


def split_url(path: str) -> tuple[str, str]:
    """The bucket of an object's address, `s3://drops`, and the rest; of a local path all is rest.

    Raises:
        ValueError: it is an address of another kind.
    """
    scheme, mark, rest = path.partition("://")
    if not mark:
        return "", path
    bucket, _, pattern = rest.partition("/")
    if scheme not in SCHEMES or not _BUCKET.fullmatch(bucket):
        raise ValueError(
            "an object's address is s3://BUCKET/…, gs://BUCKET/…, az://CONTAINER/… or "
            "abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/…"
        )
    return f"{scheme}://{bucket}", pattern


def _plain_endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
        raise ValueError("an endpoint is https://HOST or http://HOST, with a port where need be")
    return url.rstrip("/")


class Access(Config):
    """Credentials are named, as ${NAME}, and never looked for anywhere unless `ambient` says so."""

    endpoint: Annotated[Url, AfterValidator(_plain_endpoint)] | None = Field(
        None,
        description="Address of the store where it is not the provider's own, as of MinIO",
        examples=["https://minio.example.com:9000"],
    )
    region: str = Field("us-east-1", pattern="^[a-z0-9-]+$", description="S3: the bucket's region")
    key_id: Secret | None = Field(None, description="S3, GCS: id of the key (of GCS an HMAC key)")
    secret: Secret | None = Field(None, description="S3, GCS: the key's secret")
    session_token: Secret | None = Field(None, description="S3: token of temporary credentials")
    service_account: Secret | None = Field(
        None, description="GCS: the JSON of a service account's key"
    )
    account: str | None = Field(
        None, pattern="^[a-z0-9]{3,24}$", description="Azure: the storage account"
    )
    account_key: Secret | None = Field(None, description="Azure: the account's key")
    sas: Secret | None = Field(None, description="Azure: a shared access signature")
    token: Secret | None = Field(None, description="GCS, Azure: an OAuth 2 access token")
    allow_private: bool = Field(
        False, description="Whether the endpoint's name may stand for a private address"
    )
    deadline: Duration = Field(dt.timedelta(hours=6), description="Longest time for all of it")
    ambient: bool = Field(
        False,
        description="Whether to look for credentials where the provider's own library does: the "
        "environment, its files, the machine's metadata service",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Access:
        if (self.key_id is None) != (self.secret is None):
            raise ValueError("key_id and secret go together")
        if self.session_token and not self.key_id:
            raise ValueError("session_token goes with key_id and secret")
        ways = [self.key_id, self.service_account, self.account_key, self.sas, self.token]
        if len([way for way in ways if way]) + self.ambient > 1:
            raise ValueError("one way to prove who asks, not several")
        return self

    def check_scheme(self, place: str) -> None:
        """Hold that what is given means something to a bucket's provider.

        Raises:
            ValueError: it does not.
        """
        scheme = place.partition("://")[0]
        allowed = _FIELDS[SCHEMES[scheme]]
        odd = sorted(self.model_fields_set - allowed)
        if odd:
            raise ValueError(f"{', '.join(odd)} says nothing about {scheme}://")
