"""A stocked database and a connection of the write path to it."""

from collections.abc import AsyncIterator

import pytest

from inventory_grpc.services.mutations import STATEMENTS
from inventory_grpc.store.link import Link, LinkSettings
from tests.concurrency.harness import audit, mutations, stocked
from tests.conftest import Database
from tests.store.holding import Store


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    """With ten units each of A and B; every unit is accounted for in the end."""
    async with mutations(database) as server:
        await stocked(server, A=10, B=10)
    link = Link(LinkSettings(database.url), STATEMENTS)
    yield Store(link)
    link.close()
    audit(database)
