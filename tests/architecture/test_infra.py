"""What cannot be started without an engine or a cluster is held to its own linter or schema."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.service.places import Places
from flows.service.settings import Listening

INFRA = Path(__file__).parents[2] / "infra"
KUBERNETES_VERSIONS = ("1.31", "1.34")


def _passes(tool: str, *words: str) -> None:
    program = shutil.which(tool, path=str(Path(sys.executable).parent)) or shutil.which(tool)
    if program is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([program, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_is_in_order() -> None:
    _passes("hadolint", str(INFRA / "Dockerfile"))


def test_the_composition_fits_its_schema() -> None:
    _passes(
        "check-jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(INFRA / "compose.yaml"),
    )


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
def test_the_manifests_fit_the_schemas_of_kubernetes(version: str) -> None:
    _passes(
        "kubernetes-validate", "--strict", "-k", version, str(INFRA / "k8s" / "lamplighter.yaml")
    )


def test_the_unit_is_in_order(tmp_path: Path) -> None:
    # The program it starts is not where an installation has it: any other will do for the check.
    text = (INFRA / "systemd" / "lamplighter.service").read_text()
    unit = tmp_path / "lamplighter.service"
    unit.write_text(text.replace("/opt/lamplighter/bin/lamplighter", shutil.which("true") or ""))
    _passes("systemd-analyze", "verify", "--man=no", str(unit))


def _pods() -> list[dict[str, Any]]:
    documents = yaml.safe_load_all((INFRA / "k8s" / "lamplighter.yaml").read_text())
    return [d["spec"]["template"]["spec"] for d in documents if d["kind"] == "Deployment"]


def test_nothing_runs_as_root_or_writes_its_image() -> None:
    composed = yaml.safe_load((INFRA / "compose.yaml").read_text())["services"]
    assert all(composed[name]["read_only"] for name in ("server", "worker"))
    assert "\nUSER 10001\n" in (INFRA / "Dockerfile").read_text()
    for pod in _pods():
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert "limits" in container["resources"]


def test_no_port_is_open_beyond_the_machine() -> None:
    composed = yaml.safe_load((INFRA / "compose.yaml").read_text())["services"]
    ports = [port for service in composed.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:4200:4200"]


def _policies() -> list[dict[str, Any]]:
    documents = yaml.safe_load_all((INFRA / "k8s" / "lamplighter.yaml").read_text())
    return [d["spec"] for d in documents if d["kind"] == "NetworkPolicy"]


def test_nothing_goes_out_of_the_cluster_but_to_addresses_that_are_named() -> None:
    policies = _policies()
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies, "by default"
    rules = [rule for policy in policies for rule in policy.get("egress", [])]
    rules += [rule for policy in policies for rule in policy.get("ingress", [])]
    assert rules
    for rule in rules:
        assert rule["ports"]
        for peer in rule.get("to") or rule["from"]:
            cidr = peer.get("ipBlock", {}).get("cidr")
            named = cidr is not None and cidr.endswith("/32")
            assert named or peer["podSelector"]["matchLabels"], peer


def test_the_server_of_the_composition_has_no_way_out() -> None:
    composed = yaml.safe_load((INFRA / "compose.yaml").read_text())
    networks = composed["networks"]
    masquerade = "com.docker.network.bridge.enable_ip_masquerade"
    for name in composed["services"]["server"]["networks"]:
        closed = networks[name].get("driver_opts", {}).get(masquerade) == "false"
        assert networks[name].get("internal") or closed
    assert composed["services"]["database"]["networks"] == ["inside"]


def test_what_a_server_must_not_forget_outlives_its_container() -> None:
    composed = yaml.safe_load((INFRA / "compose.yaml").read_text())["services"]["server"]
    kept = {volume.partition(":")[2] for volume in composed["volumes"]}
    assert composed["environment"]["PREFECT_HOME"] in kept
    pod = next(pod for pod in _pods() if pod["containers"][0]["name"] == "server")
    claims = {each["name"] for each in pod["volumes"] if "persistentVolumeClaim" in each}
    (server,) = pod["containers"]
    told = {each["name"]: each.get("value") for each in server["env"]}
    mounted = {m["mountPath"] for m in server["volumeMounts"] if m["name"] in claims}
    assert told["PREFECT_HOME"] in mounted
    assert f" {told['PREFECT_HOME']}\n" in (INFRA / "Dockerfile").read_text(), "made for its user"


_PAGE = "PREFECT_SERVER_UI_STATIC_DIRECTORY"
_OF_ONE_PLACE = {"PREFECT_HOME", "PREFECT_SERVER_CORS_ALLOWED_ORIGINS", _PAGE}


def test_servers_in_containers_are_told_what_one_of_our_own_is() -> None:
    all_told = Listening().environment(Places(Path("/pipelines")), {}).items()
    own = {name: value for name, value in all_told if name.startswith("PREFECT_")}
    image = _image_says()
    composed = yaml.safe_load((INFRA / "compose.yaml").read_text())["services"]["server"]
    pod = next(pod for pod in _pods() if pod["containers"][0]["name"] == "server")
    (container,) = pod["containers"]
    for told in (
        composed["environment"],
        {each["name"]: each.get("value") for each in container["env"]},
    ):
        given = {**image, **told}
        for name in own.keys() - _OF_ONE_PLACE:
            assert given.get(name) == own[name], name


def _image_says() -> dict[str, str]:
    """The variables of the image."""
    text = (INFRA / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.removeprefix("ENV ") for line in text.splitlines() if line.startswith("ENV ")]
    return dict(word.split("=", 1) for line in lines for word in line.split())


def test_the_servers_page_lies_where_the_containers_may_write() -> None:
    image = _image_says()[_PAGE]
    server = yaml.safe_load((INFRA / "compose.yaml").read_text())["services"]["server"]
    assert str(Path(server["environment"].get(_PAGE, image)).parent) in server["tmpfs"]
    for pod in _pods():
        for container in pod["containers"]:
            told = {each["name"]: each.get("value") for each in container["env"]}
            mounts = [each["mountPath"] for each in container["volumeMounts"]]
            assert str(Path(told.get(_PAGE, image)).parent) in mounts


_ASK_FOR_THE_PAGE = """
from fastapi.testclient import TestClient
from prefect.server.api.server import create_ui_app
page = TestClient(create_ui_app(ephemeral=False))
print(page.get("/").status_code, page.get("/").headers["content-type"])
"""


def test_the_server_gives_its_page_from_the_folder_the_image_names(tmp_path: Path) -> None:
    folder = tmp_path / "none yet" / "ui"
    told = {name: value for name, value in _image_says().items() if name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-c", _ASK_FOR_THE_PAGE],
        env={
            "PATH": os.environ["PATH"],
            "PREFECT_HOME": str(tmp_path),
            **told,
            _PAGE: str(folder),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "200 text/html; charset=utf-8\n"
    assert (folder / "v1" / "index.html").is_file()


_VULNERABLE = {"name": "left", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}


@pytest.mark.parametrize(
    ("found", "code", "says"),
    [
        ({"dependencies": [_VULNERABLE]}, 1, "left 1 CVE-1"),
        (None, 0, "NOT AUDITED"),
    ],
    ids=["a vulnerability", "no network"],
)
def test_the_audit_fails_where_something_is_found_and_says_where_nothing_was_asked(
    found: object, code: int, says: str, tmp_path: Path
) -> None:
    stub = tmp_path / "pip-audit"
    written = f"echo '{json.dumps(found)}' >\"${{@: -1}}\"" if found else "echo unreachable >&2"
    stub.write_text(f"#!/usr/bin/env bash\n{written}\nexit 1\n")
    stub.chmod(0o755)
    done = subprocess.run(
        [INFRA / "audit.sh"],
        env={**os.environ, "PIP_AUDIT": str(stub)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert says in done.stdout
