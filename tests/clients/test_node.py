"""A Node client: @grpc/grpc-js, with the protos loaded while it runs."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.hold_journey import HELD_SKU, HoldJourney, check_hold
from tests.clients.journey import PROTOS, SKU, Journey, Json, Refused, check
from tests.clients.watch_journey import WATCHED_SKU, WatchJourney, check_watch
from tests.server.harness import Server

_SOURCE = Path(__file__).parent / "node"
_LOCK = "package-lock.json"
# npm writes it last: without it an installation was cut off.
_INSTALLED = Path("node_modules", ".package-lock.json")

# Installing comes on top, once.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="session")
def node_client() -> Path:
    """The client's directory with what its lock file names installed in it."""
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"not on the path: {', '.join(missing)}; with CI set this fails")
    assert not missing, f"CI needs {', '.join(missing)}"
    if not _is_installed():
        done = subprocess.run(
            ["npm", "ci"], cwd=_SOURCE, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, f"npm ci failed:\n{done.stdout}{done.stderr}"
    return _SOURCE


def test_a_node_client_orders_holds_is_refused_in_detail_and_follows_the_changes(
    server: Server, node_client: Path
) -> None:
    done = subprocess.run(
        ["node", "journey.js", server.target, str(PROTOS), SKU, HELD_SKU, WATCHED_SKU],
        cwd=node_client,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    check(Journey(**_with_refusal(seen["orders"])))
    check_hold(HoldJourney(**_with_refusal(seen["holds"])))
    check_watch(WatchJourney(**seen["changes"]))


def test_the_lock_file_names_no_registry() -> None:
    packages = json.loads((_SOURCE / _LOCK).read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert [name for name, package in packages.items() if "integrity" not in package] == [""]


def _with_refusal(seen: Json) -> dict[str, Any]:
    refused = seen["refused"]
    return {**seen, "refused": Refused(refused["code"], tuple(refused["details"]))}


def _is_installed() -> bool:
    installed = _SOURCE / _INSTALLED
    newest = max((_SOURCE / name).stat().st_mtime for name in (_LOCK, "package.json"))
    return installed.exists() and installed.stat().st_mtime >= newest
