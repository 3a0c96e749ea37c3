"""Holds whose time is over: their end is written within seconds, by one server at a time."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from inventory_grpc.server.setbacks import CHUNK_HOLDS
from inventory_grpc.v1 import common_pb2, holds_pb2, orders_pb2, products_pb2
from tests.concurrency.harness import audit, held_level, query, value
from tests.conftest import Database
from tests.server.harness import Server, poll_until, running


@pytest.fixture
def idle(database: Database, tmp_path: Path) -> Iterator[Server]:
    """A server that does not sweep."""
    flags = ("--no-migrate", "--hold-sweep-seconds", "0")
    with running(tmp_path / "log-idle", *flags, database_url=database.url) as each:
        yield each


# -- what becomes of a due hold --------------------------------------------------------------------


def test_a_hold_ends_by_itself_within_seconds(server: Server, database: Database) -> None:
    _stock(server, "A", "B")
    hold_id = _hold(server, "A", "B")
    assert _levels(database) == {"A": (10, 1, 2), "B": (10, 1, 2)}
    poll_until(lambda: _ended(database) == 1)
    assert _levels(database) == {"A": (10, 0, 3), "B": (10, 0, 3)}
    assert query(
        database,
        "SELECT kind, held_delta, hold_id::text, line_number, actor FROM stock_movements "
        "WHERE hold_id IS NOT NULL ORDER BY movement_id",
    ) == [
        (5, 1, hold_id, 1, "anonymous"),
        (5, 1, hold_id, 2, "anonymous"),
        (7, -1, hold_id, 1, "system:expiry"),
        (7, -1, hold_id, 2, "system:expiry"),
    ]
    assert query(
        database, "SELECT hold_version, kind, lines, actor FROM hold_events ORDER BY hold_version"
    ) == [(1, 1, [[1, 1], [2, 1]], "anonymous"), (2, 5, [[1, 1], [2, 1]], "system:expiry")]
    hold = server.holds.GetHold(holds_pb2.GetHoldRequest(hold_id=hold_id)).hold
    assert (hold.status, hold.version) == (holds_pb2.HOLD_STATUS_EXPIRED, 2)
    assert value(database, "SELECT sum(units) FROM hold_budgets") == 0
    audit(database)


def test_a_hold_whose_units_went_in_passing_is_settled_too(
    idle: Server, database: Database, tmp_path: Path
) -> None:
    """An order took the units of the one line; the sweeper writes the rest."""
    _stock(idle, "A", "B")
    _hold(idle, "A", "B")
    _wait_until_due(database, 1)
    idle.orders.CreateOrder(orders_pb2.CreateOrderRequest(lines=[_demand("A", 10)]), timeout=10)
    assert _levels(database) == {"A": (10, 0, 4), "B": (10, 1, 2)}
    assert _ended(database) == 0
    with _sweeping(database, tmp_path):
        poll_until(lambda: _ended(database) == 1)
    assert _levels(database) == {"A": (10, 0, 4), "B": (10, 0, 3)}
    assert value(database, "SELECT count(*) FROM stock_movements WHERE kind = 7") == 2
    audit(database)


def test_many_due_holds_are_written_few_at_a_time(
    idle: Server, database: Database, tmp_path: Path
) -> None:
    _stock(idle, "A", "B", "C", units=1000)
    count = 3 * CHUNK_HOLDS + 1
    for number in range(count):
        _hold(idle, "ABC"[number % 3])
    _wait_until_due(database, count)
    with _sweeping(database, tmp_path):
        poll_until(lambda: _ended(database) == count)
    assert _levels(database)["A"][:2] == (1000, 0)
    sizes = query(
        database,
        "SELECT count(*) FROM hold_events WHERE kind = 5 GROUP BY request_id ORDER BY 1 DESC",
    )
    assert [size for (size,) in sizes] == [CHUNK_HOLDS] * 3 + [1]
    audit(database)


def test_a_locked_level_holds_up_its_own_holds_alone(
    idle: Server, database: Database, tmp_path: Path
) -> None:
    _stock(idle, "A", "B", units=100)
    stuck = [_hold(idle, "A"), _hold(idle, "A")]
    for _ in range(CHUNK_HOLDS):
        _hold(idle, "B")
    _wait_until_due(database, CHUNK_HOLDS + 2)
    with held_level(database, "A") as holder, _sweeping(database, tmp_path) as sweeper:
        poll_until(lambda: _ended(database) == CHUNK_HOLDS)
        poll_until(lambda: bool(sweeper.events("holds_not_expired")))
        # What becomes due later does not wait behind them either.
        _hold(idle, "B")
        poll_until(lambda: _ended(database) == CHUNK_HOLDS + 1)
        holder.rollback()
        poll_until(lambda: _ended(database) == CHUNK_HOLDS + 3, 30)
        [told] = sweeper.events("holds_not_expired")
    assert (told["holds"], told["reason"]) == (2, "LOCK_TIMEOUT")
    assert told["hold_id"] in stuck
    assert _levels(database)["A"][:2] == (100, 0)
    audit(database)


def test_a_server_told_not_to_sweep_does_not(idle: Server, database: Database) -> None:
    _stock(idle, "A")
    hold_id = _hold(idle, "A")
    _wait_until_due(database, 1, "3 seconds")
    assert (_ended(database), _levels(database)) == (0, {"A": (10, 1, 2)})
    assert query(database, "SELECT * FROM leases") == []
    # Whoever asks is told the truth all the same.
    hold = idle.holds.GetHold(holds_pb2.GetHoldRequest(hold_id=hold_id)).hold
    assert hold.status == holds_pb2.HOLD_STATUS_EXPIRED


def test_it_resumes_when_the_database_comes_back(server: Server, database: Database) -> None:
    _stock(server, "A")
    poll_until(lambda: len(server.events("sweeping_started")) == 1)
    database.server.run(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
    database.server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "  # noqa: S608
        f"WHERE datname = '{database.name}'"
    )
    poll_until(lambda: bool(server.events("sweeping_postponed")))
    poll_until(lambda: bool(server.events("database_not_ready")))
    database.server.run(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
    poll_until(lambda: len(server.events("database_ready")) == 2)
    _hold(server, "A")
    poll_until(lambda: _ended(database) == 1)
    assert len(server.events("sweeping_postponed")) == 1


# -- one of many -----------------------------------------------------------------------------------


def test_one_of_two_servers_sweeps_and_the_other_follows_when_it_is_killed(
    two_servers: tuple[Server, Server], database: Database
) -> None:
    _stock(two_servers[0], "A")
    _hold(two_servers[0], "A")
    poll_until(lambda: _ended(database) == 1)
    leader, other = _leader(two_servers)
    leader.kill()
    _hold(other, "A")
    poll_until(lambda: _ended(database) == 2, 20)
    assert len(other.events("sweeping_started")) == 1
    audit(database)


def test_a_server_that_stops_lets_the_next_begin_at_once(
    two_servers: tuple[Server, Server], database: Database
) -> None:
    poll_until(lambda: any(each.events("sweeping_started") for each in two_servers))
    leader, other = _leader(two_servers)
    leader.terminate()
    assert leader.wait() == 0
    poll_until(lambda: len(other.events("sweeping_started")) == 1)
    assert leader.events("lease_not_given_back") == []
    other.terminate()
    assert other.wait() == 0
    assert value(database, "SELECT end_time <= now() FROM leases WHERE task = 'hold_sweeper'")


def test_one_of_several_workers_sweeps(database: Database, tmp_path: Path) -> None:
    flags = ("--no-migrate", "--workers", "2")
    with running(tmp_path / "log", *flags, database_url=database.url) as workers:
        _stock(workers, "A")
        _hold(workers, "A")
        poll_until(lambda: _ended(database) == 1)
        assert len(workers.events("sweeping_started")) == 1


# -- helpers ---------------------------------------------------------------------------------------


def _sweeping(database: Database, tmp_path: Path) -> AbstractContextManager[Server]:
    flags = ("--no-migrate", "--hold-sweep-seconds", "0.2")
    return running(tmp_path / "log-sweeping", *flags, database_url=database.url)


def _stock(server: Server, *skus: str, units: int = 10) -> None:
    for sku in skus:
        server.products.CreateProduct(
            products_pb2.CreateProductRequest(
                product=products_pb2.Product(sku=sku, name=sku),
                initial_stock=[products_pb2.InitialStock(quantity=units)],
            ),
            timeout=10,
        )


def _demand(sku: str, quantity: int = 1) -> common_pb2.DemandLine:
    return common_pb2.DemandLine(product=common_pb2.ProductKey(sku=sku), quantity=quantity)


def _hold(server: Server, *skus: str, seconds: int = 1) -> str:
    """One unit of each, set aside for the shortest time there is."""
    request = holds_pb2.CreateHoldRequest(
        lines=[_demand(sku) for sku in skus], ttl=Duration(seconds=seconds)
    )
    return server.holds.CreateHold(request, timeout=10).hold.hold_id


def _ended(database: Database) -> int:
    """Holds whose expiry is written."""
    return int(value(database, "SELECT count(*) FROM holds WHERE status = 4"))


def _wait_until_due(database: Database, count: int, since: str = "0 seconds") -> None:
    sql = "SELECT count(*) FROM holds WHERE status = 1 AND expire_time <= now() - %s::interval"
    poll_until(lambda: bool(value(database, sql, since) == count))


def _levels(database: Database) -> dict[str, tuple[int, int, int]]:
    """(on_hand, held, version) by SKU."""
    rows = query(
        database, "SELECT sku, on_hand, held, s.version FROM stock_levels s "
        "JOIN products USING (product_id)",
    )  # fmt: skip
    return {sku: (on_hand, held, version) for sku, on_hand, held, version in rows}


def _leader(servers: Sequence[Server]) -> tuple[Server, Server]:
    """Who sweeps, and who does not."""
    leading = [bool(each.events("sweeping_started")) for each in servers]
    assert sorted(leading) == [False, True]
    return servers[leading.index(True)], servers[leading.index(False)]
