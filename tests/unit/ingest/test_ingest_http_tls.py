"""Over TLS too: certificates are checked, and every byte is watched."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tasks.core.errors import SourceError, SourceUnavailableError
from tests.unit.ingest.chaos import Answer, Api, Request, serve
from tests.unit.ingest.conftest import Land

RECORDS = [{"id": i, "name": f"n{i}"} for i in range(1, 8)]
CSV = b"id,name\n" + b"".join(f"{i},n{i}\n".encode() for i in range(1, 8))


def _certify(folder: Path, address: str) -> ssl.SSLContext:
    """A context with a certificate of its own for one address; `ca.pem` is to trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    own = folder / "ca.pem"
    own.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = folder / "key.pem"
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, secret)
    return context


@pytest.fixture
def api(folder: Path, request: pytest.FixtureRequest) -> Iterator[Api]:
    address = getattr(request, "param", "127.0.0.1")
    with (
        serve(tls=_certify(folder, address)) as running,
        stamina.set_testing(True, attempts=2, cap=True),
    ):
        running.script = lambda _: Answer(RECORDS)
        yield running


def _source(api: Api, **more: Any) -> dict[str, Any]:
    schema = {"id": "i32", "name": "str"}
    return {
        "kind": "http",
        "url": f"{api.url}/items",
        "schema": schema,
        "ca_bundle": "ca.pem",
        **more,
    }


def test_a_declared_authority_is_trusted(api: Api, land: Land) -> None:
    assert land(_source(api)).rows.height == 7


def test_an_unknown_authority_is_not(api: Api, land: Land) -> None:
    with pytest.raises(SourceUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        land(_source(api, ca_bundle=None))
    assert api.asked == []


@pytest.mark.parametrize("api", ["127.0.0.2"], indirect=True)
def test_a_certificate_for_another_address_is_not(api: Api, land: Land) -> None:
    with pytest.raises(SourceUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        land(_source(api))


def test_a_redirect_to_plain_http_is_refused(api: Api, land: Land) -> None:
    plain = api.url.replace("https", "http")
    api.script = lambda _: Answer(status=302, headers={"Location": f"{plain}/items"})
    with pytest.raises(SourceError, match="redirect to http://"):
        land(_source(api))


def test_bytes_behind_the_length_are_noticed(api: Api, land: Land) -> None:
    api.script = lambda _: Answer(CSV, length=len(b"id,name\n1,n1\n"))
    with pytest.raises(SourceUnavailableError, match="more bytes"):
        land(_source(api, format="csv"))


def test_bytes_that_come_one_by_one_end_with_the_deadline(api: Api, land: Land) -> None:
    api.script = lambda _: Answer(CSV, drip_seconds=0.1)
    began = time.monotonic()
    with pytest.raises(SourceUnavailableError):
        land(_source(api, format="csv", deadline="1s"))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_page_that_nobody_needs_is_not_waited_for(concurrency: int, api: Api, land: Land) -> None:
    def script(request: Request) -> Answer:
        page = int(request.params["page"])
        if page > 5:
            return Answer([], drip_seconds=20.0)
        return Answer(RECORDS[2 * page - 2 : 2 * page])

    api.script = script
    began = time.monotonic()
    landing = land(
        _source(api, pagination={"kind": "page"}, concurrency=concurrency, confirm_end=False)
    )
    assert landing.rows.height == 7
    assert time.monotonic() - began < 15
