"""Holds as the store writes them and reads them back: rows, due lines, budgets."""

from contextlib import closing
from datetime import UTC, datetime

import psycopg2.errors
import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import Remainder
from inventory_grpc.domain.status import HoldStatus
from inventory_grpc.services.mutations import STATEMENTS
from inventory_grpc.store.blockers import find_blocked
from inventory_grpc.store.footprint import Footprint
from inventory_grpc.store.link import Link, LinkSettings
from tests.concurrency.harness import held, held_level, place, query, run, value
from tests.conftest import Database
from tests.store.holding import (
    AT_ONCE,
    HOUR,
    Store,
    budgets,
    convert,
    extend,
    held_units,
    hold,
    release,
)


def test_a_hold_is_read_back_as_it_was_decided(database: Database, store: Store) -> None:
    [made] = store.run(hold(("A", 3), ("B", 4)))
    assert store.seen(release(made)).holds == {made.hold_id: made}
    assert held_units(database) == {"A": 3, "B": 4}
    assert budgets(database) == {"anonymous": 7}
    [(version, kind, lines)] = query(database, "SELECT hold_version, kind, lines FROM hold_events")
    assert (version, kind, lines) == (1, 1, [[1, 3], [2, 4]])


def test_all_lines_of_an_extended_hold_get_its_time(database: Database, store: Store) -> None:
    [made] = store.run(hold(("A", 3), ("B", 4)))
    [longer] = store.run(extend(made, 3 * HOUR))
    assert store.seen(release(made)).holds == {made.hold_id: longer}
    times = query(database, "SELECT DISTINCT expire_time FROM hold_lines")
    assert times == [(longer.expire_time,)]
    assert longer.expire_time > made.expire_time + HOUR


def test_a_hold_becomes_orders_part_by_part(database: Database, store: Store) -> None:
    [made] = store.run(hold(("A", 3), ("B", 4)))
    [first] = store.run(convert(made, (2, 1)))
    [second] = store.run(convert(made, (1, 2), rest=Remainder.RELEASE))
    after = store.seen(release(made)).holds[made.hold_id]
    assert after == second.hold
    assert after.status is HoldStatus.CONVERTED
    assert after.order_ids == (first.order.order_id, second.order.order_id)
    owners = query(database, "SELECT order_id::text FROM orders WHERE hold_id = %s", made.hold_id)
    assert {row[0] for row in owners} == set(after.order_ids)
    kinds = query(
        database,
        "SELECT kind, order_id IS NOT NULL, held_delta, allocated_delta FROM stock_movements "
        "WHERE hold_id = %s ORDER BY movement_id",
        made.hold_id,
    )
    assert kinds == [
        (5, False, 3, 0), (5, False, 4, 0), (8, True, -1, 1), (8, True, -2, 2),
        (6, False, -1, 0), (6, False, -3, 0),
    ]  # fmt: skip
    assert (held_units(database), budgets(database)) == ({"A": 0, "B": 0}, {"anonymous": 0})
    [order_id] = after.order_ids[:1]
    order = store.seen(commands.ShipOrder(order_id, (), "", 0)).orders[order_id]
    assert order == first.order


def test_a_released_hold_gives_everything_back(database: Database, store: Store) -> None:
    [made] = store.run(hold(("A", 3), ("B", 4)))
    store.run(release(made))
    assert (held_units(database), budgets(database)) == ({"A": 0, "B": 0}, {"anonymous": 0})
    assert value(database, "SELECT status FROM holds") == HoldStatus.RELEASED
    events = query(database, "SELECT hold_version, kind, reason FROM hold_events ORDER BY 1")
    assert events == [(1, 1, ""), (2, 4, "gone")]


def test_an_order_takes_the_units_of_a_due_hold(database: Database, store: Store) -> None:
    [made] = store.run(hold(("A", 8), ("B", 8), ttl=AT_ONCE))
    store.run(place(("A", 10)))
    # Only where the order has locked the level; the hold itself is for the sweeper.
    assert held_units(database) == {"A": 0, "B": 8}
    assert query(database, "SELECT line_number, expired FROM hold_lines ORDER BY 1") == [
        (1, 8),
        (2, 0),
    ]
    assert query(database, "SELECT status, version, counted_units FROM holds") == [(1, 1, 16)]
    assert value(
        database, "SELECT held_delta FROM stock_movements WHERE kind = 7 AND hold_id = %s",
        made.hold_id,
    ) == -8  # fmt: skip
    assert budgets(database) == {"anonymous": 16}

    store.run(commands.ExpireHolds((made.hold_id,)))
    assert held_units(database) == {"A": 0, "B": 0}
    assert query(database, "SELECT status, version, counted_units FROM holds") == [(4, 2, 0)]
    assert value(database, "SELECT lines FROM hold_events WHERE kind = 5") == [[1, 8], [2, 8]]
    assert budgets(database) == {"anonymous": 0}


def test_what_is_due_is_read_once_and_by_its_time(database: Database, store: Store) -> None:
    first, second, third = (store.run(hold(("A", units)))[0] for units in (1, 2, 3))
    past = datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
    for made, time in ((first, past), (second, past - HOUR), (third, past)):
        run(
            database,
            f"UPDATE hold_lines SET expire_time = '{time.isoformat()}' "  # noqa: S608
            f"WHERE hold_id = '{made.hold_id}'",
        )
    due = store.seen(place(("A", 1), ("A", 1, "default"))).due
    assert [(each.hold_id, each.expire_time, each.units) for each in due] == [
        (second.hold_id, past - HOUR, 2),
        (first.hold_id, past, 1),
        (third.hold_id, past, 3),
    ]
    store.run(place(("A", 10)))
    assert held_units(database) == {"A": 0, "B": 0}


def test_the_next_to_end_is_one_that_the_batch_does_not_know(store: Store) -> None:
    long, short, due = (store.run(hold(("A", 1), ttl=ttl))[0] for ttl in (2 * HOUR, HOUR, AT_ONCE))
    key = (due.lines[0].product_id, "default")
    assert store.seen(place(("A", 1), ("B", 1))).next_expiries == {key: short.expire_time}
    assert store.seen(extend(short)).next_expiries == {key: long.expire_time}
    assert store.seen(extend(short), extend(long)).next_expiries == {}
    [emptied] = store.run(commands.CreateLocation("w", "w", 0, {}))
    whole = commands.DeleteLocation(emptied.location_id, 0)
    assert store.seen(extend(short), whole).next_expiries == {key: long.expire_time}


def test_a_caller_is_not_charged_for_what_is_due(database: Database, store: Store) -> None:
    [due] = store.run(hold(("A", 3), ttl=AT_ONCE))
    [kept] = store.run(hold(("A", 4)))
    assert store.seen(hold(("B", 1))).held_by_caller == {"anonymous": 4}
    store.run(commands.ExpireHolds((due.hold_id,)))
    assert store.seen(hold(("B", 1))).held_by_caller == {"anonymous": 4}
    store.run(release(kept))
    assert store.seen(hold(("B", 1))).held_by_caller == {"anonymous": 0}
    assert budgets(database) == {"anonymous": 0}


def test_what_is_due_is_looked_for_only_where_it_matters(store: Store) -> None:
    store.run(hold(("A", 3), ttl=AT_ONCE), hold(("A", 4)))
    for enough, in_use in ((6, 4), (7, 7)):
        store.enough = enough
        assert store.seen(hold(("B", 1))).held_by_caller == {"anonymous": in_use}


def test_each_caller_is_charged_for_his_own_holds(database: Database, store: Store) -> None:
    made = store.run(hold(("A", 1)), hold(("A", 2)), callers=("a", "b"))
    store.run(release(made[0]), hold(("B", 3)), hold(("B", 4)), callers=("x", "b", "c"))
    assert budgets(database) == {"a": 0, "b": 5, "c": 4}


def test_a_lost_count_does_not_keep_units_from_coming_back(
    database: Database, store: Store
) -> None:
    first, second = (store.run(hold(("A", units)))[0] for units in (1, 2))
    run(database, "UPDATE hold_budgets SET units = 1")
    store.run(release(second))
    assert budgets(database) == {"anonymous": 0}
    run(database, "DELETE FROM hold_budgets")
    store.run(release(first))
    assert (budgets(database), held_units(database)["A"]) == ({"anonymous": 0}, 0)


def test_no_row_of_a_hold_is_needed_to_expire_its_lines(database: Database, store: Store) -> None:
    store.run(hold(("A", 8), ttl=AT_ONCE))
    with held(database, "SELECT 1 FROM holds FOR UPDATE"):
        store.run(place(("A", 10)))
    assert held_units(database) == {"A": 0, "B": 0}


def test_who_waits_for_a_hold_is_known_by_its_id_and_its_levels(
    database: Database, store: Store
) -> None:
    wanted, other = (store.run(hold((sku, 1)))[0] for sku in ("A", "B"))
    needs, spared = (Footprint.of([release(each)]) for each in (wanted, other))
    both = Footprint.of([release(wanted), extend(other)])
    row = "SELECT 1 FROM holds WHERE hold_id = %s FOR UPDATE"
    with held(database, row, wanted.hold_id) as somebody:
        blocked = find_blocked(store.link, both)
        assert (blocked.holds_up(needs), blocked.holds_up(spared)) == (True, False)
        assert not blocked.holds_up(Footprint.of([place(("A", 1))]))
        somebody.rollback()
    with held_level(database, "A") as somebody:
        blocked = find_blocked(store.link, both)
        assert (blocked.holds_up(needs), blocked.holds_up(spared)) == (True, False)
        somebody.rollback()
        assert not find_blocked(store.link, both)


def test_a_hold_is_locked_before_its_stock(database: Database, store: Store) -> None:
    """So that it waits for the hold without keeping the stock from others."""
    [made] = store.run(hold(("A", 1)))
    impatient = Store(Link(LinkSettings(database.url, lock_timeout_ms=1), STATEMENTS))
    with (
        closing(impatient.link),
        held(database, "SELECT 1 FROM holds FOR UPDATE"),
        held_level(database, "A"),
    ):
        with pytest.raises(psycopg2.errors.LockNotAvailable) as late:
            impatient.read(release(made))
        impatient.link.rollback()
    assert late.value.diag.context is not None
    assert "holds" in late.value.diag.context
