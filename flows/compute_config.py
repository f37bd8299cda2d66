"""What a pipeline file, and the form of a run, may say under `compute`."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from tasks.core.config import Config


class LocalCompute(Config):
    """This machine: one process, or several."""

    kind: Literal["local"] = Field("local", description="On this machine")
    workers: int = Field(
        1, ge=1, le=256, description="Processes that compute partitions; 1: the run's own"
    )


class TlsConfig(Config):
    """The files by which both ends of a connection know each other, in PEM."""

    ca: Path = Field(description="Certificates of the authorities that are trusted")
    certificate: Path = Field(description="The run's own certificate")
    key: Path = Field(description="The private key of that certificate")

    @property
    def files(self) -> tuple[Path, ...]:
        """All three."""
        return self.ca, self.certificate, self.key


class DaskCompute(Config):
    """A cluster of Dask: one that is there already, or one of processes of this machine."""

    kind: Literal["dask"] = Field("dask", description="On a cluster of Dask")
    address: str | None = Field(
        None,
        pattern=r"^(tcp|tls)://[^/\s]+:\d+$",
        description="Of the scheduler, tls://host:8786 say; empty: a cluster on this machine, "
        "for this run",
    )
    workers: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Partitions at once; empty: as many as the cluster has workers, or this "
        "machine cores",
    )
    tls: TlsConfig | None = Field(None, description="What a tls:// address needs")
    unencrypted: bool = Field(
        False, description="Take a tcp:// address beyond this machine: whoever reads along sees all"
    )

    @model_validator(mode="after")
    def _is_guarded(self) -> Self:
        if self.address is None:
            if self.tls:
                raise ValueError(
                    "tls goes with an address; a cluster of this machine makes its own"
                )
            return self
        encrypted = self.address.startswith("tls://")
        if encrypted != (self.tls is not None):
            raise ValueError("a tls:// address and tls: {ca, certificate, key} go together")
        if not (encrypted or self.unencrypted or _is_loopback(self.address)):
            raise ValueError(
                f"{self.address} lies beyond this machine and is not encrypted: take tls://, or "
                "say unencrypted: true where nobody else is on the wire"
            )
        return self


ComputeConfig = Annotated[LocalCompute | DaskCompute, Field(discriminator="kind")]


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
