"""A policy is the one number of a level that no movement tells of: it is judged by itself."""

import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.model import ProductKey
from tests.concurrency.harness import done, mutations
from tests.conftest import Database
from tests.consistency.history import VERSION, check, damage, named, tell


@pytest.mark.parametrize("column", ["safety_stock", "backorder_limit"])
async def test_a_policy_below_zero_is_found_and_gone_once_another_is_set(
    database: Database, column: str
) -> None:
    past = await tell(database)
    damage(
        database,
        f"ALTER TABLE stock_levels DROP CONSTRAINT stock_levels_{column}_check;"  # noqa: S608
        f"UPDATE stock_levels SET {column} = -1 WHERE {{level}}",
        past,
    )
    assert named(check(database)[0]) == [("POLICY", VERSION)]
    async with mutations(database) as server:
        key = ProductKey(past.product)
        await done(server, commands.SetStockPolicy(key, "default", 0, 0, None, False, 0))
    assert check(database)[0] == []
