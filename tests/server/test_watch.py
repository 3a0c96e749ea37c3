"""WatchChanges: everything that is committed comes, in the order of its versions, once."""

from pathlib import Path

import grpc
import pytest

from inventory_grpc.v1 import changes_pb2, common_pb2, orders_pb2, products_pb2, stock_pb2
from tests.conftest import Database
from tests.server.harness import Server, running
from tests.server.watching import (
    KINDS,
    Watch,
    cancel,
    convert,
    create,
    hold,
    line,
    order,
    versions,
)

_Adjust = stock_pb2.AdjustStockRequest
_LOST = stock_pb2.ADJUSTMENT_REASON_LOST
_FOUND = stock_pb2.ADJUSTMENT_REASON_FOUND


def test_a_change_carries_its_resource_as_it_was_right_after_it(server: Server) -> None:
    watch = Watch(server)
    product = create(server)
    placed = order(server, quantity=3)
    cancelled = cancel(server, placed.order_id)
    seen = watch.take(6)
    assert versions(seen) == {
        ("product", product.product_id): [1],
        ("stock_level", product.product_id, "default"): [1, 2, 3],
        ("order", placed.order_id): [1, 2],
    }
    [first] = [each.product for each in seen if each.HasField("product")]
    product.ClearField("stock")
    assert first == product
    levels = [each.stock_level for each in seen if each.HasField("stock_level")]
    assert [(each.on_hand, each.allocated) for each in levels] == [(10, 0), (10, 3), (10, 0)]
    assert [each.order for each in seen if each.HasField("order")] == [placed, cancelled]


def test_a_change_of_stock_carries_its_movement_and_every_change_its_cause(server: Server) -> None:
    watch = Watch(server)
    product = create(server)
    request_id = "01920000-0000-7000-8000-0000000000aa"
    request = orders_pb2.CreateOrderRequest(lines=[line("MUG", 4)], request_id=request_id)
    placed = server.orders.CreateOrder(request, timeout=10).order
    *_, allocated, ordered = sorted(watch.take(4), key=lambda each: each.HasField("order"))
    movement = allocated.movement
    assert (movement.kind, movement.allocated_delta, movement.stock_version) == (
        stock_pb2.MOVEMENT_KIND_ALLOCATED, 4, 2,
    )  # fmt: skip
    assert movement.movement_id == allocated.event_id
    assert movement.product_id == product.product_id
    assert not ordered.HasField("movement")
    assert ordered.occur_time == placed.create_time
    for change in (allocated, ordered):
        assert change.cause == changes_pb2.Cause(
            order_id=placed.order_id, request_id=request_id, actor="anonymous"
        )


def test_holds_come_too_until_they_are_orders(server: Server) -> None:
    watch = Watch(server)
    create(server)
    held = hold(server, quantity=2)
    ordered = convert(server, held.hold_id)
    seen = watch.until_version("ORDER", 1)
    holds = [each.hold for each in seen if each.HasField("hold")]
    assert holds[0] == held
    if len(holds) < 2:
        holds.append(next(each.hold for each in watch.changes() if each.HasField("hold")))
    assert list(holds[1].order_ids) == [ordered.order_id]
    assert [each.order for each in seen if each.HasField("order")] == [ordered]


def test_the_versions_of_a_resource_come_in_order_and_without_gaps(server: Server) -> None:
    watch = Watch(server)
    create(server, quantity=1_000)
    orders = [
        server.orders.CreateOrder.future(
            orders_pb2.CreateOrderRequest(lines=[line("MUG", 1)]), timeout=30
        )
        for _ in range(100)
    ]
    for each in orders:
        each.result()
    seen = watch.until_version("STOCK_LEVEL", 101)
    seen += watch.take(1 + 101 + 100 - len(seen))
    found = versions(seen)
    assert len(found) == 1 + 1 + 100
    assert all(each == list(range(1, len(each) + 1)) for each in found.values())
    assert len({each.event_id for each in seen}) == len(seen)


def test_low_stock_is_told_when_it_begins_and_when_it_ends(server: Server) -> None:
    product = create(server)
    key = common_pb2.ProductKey(product_id=product.product_id)
    policy = stock_pb2.SetStockPolicyRequest(product=key, low_stock_threshold=5)
    server.stock.SetStockPolicy(policy, timeout=10)
    watch = Watch(server)
    for delta in (-4, -1, -1, +1, +1):
        reason = _LOST if delta < 0 else _FOUND
        server.stock.AdjustStock(_Adjust(product=key, delta=delta, reason=reason), timeout=10)
    seen = [(each.kind, each.version, each.stock_level.available) for each in watch.take(7)]
    level, low, well = KINDS["STOCK_LEVEL"], KINDS["LOW_STOCK"], KINDS["STOCK_RECOVERED"]
    assert seen == [
        (level, 3, 6), (level, 4, 5), (low, 4, 5), (level, 5, 4), (level, 6, 5), (level, 7, 6),
        (well, 7, 6),
    ]  # fmt: skip


def test_without_a_token_the_past_does_not_come(server: Server) -> None:
    create(server, "OLD")
    watch = Watch(server, kinds=[changes_pb2.CHANGE_KIND_PRODUCT])
    new = create(server, "NEW")
    [seen] = watch.take(1)
    assert seen.product.product_id == new.product_id


def test_what_another_server_writes_comes_too(two_servers: tuple[Server, Server]) -> None:
    one, other = two_servers
    watch = Watch(one)
    product = create(other, quantity=0)
    [seen] = watch.take(1)
    assert seen.product.product_id == product.product_id


def test_a_stream_ends_well_with_a_checkpoint_when_its_time_is_over(
    database: Database, tmp_path: Path
) -> None:
    flags = ("--no-migrate", "--watch-seconds-max", "0.5")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        watch = Watch(server)
        create(server, quantity=0)
        *_, last = watch.call
        assert last.HasField("checkpoint")
        assert watch.call.code() is grpc.StatusCode.OK
        again = Watch(server, last.resume_token)
        product = create(server, "CUP", quantity=0)
        assert [each.product for each in again.take(1)] == [_without_stock(product)]


def test_an_idle_stream_gets_fresh_tokens_also_when_nothing_matches(
    database: Database, tmp_path: Path
) -> None:
    flags = ("--no-migrate", "--watch-checkpoint-seconds", "0.2")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        watch = Watch(server, kinds=[changes_pb2.CHANGE_KIND_HOLD])
        before = watch.token
        create(server, "OLD")
        while watch.token == before:
            assert watch.next().HasField("checkpoint")
        # All of OLD was passed over, or the last token was still before it: then it moves again.
        settled = watch.token
        while (token := watch.next().resume_token) != settled:
            settled = token
        create(server, "NEW", quantity=0)
        [seen] = Watch(server, settled).take(1)
        assert seen.product.sku == "NEW"


@pytest.mark.parametrize("count", [200])
def test_many_streams_see_the_same(server: Server, count: int) -> None:
    channels = [server.connect() for _ in range(4)]
    watches = [Watch(server, channel=channels[i % 4]) for i in range(count)]
    create(server)
    for _ in range(5):
        order(server)
    seen = [[each.event_id for each in watch.take(1 + 1 + 10)] for watch in watches]
    assert seen == [seen[0]] * count


def _without_stock(product: products_pb2.Product) -> products_pb2.Product:
    product.ClearField("stock")
    return product
