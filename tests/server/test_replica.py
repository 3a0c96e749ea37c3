"""Plain reads go to a streaming replica while it is well; nothing depends on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_grpc.v1 import common_pb2, stock_pb2
from tests.server.harness import Server, Status, poll_until, running
from tests.server.read_calls import READS, stocked
from tests.server.replicas import Pair, replicated

CUP = common_pb2.ProductKey(sku="CUP")


@pytest.fixture
def pair(passable_dir: Path) -> Iterator[Pair]:
    with replicated(passable_dir) as pair, pair.replica:
        yield pair


@pytest.fixture
def served(pair: Pair, tmp_path: Path) -> Iterator[Server]:
    urls = {"database_url": pair.primary.url(), "read_database_url": pair.replica.url()}
    with running(tmp_path / "log", "--no-migrate", **urls) as server:
        _wait_for_replica(server)
        yield server


def test_a_read_of_a_replica_that_lags_waits_for_what_its_caller_wrote(
    pair: Pair, served: Server
) -> None:
    shop = stocked(served)
    assert _on_hand(served, shop.resume_token) == 10
    pair.pause()
    added = _add(served, 5)
    assert _on_hand(served) == 10, "it is read from the replica, which does not know yet"
    waiting = []
    for ask in READS.values():
        method, request = ask(served, shop)
        request.min_token = added
        waiting.append(method.future(request, timeout=60))
    for ask in READS.values():
        method, request = ask(served, shop)
        assert method(request, timeout=20)
    assert not any(call.done() for call in waiting)
    pair.resume()
    assert all(call.result() is not None for call in waiting)
    assert _on_hand(served) == 15


def test_writes_never_decide_from_the_replica(pair: Pair, served: Server) -> None:
    stocked(served)
    pair.pause()
    for number in range(1, 4):
        _add(served, 1)
        level = served.stock.SetStock(
            stock_pb2.SetStockRequest(product=CUP, on_hand=10, expected_on_hand=10 + 1),
            timeout=20,
        ).stock_level
        assert level.on_hand == 10, number
    pair.resume()


def test_the_check_is_of_the_database_that_decides(pair: Pair, served: Server) -> None:
    pair.pause()
    stocked(served)
    *_, last = served.stock.CheckConsistency(stock_pb2.CheckConsistencyRequest(), timeout=60)
    assert (last.summary.products, last.summary.violations) == (1, 0)
    pair.resume()


def test_without_its_replica_the_primary_answers_until_it_is_back(
    passable_dir: Path, tmp_path: Path
) -> None:
    with replicated(passable_dir) as pair:
        with pair.replica:
            read_url = pair.replica.url()
        urls = {"database_url": pair.primary.url(), "read_database_url": read_url}
        with running(tmp_path / "log", "--no-migrate", **urls) as server:
            shop = stocked(server)
            for turn in (1, 2):
                assert _on_hand(server, shop.resume_token) == 10
                assert server.health() == Status.SERVING
                with pair.replica:
                    assert pair.replica.url() == read_url
                    _wait_for_replica(server, turn)
                    assert _on_hand(server, shop.resume_token) == 10
                # Whether it was noticed by now or not.
                assert _on_hand(server) == 10
                _wait_for_replica(server, turn + 1, "replica_not_ready")


def _wait_for_replica(server: Server, times: int = 1, found: str = "replica_ready") -> None:
    """Until it was found well, or away, so often."""
    poll_until(lambda: len(server.events(found)) >= times)


def _on_hand(server: Server, min_token: str = "") -> int:
    request = stock_pb2.GetStockLevelRequest(product=CUP, min_token=min_token)
    return int(server.stock.GetStockLevel(request, timeout=30).stock_level.on_hand)


def _add(server: Server, delta: int) -> str:
    """The token of the change."""
    answer = server.stock.AdjustStock(
        stock_pb2.AdjustStockRequest(
            product=CUP, delta=delta, reason=stock_pb2.ADJUSTMENT_REASON_RECEIVED
        ),
        timeout=20,
    )
    return str(answer.resume_token)
