from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from inventory_grpc.services.reads import Reads
from inventory_grpc.store.engine import ReadDatabase
from tests.conftest import Database
from tests.reads.asking_as_of import move
from tests.reads.shop import Handlers, Shop


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    with closing(database.connect("owner")) as conn:
        yield Shop(conn)


@pytest.fixture
def read_database(database: Database) -> Iterator[ReadDatabase]:
    reading = ReadDatabase(database.url, pool_size=2, statement_timeout_ms=30_000)
    yield reading
    reading.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def handlers(read_database: ReadDatabase, threads: ThreadPoolExecutor) -> Handlers:
    return Handlers(Reads(read_database, threads))


@pytest.fixture
def mug(shop: Shop) -> str:
    """A product with a movement per second since START, one unit each, now at version 5."""
    product_id = shop.product("MUG")
    shop.level(product_id, on_hand=5, version=5, low_stock_threshold=2)
    for version in range(1, 6):
        move(shop, product_id, version, low=2)
    return product_id
