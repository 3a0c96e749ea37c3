"""Page 2,000 costs what page 1 costs, whatever the planner believes about the tables."""

# ruff: noqa: S608 - the statements are built from constants of this file

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection

from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.reads import (
    MovementQuery,
    OrderQuery,
    ProductOrder,
    ProductQuery,
    StockLevelQuery,
)
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.queries import movements, orders, products, stock
from tests.reads.plans import (
    PAGE,
    PAGES,
    ROWS,
    Run,
    buffers,
    explained,
    id_at,
    names,
    python_id_at,
)
from tests.reads.shop import COMMIT, REQUEST, Shop


@pytest.fixture
def full(shop: Shop) -> Shop:
    """100,000 orders of two lines and as many products, levels and movements; never analyzed."""
    shop.run(
        "ALTER TABLE products SET (autovacuum_enabled = off);"
        "ALTER TABLE orders SET (autovacuum_enabled = off);"
        "ALTER TABLE order_lines SET (autovacuum_enabled = off);"
        "ALTER TABLE stock_levels SET (autovacuum_enabled = off);"
        "ALTER TABLE stock_movements SET (autovacuum_enabled = off)"
    )
    series = f"generate_series(1, {ROWS}) n"
    one = "'00000000-0000-7000-8000-000000000001'::uuid"
    shop.run(
        f"INSERT INTO products SELECT {id_at('n', 1)}, 'SKU-' || lpad(n::text, 6, '0'),"
        f" 'Name ' || md5(n::text), '', n, 'EUR', '{{}}', 1, now(), now(), NULL, '{COMMIT}'"
        f" FROM {series}"
    )
    shop.run(
        "INSERT INTO stock_levels (product_id, location_id, on_hand, version)"
        f" SELECT {id_at('n', 1)}, 'default', 5, 1 FROM {series}"
    )
    shop.run(
        f"INSERT INTO orders SELECT {id_at('n', 2)}, 1 + n % 2, 'ref', '{{}}', NULL, NULL, NULL, 1,"
        f" now(), now(), '', '{COMMIT}' FROM {series}"
    )
    shop.run(
        f"INSERT INTO order_lines SELECT {id_at('n', 2)}, line, line,"
        f" CASE line WHEN 1 THEN {id_at('1', 1)} ELSE {id_at('n', 1)} END, 'default', 5"
        f" FROM {series}, generate_series(1, 2) line"
    )
    shop.run(
        f"INSERT INTO stock_movements SELECT {id_at('1', 1)}, 'default', n, {id_at('n', 3)}, 1,"
        f" 1, 0, 0, n, 0, 0, 0, 0, {one}, NULL, NULL, '{REQUEST}', 'anonymous', 0, '', now(),"
        f" '{COMMIT}' FROM {series}"
    )
    return shop


def row_at(number: int) -> tuple[str, str, str]:
    return python_id_at(number, 1), python_id_at(number, 2), python_id_at(number, 3)


def cases() -> Iterator[tuple[str, Callable[[bool], Run]]]:
    """(what, how to read its page 1 or, deep, its page 2,000)."""
    near_end, near_start = ROWS - PAGE * PAGES, PAGE * PAGES
    _, old_order, old_movement = row_at(near_end)
    first_product = row_at(1)[0]

    def listing_orders(query: OrderQuery, product_id: str = "") -> Callable[[bool], Run]:
        return lambda deep: (
            lambda conn: orders.page(conn, query, product_id, (old_order,) if deep else None, PAGE)
        )

    both = (OrderStatus.PENDING, OrderStatus.CONFIRMED)
    yield "orders", listing_orders(OrderQuery())
    yield "orders of one state", listing_orders(OrderQuery(statuses=both[:1]))
    yield "orders of two states", listing_orders(OrderQuery(statuses=both))
    yield "orders of a product", listing_orders(OrderQuery(), first_product)
    yield "orders of a reference", listing_orders(OrderQuery(customer_reference="ref"))

    def listing_products(query: ProductQuery) -> Callable[[bool], Run]:
        def read(conn: Connection, deep: bool) -> object:
            # The name is a hash: any product in the middle is as deep as half of all pages.
            at = near_end if query.descending else near_start
            key = ProductKey(python_id_at(at, 1))
            there = products.batch_get(conn, [key]) if deep else []
            after = products.position_of(query, there[0]) if there else None
            return products.page(conn, query, after, PAGE)

        return lambda deep: lambda conn: read(conn, deep)

    for order_by in ProductOrder:
        for descending in (False, True):
            yield (
                f"products by {order_by.name} {'descending' if descending else 'ascending'}",
                listing_products(ProductQuery(order_by=order_by, descending=descending)),
            )
    yield "products in stock", listing_products(ProductQuery(in_stock=True))
    yield "products not low", listing_products(ProductQuery(low_stock=False))

    def listing_movements(query: MovementQuery, product_id: str = "") -> Callable[[bool], Run]:
        return lambda deep: (
            lambda conn: movements.page(
                conn, query, product_id, (old_movement,) if deep else None, PAGE
            )
        )

    yield "movements", listing_movements(MovementQuery())
    yield "movements of a product", listing_movements(MovementQuery(), first_product)
    yield "movements at a location", listing_movements(MovementQuery(location_id="default"))
    yield "movements of a request", listing_movements(MovementQuery(request_id=REQUEST))
    of_order = MovementQuery(order_id="00000000-0000-7000-8000-000000000001")
    yield "movements of an order", listing_movements(of_order)

    def listing_levels(query: StockLevelQuery) -> Callable[[bool], Run]:
        after = (python_id_at(near_start, 1), "default")
        return lambda deep: lambda conn: stock.page(conn, query, "", after if deep else None, PAGE)

    yield "levels", listing_levels(StockLevelQuery())
    yield "levels at a location", listing_levels(StockLevelQuery(location_id="default"))


@pytest.mark.slow
def test_the_last_of_two_thousand_pages_costs_what_the_first_does(
    full: Shop, read_database: ReadDatabase
) -> None:
    for what, reading in cases():
        first, last = (explained(read_database, reading(deep)) for deep in (False, True))
        for plan in (first, last):
            walked = names(plan)
            assert plan["Actual Rows"] >= PAGE, what
            assert not walked & {"Sort", "Incremental Sort", "Seq Scan", "Hash Join"}, what
        assert buffers(last) <= 1.5 * buffers(first) + 10, what
        # A row of the page and what belongs to it; never a part of the table that grows.
        assert buffers(first) <= 20 * PAGE, what
