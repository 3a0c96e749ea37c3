"""Batches that were read without locks are written only if what they change is still the same."""

from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2.errors
import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.services.mutations import STATEMENTS
from inventory_grpc.store.failures import Failure, failure_of
from inventory_grpc.store.link import Link, LinkSettings
from tests.concurrency.harness import adjust, held_level, place, query, run, value
from tests.conftest import Database
from tests.store.holding import AT_ONCE, HOUR, Store, extend, held_units, hold


@pytest.fixture
def reader(database: Database, store: Store) -> Iterator[Store]:
    """A second connection, that locks nothing before it writes."""
    del store  # Only what it has made is needed.
    with closing(Link(LinkSettings(database.url), STATEMENTS)) as link:
        yield Store(link, optimistic=True)


def refused_as_stale(reader: Store, write: Callable[[], object]) -> bool:
    """At once, by whatever it found, and without waiting."""
    with pytest.raises(psycopg2.errors.DivisionByZero) as stale:
        write()
    reader.link.rollback()
    return failure_of(stale.value) is Failure.CONFLICT


def test_what_is_still_as_it_was_read_is_written(database: Database, reader: Store) -> None:
    reader.run(place(("A", 3)), hold(("A", 4), ("B", 1)))
    assert held_units(database) == {"A": 4, "B": 1}
    assert value(database, "SELECT count(*) FROM orders") == 1


def test_nothing_is_locked_before_it_is_written(
    database: Database, store: Store, reader: Store
) -> None:
    command = place(("A", 3))
    books, now = reader.read(command)
    with held_level(database, "A") as somebody:
        somebody.rollback()
    reader.decide(books, now, command)
    # Another level of the same read may move on.
    store.run(adjust("B", 1))
    reader.write(books, now)
    assert value(database, "SELECT count(*) FROM orders") == 1


def test_a_level_that_moved_on_stops_the_write(
    database: Database, store: Store, reader: Store
) -> None:
    command = place(("A", 3), ("B", 3))
    books, now = reader.read(command)
    reader.decide(books, now, command)
    store.run(adjust("B", -1))
    assert refused_as_stale(reader, lambda: reader.write(books, now))
    reader.run(command)
    assert value(database, "SELECT count(*) FROM orders") == 1


def test_a_locked_level_stops_the_write_without_a_wait(database: Database, reader: Store) -> None:
    command = place(("A", 3), ("B", 3))
    with held_level(database, "B"):
        assert refused_as_stale(reader, lambda: reader.run(command))
    assert value(database, "SELECT count(*) FROM orders") == 0


@pytest.mark.parametrize("dead", ["product", "location"])
def test_what_was_deleted_meanwhile_is_not_promised(
    database: Database, store: Store, reader: Store, dead: str
) -> None:
    """Deleting does not change a level; and what may be backordered needs no stock."""
    store.run(
        commands.CreateLocation("w", "w", 0, {}),
        commands.SetStockPolicy(ProductKey(sku="A"), "default", None, 5, None, False, 0),
        adjust("A", -10),
    )
    store.run(commands.SetStockPolicy(ProductKey(sku="A"), "w", None, 5, None, False, 0))
    command = place(("A", 3, "w"))
    books, now = reader.read(command)
    reader.decide(books, now, command)
    deletion: dict[str, commands.Command] = {
        "product": commands.DeleteProduct(ProductKey(sku="A"), 0),
        "location": commands.DeleteLocation("w", 0),
    }
    store.run(deletion[dead])
    assert refused_as_stale(reader, lambda: reader.write(books, now))
    assert value(database, "SELECT sum(allocated) FROM stock_levels") == 0


def test_a_hold_that_got_more_time_meanwhile_is_not_expired(
    database: Database, store: Store, reader: Store
) -> None:
    """An extension changes no level; this one was decided before the hold was due."""
    [made] = store.run(hold(("A", 8)))
    longer, decided_at = store.read(extend(made, HOUR))
    run(database, "UPDATE hold_lines SET expire_time = now() - interval '1 second'")
    order = place(("A", 10))
    books, now = reader.read(order)
    reader.decide(books, now, order)
    store.decide(longer, decided_at, extend(made, HOUR))
    store.write(longer, decided_at)
    assert refused_as_stale(reader, lambda: reader.write(books, now))
    assert query(database, "SELECT expired FROM hold_lines") == [(0,)]


def test_a_due_hold_stands_in_nobodys_way(database: Database, store: Store, reader: Store) -> None:
    store.run(hold(("A", 8), ttl=AT_ONCE))
    reader.run(place(("A", 10)))
    assert held_units(database) == {"A": 0, "B": 0}


def test_reading_without_locks_after_a_locked_batch_counts_none(
    database: Database, reader: Store
) -> None:
    for optimistic in (False, True, False, True):
        reader.optimistic = optimistic
        reader.run(place(("A", 1)))
    assert value(database, "SELECT count(*) FROM orders") == 4
