"""What a server is made of can be listed, and looked up among known vulnerabilities."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

_ROOT = Path(__file__).parents[2]
_PIN = re.compile(r"^([a-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@pytest.fixture(scope="module")
def sbom() -> dict[str, Any]:
    _make("sbom", check=True)
    listed: dict[str, Any] = json.loads((_ROOT / "build" / "sbom.json").read_text("utf-8"))
    return listed


def test_the_bill_of_materials_names_every_locked_package(sbom: dict[str, Any]) -> None:
    locked = set(_PIN.findall((_ROOT / "requirements.lock").read_text("utf-8")))
    assert len(locked) > 20
    assert {(each["name"], each["version"]) for each in sbom["components"]} == locked
    assert sbom["bomFormat"] == "CycloneDX"
    assert sbom["metadata"]["component"]["name"] == "inventory_grpc"


def test_every_file_that_may_be_installed_is_in_it_by_its_hash(sbom: dict[str, Any]) -> None:
    hashes = {
        each["content"]
        for component in sbom["components"]
        for reference in component["externalReferences"]
        for each in reference["hashes"]
    }
    assert hashes == set(_HASH.findall((_ROOT / "requirements.lock").read_text("utf-8")))


def test_it_is_not_committed_and_says_nothing_of_the_machine_that_made_it(
    sbom: dict[str, Any],
) -> None:
    assert "/build/" in (_ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert str(_ROOT) not in json.dumps(sbom)


def test_an_audit_that_learned_nothing_is_not_passed() -> None:
    # Nobody listens there: as on a machine whose index does not know vulnerabilities.
    nowhere = "--vulnerability-service osv --osv-url http://127.0.0.1:9/ --timeout 2"
    done = _make("audit", f"ARGS={nowhere}", check=False)
    assert done.returncode != 0
    assert "not everything could be looked up" in done.stderr
    assert "No known vulnerabilities" not in done.stderr + done.stdout


def test_what_the_index_does_not_know_fails_the_audit() -> None:
    # Else pip-audit skips it and finds nothing wrong.
    assert "--strict" in _recipe("audit")


def test_a_check_without_a_network_passes_without_an_audit() -> None:
    assert "audit" not in _recipe("check")


def test_the_image_runs_as_nobody_in_particular_and_has_traces() -> None:
    image = (_ROOT / "Dockerfile").read_text("utf-8")
    assert re.search(r"^USER 65532:65532$", image, re.MULTILINE)
    assert "--require-hashes" in image
    assert "'inventory_grpc[server,otel]'" in image


@pytest.mark.parametrize("service", ["migrate", "inventory"])
def test_compose_takes_everything_from_a_server_that_it_can_do_without(service: str) -> None:
    container = yaml.safe_load((_ROOT / "compose.yml").read_text("utf-8"))["services"][service]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in container
    assert "cap_add" not in container


def _recipe(target: str) -> str:
    makefile = (_ROOT / "Makefile").read_text("utf-8")
    found = re.search(rf"^{target}:.*(?:\n\t.*)*", makefile, re.MULTILINE)
    assert found is not None
    return found[0]


def _make(*arguments: str, check: bool) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    return subprocess.run(
        # Whatever is installed by now does: a test must never install anything.
        ["make", "--silent", "--assume-old=.venv/.dev", *arguments],
        cwd=_ROOT, env=environment, check=check, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
