"""Holds cost what is read of them: page 2,000 what page 1 does, and those that ended nothing."""

# ruff: noqa: S608 - the statements are built from constants of this file

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from inventory_grpc.domain.reads import HoldQuery, ProductQuery, StockLevelQuery
from inventory_grpc.domain.status import HoldStatus
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.queries import holds, products, stock
from inventory_grpc.store.queries.hold_pages import FEW
from tests.reads.plans import (
    PAGE,
    PAGES,
    ROWS,
    Plan,
    Run,
    buffers,
    explained,
    explained_prepared,
    id_at,
    nodes,
    python_id_at,
)
from tests.reads.shop import COMMIT, Shop

ACTIVE, CONVERTED, RELEASED, EXPIRED = HoldStatus
FIRST_PRODUCT = python_id_at(1, 1)
OLD = python_id_at(ROWS - PAGE * PAGES, 2)


@pytest.fixture
def full(shop: Shop) -> Shop:
    """100,000 holds of two lines, a quarter of them in each state; never analyzed.

    Of those in the state ACTIVE 100 are due, 100 will be within the minute, and the others later.
    Every product is held, and one of them by all holds.
    """
    shop.run(
        "ALTER TABLE products SET (autovacuum_enabled = off);"
        "ALTER TABLE stock_levels SET (autovacuum_enabled = off);"
        "ALTER TABLE holds SET (autovacuum_enabled = off);"
        "ALTER TABLE hold_lines SET (autovacuum_enabled = off)"
    )
    series = f"generate_series(1, {ROWS}) n"
    shop.run(
        f"INSERT INTO products SELECT {id_at('n', 1)}, 'SKU-' || n, '', '', n, 'EUR', '{{}}', 1,"
        f" now(), now(), NULL, '{COMMIT}' FROM {series}"
    )
    shop.run(
        "INSERT INTO stock_levels (product_id, location_id, on_hand, held, low_stock_threshold,"
        f" version) SELECT {id_at('n', 1)}, 'default', 5, 5, 5, 1 FROM {series}"
    )
    end = "now() + interval '1 minute' * CASE n % 1000 WHEN 4 THEN -1 WHEN 8 THEN 1 ELSE 100 END"
    shop.run(
        f"INSERT INTO holds SELECT {id_at('n', 2)}, 1 + n % 4, 'anonymous', 'ref', {end}, 5, 1,"
        f" now(), now(), '{COMMIT}' FROM {series}"
    )
    shop.run(
        f"INSERT INTO hold_lines SELECT {id_at('n', 2)}, line, line,"
        f" CASE line WHEN 1 THEN '{FIRST_PRODUCT}' ELSE {id_at('n', 1)} END, 'default', 5, 5, 0, 0,"
        f" 0, {end} FROM {series}, generate_series(1, 2) line"
    )
    return shop


def listing(query: HoldQuery, product_id: str = "") -> Callable[[bool], Run]:
    """How to read page 1 or, deep, page 2,000."""
    return lambda deep: (
        lambda conn: holds.page(conn, query, product_id, (OLD,) if deep else None, PAGE)
    )


def cases() -> Iterator[tuple[str, Callable[[bool], Run]]]:
    soon, late = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (10, 1000))
    yield "holds", listing(HoldQuery())
    yield "of a product", listing(HoldQuery(), FIRST_PRODUCT)
    yield "of a reference", listing(HoldQuery(owner_reference="ref"))
    yield "of a reference, active", listing(HoldQuery((ACTIVE,), owner_reference="ref"))
    yield "of a product, expired", listing(HoldQuery((EXPIRED,)), FIRST_PRODUCT)
    for status in HoldStatus:
        yield status.name, listing(HoldQuery((status,)))
        yield f"{status.name} that end late", listing(HoldQuery((status,), expires_before=late))
    yield "that end late", listing(HoldQuery(expires_before=late))
    yield "active or expired", listing(HoldQuery((ACTIVE, EXPIRED)))
    yield "active or released", listing(HoldQuery((ACTIVE, RELEASED)))
    yield "all but active", listing(HoldQuery((CONVERTED, RELEASED, EXPIRED)))
    yield "that end soon", lambda _: listing(HoldQuery((ACTIVE,), expires_before=soon))(False)


def executed(plan: Plan) -> Iterator[Plan]:
    return (node for node in nodes(plan) if node["Actual Loops"])


def check(what: str, reading: ReadDatabase, read: Callable[[bool], Run]) -> None:
    first, last = (explained(reading, read(deep)) for deep in (False, True))
    for plan in first, last:
        assert plan["Actual Rows"] >= PAGE, what
        for node in executed(plan):
            assert node["Node Type"] not in {"Incremental Sort", "Seq Scan", "Hash Join"}, what
            if node["Node Type"] == "Sort":
                assert node["Plans"][0]["Actual Rows"] <= FEW + 1, what
    assert buffers(last) <= 1.5 * buffers(first) + 10, what
    # A row of the page and what belongs to it, or the few that are sorted; never a part of the
    # table that grows.
    assert buffers(first) <= 20 * PAGE + 4 * FEW, what


@pytest.mark.slow
def test_the_last_of_two_thousand_pages_costs_what_the_first_does(
    full: Shop, read_database: ReadDatabase
) -> None:
    for what, read in cases():
        check(what, read_database, read)
    # Nobody has written the end of a hold for long.
    late = [python_id_at(ROWS - 1_000, 2)]
    full.run("UPDATE holds SET expire_time = now() - interval '1 s' WHERE hold_id < %s", late)
    check("many that are due", read_database, listing(HoldQuery((EXPIRED,))))


@pytest.mark.slow
def test_stock_that_is_held_is_listed_page_by_page(full: Shop, read_database: ReadDatabase) -> None:
    after = python_id_at(PAGE * PAGES, 1)

    def levels(query: StockLevelQuery) -> Callable[[bool], Run]:
        behind = (after, "default")
        return lambda deep: lambda conn: stock.page(conn, query, "", behind if deep else None, PAGE)

    def of_products(query: ProductQuery) -> Callable[[bool], Run]:
        return lambda deep: (
            lambda conn: products.page(conn, query, (after,) if deep else None, PAGE)
        )

    check("levels", read_database, levels(StockLevelQuery()))
    check("low levels", read_database, levels(StockLevelQuery(low_stock=True)))
    check("products", read_database, of_products(ProductQuery()))
    check("out of stock", read_database, of_products(ProductQuery(in_stock=False)))
    check("low products", read_database, of_products(ProductQuery(low_stock=True)))


@pytest.mark.slow
@pytest.mark.parametrize("planned", ["while empty", "when full"])
def test_what_ended_and_what_others_hold_costs_a_read_nothing(
    shop: Shop, read_database: ReadDatabase, request: pytest.FixtureRequest, planned: str
) -> None:
    """One product with 100,000 open lines, of which 101 are due; and then with none open."""
    product, hold = python_id_at(1, 1), python_id_at(4, 2)
    nothing = "{}"
    with read_database.begin(None) as conn:

        def pages() -> list[int]:
            return [
                buffers(explained_prepared(conn, prepared, **parameters))
                for prepared, parameters in (
                    (
                        stock._LEVELS,
                        {
                            "ids": f"{{{product}}}",
                            "id_places": "{default}",
                            "skus": nothing,
                            "sku_places": nothing,
                        },
                    ),
                    (
                        stock._AVAILABILITY,
                        {"ids": f"{{{product}}}", "skus": nothing, "location_ids": nothing},
                    ),
                    (products._SEVERAL, {"ids": f"{{{product}}}", "skus": nothing}),
                    (holds._BY_ID, {"hold_ids": f"{{{hold}}}"}),
                )
            ]

        if planned == "while empty":
            pages()
        full = request.getfixturevalue("full")
        assert max(pages()) <= 150
        full.run("UPDATE hold_lines SET released = quantity")
        full.conn.set_session(autocommit=True)
        full.run("VACUUM hold_lines")
        assert max(pages()) <= 50
