"""Falling to the threshold and rising above it are told, each once."""

from inventory_grpc.domain import commands
from inventory_grpc.domain.changes import ChangeKind
from tests.concurrency.harness import adjust, create_product, place
from tests.conftest import Database
from tests.consistency.history import hold_of
from tests.store.test_changes import convert
from tests.store.watching import kinds, policy, watching

LOW, RECOVERED = ChangeKind.LOW_STOCK, ChangeKind.STOCK_RECOVERED


async def test_stock_is_low_at_the_threshold_and_recovered_above_it(database: Database) -> None:
    async with watching(database) as watcher:

        async def after(command: commands.Command) -> list[ChangeKind]:
            told = len(watcher.told)
            await watcher.did(command)
            found = kinds(watcher.told[told:])
            return [kind for kind in found if kind in (LOW, RECOVERED)]

        await watcher.did(create_product("A", ("default", 10)))
        assert await after(policy("A", low_stock_threshold=5)) == []
        assert await after(place(("A", 4))) == []
        assert await after(place(("A", 1))) == [LOW]
        assert await after(place(("A", 1))) == []
        assert await after(adjust("A", 1)) == []
        assert await after(adjust("A", 1)) == [RECOVERED]
        hold = (await watcher.did(hold_of(("A", 1)))).hold.hold_id
        assert kinds(watcher.told[-3:]) == [ChangeKind.STOCK_LEVEL, LOW, ChangeKind.HOLD]
        assert await after(convert(hold)) == []
        assert await after(policy("A", low_stock_threshold=4)) == [RECOVERED]
        assert await after(policy("A", safety_stock=1)) == [LOW]
        assert await after(policy("A", backorder_limit=10)) == []
        assert await after(policy("A", safety_stock=0)) == [RECOVERED]
        assert await after(policy("A", low_stock_threshold=9)) == [LOW]
        assert await after(policy("A", clear_low_stock_threshold=True)) == [RECOVERED]
        assert await after(policy("A", low_stock_threshold=9)) == [LOW]
        watcher.check()
        crossings = [change for change in watcher.told if change.kind in (LOW, RECOVERED)]

    for change in crossings:
        assert change.movement is not None
        assert change.event_id != change.movement.movement_id
        assert change.event_id[14] == "8"


async def test_a_level_may_be_low_from_its_first_movement_on(database: Database) -> None:
    async with watching(database) as watcher:
        await watcher.did(create_product("A"))
        await watcher.did(policy("A", low_stock_threshold=0))
        assert kinds(watcher.told[1:]) == [ChangeKind.STOCK_LEVEL, LOW]
        watcher.check()
