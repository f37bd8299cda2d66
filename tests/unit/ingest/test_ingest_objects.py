"""Object stores: what is listed is read whole and unchanged, from the store alone."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import gzip
import hashlib
import hmac
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import boto3
import botocore.auth
import httpx
import polars as pl
import pytest
import stamina
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from tasks.core.errors import (
    ConfigError,
    SourceError,
    SourceMissingError,
    SourceUnavailableError,
)
from tasks.ingest import ambient, object_stores
from tasks.ingest.bucket import object_address
from tasks.ingest.config import FilesConfig
from tasks.ingest.files import read_objects
from tasks.ingest.objects import asking
from tasks.ingest.parts import Part
from tasks.ingest.pinned import PinnedNetwork
from tasks.ingest.signing import Keys
from tests.unit.ingest.chaos import Answer, Api, Request, serve
from tests.unit.ingest.conftest import Land

SECRETS = {"ID": "AKID", "KEY": "clear-secret", "AZURE": base64.b64encode(b"key").decode()}
KEYS = {"key_id": "${ID}", "secret": "${KEY}"}
SOURCE = {"kind": "files", "path": "s3://drops/in/{date}/*", "schema": {"id": "i32"}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without waits, and without what the machine's environment says of clouds."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(moto: str) -> Iterator[Any]:
    """A bucket in moto, empty at first."""
    s3 = boto3.resource(
        "s3",
        endpoint_url=moto,
        aws_access_key_id="AKID",
        aws_secret_access_key="clear-secret",
        region_name="us-east-1",
    )
    made = s3.create_bucket(Bucket="drops")
    yield made
    made.objects.delete()
    made.delete()


@pytest.fixture(scope="module")
def server() -> Iterator[Api]:
    with serve() as running:
        yield running


@pytest.fixture
def api(server: Api) -> Api:
    server.asked.clear()
    return server


def _s3(endpoint: str, **more: Any) -> dict[str, Any]:
    return {**SOURCE, "access": {"endpoint": endpoint, **KEYS}, **more}


def _parts(source: dict[str, Any], secrets: dict[str, str] = SECRETS) -> Iterator[Part]:
    known = {name: SecretStr(value) for name, value in secrets.items()}
    config = FilesConfig.model_validate(source)
    return read_objects(config, dt.date(2010, 1, 4), known, None, "sources.lines")


def _read(source: dict[str, Any], secrets: dict[str, str] = SECRETS) -> list[int]:
    return [number for part in _parts(source, secrets) for number in part.rows["id"]]


def test_objects_are_read_as_files_are(bucket: Any, moto: str, land: Land, tmp_path: Path) -> None:
    pl.DataFrame({"id": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    contents = {
        "a.parquet": (tmp_path / "a.parquet").read_bytes(),
        "b é+&'~.csv.gz": gzip.compress(b"id\n3\n"),
        "deep/c.csv": b"id\n4\n",
        "_SUCCESS": b"",
        "d.csv.tmp": b"id\n5\n",
        "folder/": b"",
    }
    for name, content in contents.items():
        bucket.put_object(Key=f"in/2010-01-04/{name}", Body=content)
    bucket.put_object(Key="in/2010-01-05/e.csv", Body=b"id\n6\n")
    landing = land(_s3(moto), SECRETS)
    assert landing.rows["id"].to_list() == [1, 2, 3]
    assert landing.rows["_source"].unique(maintain_order=True).to_list() == [
        "s3://drops/in/2010-01-04/a.parquet",
        "s3://drops/in/2010-01-04/b é+&'~.csv.gz",
    ]
    for path in ("s3://drops/in/{date}", "s3://drops/in/{date}/", "s3://drops/in/{date}/**/*"):
        ready = "s3://drops/in/{date}/_SUCCESS"
        assert land(_s3(moto, path=path, ready=ready), SECRETS).rows.height == 4
    assert not list(tmp_path.rglob("object-*"))


def test_what_is_not_there(bucket: Any, moto: str) -> None:
    with pytest.raises(SourceMissingError, match="no object that begins with in/2010-01-04/"):
        _read(_s3(moto))
    bucket.put_object(Key="in/2010-01-04/a.csv", Body=b"id\n1\n")
    with pytest.raises(SourceMissingError, match="no object that fits"):
        _read(_s3(moto, path="s3://drops/in/{date}/*.tsv"))
    with pytest.raises(SourceMissingError, match="which says the drop is complete"):
        _read(_s3(moto, ready="s3://drops/in/{date}/_SUCCESS"))
    with pytest.raises(SourceMissingError, match="status 404"):
        _read(_s3(moto, path="s3://other/in/*"))


def test_a_manifest_of_objects(bucket: Any, moto: str) -> None:
    for name in ("a.csv", "b.csv"):
        bucket.put_object(Key=f"in/2010-01-04/{name}", Body=b"id\n1\n")
    listed: list[Any] = ["a.csv", {"url": "s3://drops/in/2010-01-04/b.csv", "rows": 1}]
    source = _s3(moto, manifest="s3://drops/in/{date}/m.json")
    bucket.put_object(Key="in/2010-01-04/m.json", Body=json.dumps(listed).encode())
    assert _read(source) == [1, 1]
    listed[1]["rows"] = 2
    bucket.put_object(Key="in/2010-01-04/m.json", Body=json.dumps(listed).encode())
    with pytest.raises(SourceError, match="2 records, as the manifest says"):
        _read(source)


def test_an_object_that_is_replaced_after_it_was_listed_is_refused(bucket: Any, moto: str) -> None:
    for name in "ab":
        bucket.put_object(Key=f"in/2010-01-04/{name}.csv", Body=b"id\n1\n")
    parts = _parts(_s3(moto))
    next(parts)
    bucket.put_object(Key="in/2010-01-04/b.csv", Body=b"id\n2\n")
    with pytest.raises(SourceUnavailableError, match="it was replaced"):
        list(parts)


@pytest.mark.parametrize("token", [None, "a/token+="])
def test_the_signature_is_the_one_that_botocore_makes(
    token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = dt.datetime(2010, 1, 4, 10, 13, 20)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: moment)
    host = httpx.URL("https://drops.s3.eu-west-1.amazonaws.com/")
    for url in (
        object_address(host, "in/a b+é&'(1)!*%~.csv"),
        asking(host, {"list-type": "2", "prefix": "a b/é~*", "continuation-token": "x+/="}),
    ):
        _, mine = Keys("AKID", "KEY", "eu-west-1", token, moment.timetuple).sign(url, {})
        request = AWSRequest("GET", str(url))
        request.headers["x-amz-content-sha256"] = mine["x-amz-content-sha256"]
        S3SigV4Auth(Credentials("AKID", "KEY", token), "s3", "eu-west-1").add_auth(request)
        assert mine["Authorization"] == request.headers["Authorization"]


OBJECTS = {f"in/2010-01-04/{name}.csv": f"id\n{n}\n".encode() for n, name in enumerate("abc")}


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def _page(objects: dict[str, bytes], following: str = "") -> bytes:
    records = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
        f"<ETag>{escape(_etag(content))}</ETag></Contents>"
        for key, content in objects.items()
    )
    more = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
    cut = str(bool(following)).lower()
    return f"<R><IsTruncated>{cut}</IsTruncated>{more}{records}</R>".encode()


def _store(request: Request) -> Answer:
    """A store that does as it should, a page for each object."""
    if "list-type" in request.params:
        place = int(request.params.get("continuation-token", "0"))
        items = list(OBJECTS.items())
        following = str(place + 1) if place + 1 < len(items) else ""
        return Answer(_page(dict(items[place : place + 1]), following))
    content = OBJECTS[request.path.removeprefix("/drops/")]
    start = int(request.headers.get("Range", "bytes=0-")[6:-1])
    headers = {"ETag": _etag(content)}
    if start:
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return Answer(content[start:], 206 if start else 200, headers)


def test_every_page_of_a_listing_is_read(api: Api) -> None:
    api.script = _store
    assert _read(_s3(api.url)) == [0, 1, 2]
    assert len(api.asked) == 6


def test_an_answer_that_breaks_off_goes_on_where_it_broke(api: Api) -> None:
    def break_off(request: Request) -> Answer:
        answer = _store(request)
        if "list-type" not in request.params and len(answer.content) > 1:
            answer.length, answer.drop_after = len(answer.content), 1
        return answer

    api.script = break_off
    assert _read(_s3(api.url)) == [0, 1, 2]
    ranges = [request.headers.get("Range") for request in api.asked if ".csv" in request.path]
    assert ranges == [None, "bytes=1-", "bytes=2-", "bytes=3-", "bytes=4-"] * 3


def _instead(of: Callable[[Request], bool], answer: Callable[[Request], Answer]) -> Any:
    return lambda request: answer(request) if of(request) else _store(request)


def _is_listing(request: Request) -> bool:
    return "list-type" in request.params


def _is_object(request: Request) -> bool:
    return not _is_listing(request)


AGAIN = Answer(_page({}, "0"))


@pytest.mark.parametrize(
    ("wrong", "answer", "found"),
    [
        (_is_listing, Answer(_page(OBJECTS, "")[:-20]), "no element found|unclosed token"),
        (_is_listing, Answer(_page(OBJECTS).replace(b"false", b"true")), "a page that is cut"),
        (_is_listing, Answer(_page(OBJECTS, "x").replace(b"true", b"false")), "a page that is cut"),
        (_is_listing, Answer(_page(OBJECTS, "x")), "twice, or out of order"),
        (_is_listing, Answer(_page({}, "x")), "leads back to an earlier"),
        (_is_listing, Answer(_page({"other/a.csv": b""})), "which was not asked for"),
        (_is_listing, Answer(b"<!DOCTYPE a []>" + _page(OBJECTS)), "document type"),
        (_is_listing, Answer(b"{}"), "not well-formed"),
        (_is_listing, Answer(b"", 403), "status 403"),
        (_is_listing, Answer(b"", 503), "status 503"),
        (_is_listing, Answer(b"", 301, {"x-amz-bucket-region": "eu-west-1"}), "is in eu-west-1"),
        (_is_object, Answer(b"id\n0\n", 200, {"ETag": '"other"'}), "another ETag"),
        (_is_object, Answer(b"id\n0\n1\n", 200, {"ETag": _etag(b"id\n0\n")}), "found: more"),
        (_is_object, Answer(b"", 200, {"ETag": _etag(b"id\n0\n")}), "without content"),
        (_is_object, Answer(b"", 412), "it was replaced"),
        (_is_object, Answer(b"", 404), "status 404"),
        (_is_object, Answer(b"", 500), "status 500"),
    ],
)
def test_an_answer_that_is_not_whole_is_refused(
    wrong: Callable[[Request], bool], answer: Answer, found: str, api: Api
) -> None:
    api.script = _instead(wrong, lambda _: answer)
    with pytest.raises(SourceError, match=found):
        _read(_s3(api.url))


def test_a_key_that_would_lead_elsewhere_is_refused(api: Api) -> None:
    api.script = _instead(_is_listing, lambda _: Answer(_page({"in/../x.csv": b"1"})))
    with pytest.raises(SourceError, match="whose parts are names"):
        _read(_s3(api.url, path="s3://drops/in/**/*"))


@pytest.mark.parametrize("wrong", [_is_listing, _is_object])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(
    wrong: Callable[[Request], bool], status: int, api: Api
) -> None:
    with serve() as other:
        away = Answer(b"", status, {"Location": f"{other.url}/stolen"})
        api.script = _instead(wrong, lambda _: away)
        with pytest.raises(SourceError, match="leads elsewhere"):
            _read(_s3(api.url))
        assert other.asked == []


@pytest.mark.parametrize(
    "endpoint", ["http://169.254.169.254", "http://[::ffff:127.0.0.1]:1", "http://0.0.0.0:1"]
)
def test_a_private_endpoint_needs_leave(endpoint: str) -> None:
    with pytest.raises(SourceError, match="a public address"):
        _read(_s3(endpoint))


def test_nobody_is_asked_as_unless_named(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as other:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROM-ENV")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_ENDPOINT_URL", other.url)
        monkeypatch.setenv("HTTP_PROXY", other.url)
        api.script = _store
        assert _read({**SOURCE, "access": {"endpoint": api.url}}) == [0, 1, 2]
        assert not any("Authorization" in request.headers for request in api.asked)
        assert _read({**SOURCE, "access": {"endpoint": api.url, "ambient": True}}) == [0, 1, 2]
        assert "Credential=FROM-ENV/" in api.asked[-1].headers["Authorization"]
        assert other.asked == []


def test_no_secret_is_told(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    api.script = lambda _: Answer(b"", 403)
    sas = {**SECRETS, "SAS": "sig=clear-secret&se=2010"}
    access = {"endpoint": api.url, "sas": "${SAS}"}
    source = {**SOURCE, "path": "az://drops/*", "access": access}
    caplog.set_level("DEBUG", "httpx")
    with pytest.raises(SourceError) as refused:
        _read(source, sas)
    assert "clear-secret" not in caplog.text
    assert "clear-secret" not in str(refused.value)
    assert api.asked[0].params["sig"] == "clear-secret"
    with pytest.raises(ConfigError, match=r"\$\{SAS\}"):
        _read(source, {})


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "http://drops/a"},
        {"path": "s3://drops*/a"},
        {"path": "s3://drops@evil.example/a"},
        {"path": "s3://drops/../a"},
        {"access": {"key_id": "AKID", "secret": "clear-secret"}},
        {"access": {"key_id": "${ID}"}},
        {"access": {"account": "shop"}},
        {"access": {**KEYS, "ambient": True}},
        {"access": {"endpoint": "ftp://a"}},
        {"access": {"region": "us.evil.example/"}},
        {"path": "in/*", "access": KEYS},
        {"ready": "in/_SUCCESS"},
        {"manifest": "s3://other/m.json"},
    ],
)
def test_a_declaration_of_objects_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error") as refused:
        FilesConfig.model_validate({**SOURCE, **wrong})
    assert "clear-secret" not in str(refused.value)


KEY = rsa.generate_private_key(65537, 2048)
GOOGLE = {**SOURCE, "path": "gs://drops/in/{date}/*"}


def _account(api: Api) -> dict[str, str]:
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {"client_email": "a@b", "private_key": pem, "token_uri": f"{api.url}/token"}


def _is_signed(request: Request) -> bool:
    """Whether a request for a token bears a claim that the account's key has signed."""
    form = parse_qs(request.body.decode())
    head, claims, signature = form["assertion"][0].split(".")
    KEY.public_key().verify(
        base64.urlsafe_b64decode(signature + "=="),
        f"{head}.{claims}".encode(),
        padding.PKCS1v15(),
        SHA256(),
    )
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    return told["iss"] == "a@b" and told["exp"] - told["iat"] == 3600


def test_google_gives_a_token_to_a_service_account(api: Api) -> None:
    secrets = {"ACCOUNT": json.dumps(_account(api))}
    access = {"endpoint": api.url, "service_account": "${ACCOUNT}"}
    zipped = gzip.compress(b"id\n7\n", mtime=0)
    digest = base64.b64encode(hashlib.md5(zipped).digest()).decode()
    name = "in/2010-01-04/a.csv"

    def answer(request: Request) -> Answer:
        if request.path == "/token" and _is_signed(request):
            return Answer({"access_token": "granted"})
        if request.headers.get("Authorization") != "Bearer granted":
            return Answer(b"", 401)
        if "list-type" in request.params:
            return Answer(_page({name: zipped}))
        headers = {"ETag": _etag(zipped), "Content-Encoding": "gzip"}
        return Answer(zipped, 200, {**headers, "x-goog-hash": f"crc32c=x,md5={digest}"})

    api.script = answer
    source = {**GOOGLE, "access": access}
    assert _read(source, secrets) == [7]
    assert [request.path for request in api.asked].count("/token") == 1
    assert api.asked[-1].headers["Accept-Encoding"] == "gzip"
    digest = base64.b64encode(b"x" * 16).decode()
    with pytest.raises(SourceUnavailableError, match="another MD5"):
        _read(source, secrets)
    with pytest.raises(ConfigError, match="service account's key"):
        _read(source, {"ACCOUNT": "{}"})
    api.script = lambda _: Answer({"error": "no"}, 400)
    with pytest.raises(SourceError, match="a token for this service account"):
        _read(source, secrets)


def _azure_signature(request: Request) -> str:
    """What Azure makes of a request that arrived, by its documentation."""
    sent = {name.lower(): value for name, value in request.headers.items()}
    standard = ["content-encoding", "content-language", "content-length", "content-md5"]
    standard += ["content-type", "date", "if-modified-since", "if-match", "if-none-match"]
    standard += ["if-unmodified-since", "range"]
    own = sorted(name for name in sent if name.startswith("x-ms-"))
    lines = ["GET", *(sent.get(name, "") for name in standard)]
    lines += [f"{name}:{sent[name]}" for name in own]
    lines += [f"/shop{request.path}"]
    lines += [f"{name}:{request.params[name]}" for name in sorted(request.params)]
    digest = hmac.digest(b"key", "\n".join(lines).encode(), "sha256")
    return f"SharedKey shop:{base64.b64encode(digest).decode()}"


def test_azure_is_asked_with_the_account_s_key(api: Api) -> None:
    content = OBJECTS["in/2010-01-04/b.csv"]
    names = ["in/2010-01-04/a b.csv", "in/2010-01-04/é.csv"]

    def answer(request: Request) -> Answer:
        if request.headers["Authorization"] != _azure_signature(request):
            return Answer(b"", 403)
        if request.params.get("comp") == "list":
            place = int(request.params.get("marker", "0"))
            more = "<NextMarker>1</NextMarker>" if place == 0 else "<NextMarker/>"
            size, etag = len(content), _etag(content).strip('"')
            one = (
                f"<Blob><Name>{names[place]}</Name><Properties><Content-Length>{size}"
                f"</Content-Length><Etag>{etag}</Etag></Properties></Blob>"
            )
            return Answer(f"\ufeff<R><Blobs>{one}</Blobs>{more}</R>".encode())
        return Answer(content, 200, {"ETag": _etag(content)})

    api.script = answer
    for path in ("az://drops/in/{date}/*", "abfs://drops@shop.dfs.core.windows.net/in/{date}/*"):
        access = {"endpoint": f"{api.url}/shop", "account": "shop", "account_key": "${AZURE}"}
        assert _read({**SOURCE, "path": path, "access": access}) == [1, 1]
    assert api.asked[-1].headers["If-Match"] == _etag(content)


@pytest.mark.skipif(shutil.which("azurite-blob") is None, reason="azurite is not installed")
def test_azurite_believes_the_signature(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["azurite-blob", "--inMemoryPersistence", "--silent", "--blobPort", str(port)]
    emulator = subprocess.Popen([*command, "--skipApiVersionCheck"], cwd=tmp_path)
    endpoint = f"http://127.0.0.1:{port}/devstoreaccount1"
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    account = {"endpoint": endpoint, "account": "devstoreaccount1", "account_key": "${AZURE}"}
    source = {**SOURCE, "path": "az://drops/*", "access": account}
    try:
        for _ in range(100):
            try:
                httpx.get(endpoint)
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        with pytest.raises(SourceMissingError, match="status 404"):
            _read(source, {"AZURE": key})
        with pytest.raises(SourceError, match="status 403"):
            _read(source)
    finally:
        emulator.terminate()
        emulator.wait()


def test_where_the_providers_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an endpoint the provider's own address is asked, and no other."""
    asked: list[str] = []

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        raise OSError

    network = functools.partial(PinnedNetwork, resolve=resolve)
    monkeypatch.setattr(object_stores, "PinnedNetwork", network)
    for path, access in (
        ("s3://drops/a", {"region": "eu-west-1"}),
        ("s3://drops.v2/a", {}),
        ("gs://drops/a", {}),
        ("az://drops/a", {"account": "shop"}),
        ("abfss://drops@shop.dfs.core.windows.net/a", {}),
    ):
        with pytest.raises(SourceUnavailableError, match="cannot be resolved"):
            _read({**SOURCE, "path": path, "access": access})
    assert set(asked) == {
        "drops.s3.eu-west-1.amazonaws.com",
        "s3.us-east-1.amazonaws.com",
        "storage.googleapis.com",
        "shop.blob.core.windows.net",
    }
    with pytest.raises(ConfigError, match="the storage account"):
        _read({**SOURCE, "path": "az://drops/a"})


@pytest.mark.parametrize(
    ("kind", "library"),
    [("s3", "botocore.session"), ("gs", "google.auth"), ("az", "azure.identity")],
)
def test_a_library_that_is_not_there_is_named(
    kind: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=r"Install lamplighter\[clouds\]"):
        ambient.signer(kind, "us-east-1", "sources.lines.access")


def test_google_s_library_finds_a_service_account(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("google.auth.transport.requests")
    account = {"type": "service_account", "private_key_id": "1", **_account(api)}
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    api.script = lambda _: Answer({"access_token": "granted", "expires_in": 3600})
    signer = ambient.signer("gs", "", "sources.lines.access")
    _, headers = signer.sign(httpx.URL("https://storage.googleapis.com/drops"), {})
    assert headers["Authorization"] == "Bearer granted"


def test_an_environment_without_credentials_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    for kind in ("s3", "gs"):
        with pytest.raises(ConfigError, match=r"library looks for them|is not installed"):
            ambient.signer(kind, "us-east-1", "sources.lines.access")
