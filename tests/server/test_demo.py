"""The demo catalogue: there after the first start, unchanged by any later one."""

from contextlib import AbstractContextManager
from pathlib import Path

from inventory_grpc.v1 import common_pb2, orders_pb2, products_pb2
from tests.conftest import Database
from tests.server.harness import Server, running

_LIST = products_pb2.ListProductsRequest(page_size=100)


def test_a_demo_has_products_with_prices_and_stock(database: Database, tmp_path: Path) -> None:
    with _demo(database, tmp_path) as server:
        products = server.products.ListProducts(_LIST, timeout=10).products
        assert len(products) == 12
        assert all(each.price.currency_code == "EUR" for each in products)
        assert all(each.price.units > 0 and each.stock.available > 0 for each in products)


def test_a_second_start_changes_nothing(database: Database, tmp_path: Path) -> None:
    with _demo(database, tmp_path) as server:
        line = common_pb2.DemandLine(product=common_pb2.ProductKey(sku="MUG-BLUE"), quantity=3)
        server.orders.CreateOrder(orders_pb2.CreateOrderRequest(lines=[line]), timeout=10)
        first = server.products.ListProducts(_LIST, timeout=10).products
    with _demo(database, tmp_path) as server:
        assert server.products.ListProducts(_LIST, timeout=10).products == first


def test_a_start_after_the_answers_were_pruned_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    with _demo(database, tmp_path) as server:
        first = server.products.ListProducts(_LIST, timeout=10).products
    with database.connect() as conn, conn.cursor() as cursor:
        cursor.execute("DELETE FROM stored_answers")
    conn.close()
    with _demo(database, tmp_path) as server:
        assert server.products.ListProducts(_LIST, timeout=10).products == first


def test_without_a_demo_the_catalogue_is_empty(server: Server) -> None:
    assert not server.products.ListProducts(_LIST, timeout=10).products


def _demo(database: Database, tmp_path: Path) -> AbstractContextManager[Server]:
    return running(tmp_path / "log", "--no-migrate", "--demo", database_url=database.url)
