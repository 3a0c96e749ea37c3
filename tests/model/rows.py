"""The rows of one example, in the database and as the model has them."""

from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import connection

from inventory_grpc.domain.model import MovementKind
from inventory_grpc.domain.status import HoldStatus
from tests.model.calls import Names
from tests.model.holdings import held
from tests.model.serial import Inventory
from tests.model.warehouse import Movement, Spot


def query(database: connection, sql: str, *arguments: object) -> list[Any]:
    """Rows of one statement. The connection is kept: a new one each time would cost more than all
    the rest."""
    with database.cursor() as cursor:
        cursor.execute(sql, arguments)
        return cursor.fetchall()


def check_same(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
    """Fails with what differs alone."""
    for key in {*found, *expected}:
        there, wanted = found.get(key), expected.get(key)
        assert there == wanted, f"{key} is {there}, not {wanted}"


# -- levels ----------------------------------------------------------------------------------------


def levels(database: connection, names: Names, mine: str) -> dict[Spot, tuple[int, ...]]:
    rows = query(
        database,
        "SELECT product_id::text, location_id, on_hand, allocated, held, safety_stock, "
        "backorder_limit, shortfall, version FROM stock_levels "
        "WHERE location_id LIKE %s AND version > 0",
        f"%-{mine}",
    )
    return {(names.product(row[0]), row[1]): row[2:] for row in rows}


def expected_levels(model: Inventory) -> dict[Spot, tuple[int, ...]]:
    return {spot: tuple(level.values()) for spot, level in model.levels.items() if level["version"]}


# -- holds -----------------------------------------------------------------------------------------


def holds(database: connection, names: Names, mine: str) -> dict[str, Any]:
    """By name: status as written and as everybody has to take it, version, lines; and what the
    caller's budget counts."""
    rows = query(database, _HOLDS, mine)
    [(budget,)] = query(
        database, "SELECT coalesce(sum(units), 0) FROM hold_budgets WHERE caller = %s", mine
    )
    found: dict[str, Any] = {
        names.hold(hold_id): (
            HoldStatus(status).name, HoldStatus(shown).name, version,
            [(line[0], names.product(line[1]), *line[2:]) for line in lines],
        )
        for hold_id, status, shown, version, lines in rows
    }  # fmt: skip
    return {**found, "budget": budget}


_HOLDS = """
    SELECT h.hold_id::text, h.status,
           CASE WHEN h.status = 1 AND h.expire_time <= clock_timestamp() THEN 4 ELSE h.status END,
           h.version, json_agg(json_build_array(
             l.requested_line, l.product_id, l.location_id, l.requested_quantity, l.quantity,
             l.converted, l.released, l.expired) ORDER BY l.line_number)
      FROM holds h LEFT JOIN hold_lines l USING (hold_id) WHERE h.caller = %s GROUP BY h.hold_id
"""


def expected_holds(model: Inventory) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: (
            hold["status"], model.status(hold), hold["version"],
            [tuple(line.values()) for line in hold["lines"]],
        )
        for name, hold in model.holds.items()
    }  # fmt: skip
    # Units that went back by themselves count until the end of their hold is written.
    budget = sum(
        held(line) + line["expired"]
        for hold in model.holds.values()
        if hold["status"] == "ACTIVE"
        for line in hold["lines"]
    )
    return {**found, "budget": budget}


# -- the ledger ------------------------------------------------------------------------------------


def ledger(database: connection, names: Names) -> dict[Spot, list[Movement]]:
    rows = query(
        database,
        "SELECT product_id::text, location_id, stock_version, kind, on_hand_delta, "
        "allocated_delta, held_delta, coalesce(hold_id::text, '') FROM stock_movements "
        "WHERE product_id = ANY (%s::uuid[]) ORDER BY product_id, location_id, stock_version",
        [*names.products.values()],
    )
    found: dict[Spot, list[Movement]] = {}
    for product_id, place, version, kind, on_hand, allocated, units, hold_id in rows:
        hold = names.hold(hold_id) if hold_id else ""
        movement = (version, MovementKind(kind).name, on_hand, allocated, units, hold)
        found.setdefault((names.product(product_id), place), []).append(movement)
    return found


def expected_ledger(model: Inventory) -> dict[Spot, list[Movement]]:
    found: dict[Spot, list[Movement]] = {}
    for spot, movement in model.ledger:
        found.setdefault(spot, []).append(movement)
    return found


def check_units(model: Inventory) -> None:
    """Every unit that was ever promised is in exactly one place."""
    for spot, level in model.levels.items():
        moved = [movement for where, movement in model.ledger if where == spot]
        assert level["on_hand"] == sum(movement[2] for movement in moved)
        assert level["allocated"] == sum(
            model.open(line) for order in model.orders.values() for line in _at(order, spot)
        )
        assert level["held"] == sum(
            held(line) for hold in model.holds.values() for line in _at(hold, spot)
        )
    for hold in model.holds.values():
        ordered = [line for order in hold["orders"] for line in model.orders[order]["lines"]]
        converted = sum(line["converted"] for line in hold["lines"])
        assert converted == sum(line["quantity"] for line in ordered)
        assert all(held(line) >= 0 for line in hold["lines"])
        assert hold["status"] == "ACTIVE" or not any(map(held, hold["lines"]))


def _at(owner: dict[str, Any], spot: Spot) -> list[dict[str, Any]]:
    return [line for line in owner["lines"] if (line["key"], line["place"]) == spot]
