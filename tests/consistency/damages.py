"""Rows damaged by hand, and what has to be found: the invariants, and from which version on."""

from dataclasses import dataclass
from typing import Final

from tests.consistency.history import VERSION

UNKNOWN: Final = "01900000-0000-7000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Damage:
    """SQL with the fields of Past in braces."""

    title: str
    sql: str
    found: tuple[tuple[str, int], ...]


def _level(title: str, change: str, *found: tuple[str, int]) -> Damage:
    return Damage(title, f"UPDATE stock_levels SET {change} WHERE {{level}}", found)  # noqa: S608


def _movement(title: str, version: int, change: str, *found: tuple[str, int]) -> Damage:
    at = f"{{level}} AND stock_version = {version}"
    return Damage(title, f"UPDATE stock_movements SET {change} WHERE {at}", found)  # noqa: S608


def _lost(title: str, version: int, *found: tuple[str, int]) -> Damage:
    at = f"{{level}} AND stock_version = {version}"
    return Damage(title, f"DELETE FROM stock_movements WHERE {at}", found)  # noqa: S608


DAMAGES: Final = (
    # -- the counters ----------------------------------------------------------------------------
    _level("on_hand too high", "on_hand = on_hand + 7", ("ON_HAND", VERSION)),
    _level("on_hand too low", "on_hand = on_hand - 7", ("ON_HAND", VERSION)),
    _level(
        "allocated too high",
        "allocated = allocated + 1",
        ("ALLOCATED", VERSION), ("ORDER_LINES", 0),
    ),
    _level("held too low", "held = held - 1", ("HELD", VERSION), ("HOLD_LINES", 0)),
    _level("shortfall for no reason", "shortfall = 3", ("SHORTFALL", VERSION)),
    _level("version too high", "version = version + 2", ("VERSIONS", VERSION + 1)),
    _level("version too low", "version = version - 1", ("VERSIONS", VERSION)),
    _level(
        "all counters at once",
        "on_hand = 1, allocated = 0, held = 0",
        ("ALLOCATED", VERSION), ("HELD", VERSION), ("HOLD_LINES", 0), ("ON_HAND", VERSION),
        ("ORDER_LINES", 0),
    ),
    _level(
        "a level as it was before its last write",
        "held = held + 6, version = version - 1",
        ("HELD", VERSION - 1), ("HOLD_LINES", 0), ("VERSIONS", VERSION),
    ),
    Damage(
        "a lost level",
        "DELETE FROM stock_levels WHERE {level}",
        (
            ("ALLOCATED", VERSION), ("HELD", VERSION), ("HOLD_LINES", 0), ("ON_HAND", VERSION),
            ("ORDER_LINES", 0), ("VERSIONS", 1),
        ),
    ),
    Damage(
        "more promised than anything covers",
        "ALTER TABLE stock_levels DROP CONSTRAINT stock_levels_promised_check;"
        "UPDATE stock_levels SET on_hand = 3 WHERE {level}",
        (("ON_HAND", VERSION), ("POLICY", VERSION)),
    ),
    Damage(
        "a negative counter",
        "ALTER TABLE stock_levels DROP CONSTRAINT stock_levels_held_check;"
        "UPDATE stock_levels SET held = -2 WHERE {level}",
        (("HELD", VERSION), ("HOLD_LINES", 0), ("POLICY", VERSION)),
    ),
    # -- the ledger ------------------------------------------------------------------------------
    _movement(
        "a delta of on_hand", 4, "on_hand_delta = -3", ("AFTER_VALUES", 4), ("ON_HAND", 4)
    ),
    _movement(
        "a delta of an order", 2, "allocated_delta = 12",
        ("AFTER_VALUES", 2), ("ALLOCATED", 2), ("ORDER_NET", 2),
    ),
    _movement(
        "a delta of a hold", 5, "held_delta = 1",
        ("AFTER_VALUES", 5), ("HELD", 5), ("HOLD_NET", 5),
    ),
    _movement("a delta beyond all bounds", 10, "on_hand_delta = 9223372036854775807",
              ("AFTER_VALUES", 10), ("ON_HAND", 10)),
    _movement("an after-value", 6, "on_hand_after = 95", ("AFTER_VALUES", 6)),
    _movement("the last after-value", VERSION, "held_after = 0", ("AFTER_VALUES", VERSION)),
    _movement("the last shortfall", VERSION, "shortfall_after = 4", ("AFTER_VALUES", VERSION)),
    _movement(
        "a movement of somebody else's order", 3, f"order_id = '{UNKNOWN}'",
        ("ORDER_NET", 3), ("ORDER_NET", 9),
    ),
    _lost("the first movement", 1, ("ON_HAND", 2), ("VERSIONS", 1)),
    _lost(
        "a movement in the middle", 4,
        ("ALLOCATED", 5), ("ON_HAND", 5), ("ORDER_NET", 2), ("VERSIONS", 4),
    ),
    _lost("the last movement", VERSION, ("HELD", VERSION), ("HOLD_NET", 11), ("VERSIONS", VERSION)),
    Damage(
        "the whole ledger",
        "DELETE FROM stock_movements WHERE {level}",
        (
            ("ALLOCATED", VERSION), ("HELD", VERSION), ("HOLD_NET", 0), ("ON_HAND", VERSION),
            ("ORDER_NET", 0), ("ORDER_NET", 0), ("VERSIONS", 1),
        ),
    ),
    Damage(
        "a movement twice",
        "CREATE TEMP TABLE twice AS SELECT * FROM stock_movements"
        " WHERE {level} AND stock_version = 10; UPDATE twice SET stock_version = 13;"
        "INSERT INTO stock_movements SELECT * FROM twice",
        (("AFTER_VALUES", 13), ("ON_HAND", 13), ("VERSIONS", 13)),
    ),
    # -- lines and states ------------------------------------------------------------------------
    Damage(
        "more on an order's line",
        "UPDATE order_lines SET quantity = 12 WHERE order_id = '{part_shipped}'",
        (("ORDER_LINES", 2), ("ORDER_NET", 2)),
    ),
    Damage(
        "less on the line of a converted hold's order",
        "UPDATE order_lines SET cancelled = 1 WHERE order_id = '{converted}'",
        (("ORDER_LINES", 6), ("ORDER_NET", 6)),
    ),
    Damage(
        "a lost line",
        "DELETE FROM order_lines WHERE order_id = '{part_shipped}'",
        (("ORDER_LINES", 2), ("ORDER_NET", 2)),
    ),
    Damage(
        "an open line of a closed order",
        "UPDATE order_lines SET shipped = 3 WHERE order_id = '{shipped}'",
        (("ORDER_LINES", 3),),
    ),
    Damage(
        "an order that was never cancelled",
        "UPDATE orders SET status = 6 WHERE order_id = '{part_shipped}'",
        (("ORDER_NET", 2),),
    ),
    Damage(
        "a lost order",
        "DELETE FROM order_events WHERE order_id = '{part_shipped}';"
        "DELETE FROM order_lines WHERE order_id = '{part_shipped}';"
        "DELETE FROM orders WHERE order_id = '{part_shipped}'",
        (("ORDER_LINES", 2), ("ORDER_NET", 2)),
    ),
    Damage(
        "less on a hold's line",
        "UPDATE hold_lines SET released = 2 WHERE hold_id = '{hold}'",
        (("HOLD_LINES", 5), ("HOLD_NET", 5)),
    ),
    Damage(
        "an open line of a released hold",
        "UPDATE hold_lines SET released = 4 WHERE hold_id = '{released}'",
        (("HOLD_LINES", 11),),
    ),
    Damage(
        "a hold that was never released",
        "UPDATE holds SET status = 3 WHERE hold_id = '{hold}'",
        (("HOLD_NET", 5),),
    ),
    Damage(
        "a line moved to another place",
        "UPDATE order_lines SET location_id = 'berlin' WHERE order_id = '{converted}'",
        (("ORDER_LINES", 0), ("ORDER_LINES", 6), ("ORDER_NET", 0), ("ORDER_NET", 6)),
    ),
    # -- several at once -------------------------------------------------------------------------
    Damage(
        "a counter and a movement",
        "UPDATE stock_levels SET on_hand = 90 WHERE {level};"
        "UPDATE stock_movements SET on_hand_delta = 10 WHERE {level} AND stock_version = 10",
        (("AFTER_VALUES", 10), ("ON_HAND", 10)),
    ),
    Damage(
        "a counter, an after-value, a lost movement and a line",
        "UPDATE stock_levels SET allocated = 1 WHERE {level};"
        "UPDATE stock_movements SET held_after = 6 WHERE {level} AND stock_version = 8;"
        "DELETE FROM stock_movements WHERE {level} AND stock_version = 2;"
        "UPDATE hold_lines SET quantity = 7 WHERE hold_id = '{hold}'",
        (
            ("AFTER_VALUES", 8), ("ALLOCATED", 3), ("HOLD_LINES", 5), ("HOLD_NET", 5),
            ("ORDER_LINES", 4), ("ORDER_NET", 4), ("VERSIONS", 2),
        ),
    ),
)  # fmt: skip
