"""A Node client: @grpc/grpc-js, with the protos loaded while it runs."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.hold_journey import HELD_SKU, HoldJourney, check_hold
from tests.clients.journey import PROTOS, SKU, Journey, Json, Refused, check
from tests.clients.npm import check_lock, installed
from tests.clients.watch_journey import WATCHED_SKU, WatchJourney, check_watch
from tests.server.harness import Server

_SOURCE = Path(__file__).parent / "node"

# Installing comes on top, once.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="session")
def node_client() -> Path:
    """The client's directory with what its lock file names installed in it."""
    return installed(_SOURCE)


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
    check_lock(_SOURCE)


def _with_refusal(seen: Json) -> dict[str, Any]:
    refused = seen["refused"]
    return {**seen, "refused": Refused(refused["code"], tuple(refused["details"]))}
