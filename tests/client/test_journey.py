"""The main journey, over a real server: every call of both clients once."""

from collections.abc import AsyncIterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TypeVar

import pytest

from inventory_grpc.client import (
    AsyncInventoryClient,
    InsufficientStock,
    InvalidFields,
    InventoryClient,
    ProductNotFound,
    RequestIdReused,
    SkuTaken,
    VersionMismatch,
    decimal,
    money,
    new_request_id,
    product_id,
    rows,
)
from inventory_grpc.v1.orders_pb2 import OrderStatus
from tests.server.harness import Server

Item = TypeVar("Item")


def test_a_product_is_made_changed_and_deleted(client: InventoryClient, sku: str) -> None:
    price = money(Decimal("9.90"), "EUR")
    made = client.create_product(sku, "Mug", price=price, initial_stock=10).product
    assert (made.stock.on_hand, decimal(made.price)) == (10, Decimal("9.90"))
    changed = client.update_product(made, name="Big mug", labels={"kind": "mug"}, clear_price=True)
    assert (changed.product.name, changed.product.HasField("price")) == ("Big mug", False)
    assert client.get_product(sku).product.labels == {"kind": "mug"}
    found = client.batch_get_products([sku, "NOWHERE"])
    assert ([each.sku for each in found.products], found.missing[0].sku) == ([sku], "NOWHERE")
    client.adjust_stock(sku, -10, "CORRECTION")
    deleted = client.delete_product(made, expected_version=changed.product.version).product
    assert deleted.HasField("delete_time")
    with pytest.raises(ProductNotFound) as raised:
        client.get_product(sku)
    assert raised.value.missing == [f"sku:{sku}"]
    client.undelete_product(made.product_id)
    assert [each.sku for each in client.list_products(sku_prefix=sku, labels={"kind": "mug"})] == [
        sku
    ]


def test_locations_and_stock_move(client: InventoryClient, sku: str) -> None:
    client.create_location("berlin", display_name="Berlin", priority=-1)
    client.update_location("berlin", priority=5, labels={"land": "de"})
    berlin = client.get_location("berlin").location
    assert (berlin.display_name, berlin.priority) == ("Berlin", 5)
    client.create_product(sku, "Mug", initial_stock={"default": 4, "berlin": 6})
    moved = client.transfer_stock([(sku, 6)], from_location_id="berlin", note="closing")
    assert [each.on_hand for each in moved.stock_levels] == [0, 10]
    counted = client.set_stock(sku, 9, expected_on_hand=10).stock_level
    with pytest.raises(VersionMismatch) as raised:
        client.set_stock(sku, 8, expected_version=counted.version - 1)
    assert raised.value.current_on_hand == 9
    assert raised.value.current_version == counted.version
    client.set_stock_policy(sku, safety_stock=2, low_stock_threshold=100)
    assert client.get_stock_level(sku).stock_level.available == 7
    levels = list(client.list_stock_levels(product=sku, low_stock=True))
    assert [each.location_id for each in levels] == ["default"]
    client.delete_location("berlin")
    assert "berlin" not in [each.location_id for each in client.list_locations()]
    moves = client.list_stock_movements(
        product=sku, kinds=["TRANSFERRED_IN", "TRANSFERRED_OUT", "COUNTED"], page_size=1
    )
    assert len(list(moves)) == 3
    *violations, end = client.check_consistency([sku])
    assert (violations, end.summary.levels) == ([], 2)


def test_an_order_goes_all_the_way(client: InventoryClient, sku: str) -> None:
    client.create_product(sku, "Mug", price=money("2.50", "EUR"), initial_stock=10)
    order = client.create_order([(sku, 4)], customer_reference=sku, labels={"via": "web"}).order
    assert decimal(order.total) == 10
    assert client.ship_order(order.order_id, {1: 1}).order.lines[0].shipped_quantity == 1
    client.cancel_order(order.order_id, {1: 1}, reason="one too many")
    client.update_order_status(order.order_id, "SHIPPED")
    client.update_order_status(order.order_id, "DELIVERED")
    back = client.return_order(
        order.order_id,
        [
            (1, 1, "RESTOCK"),
        ],
    ).order
    assert back.status == OrderStatus.ORDER_STATUS_PARTIALLY_RETURNED
    assert client.get_order(order.order_id).order == back
    assert client.batch_get_orders([order.order_id]).orders[0] == back
    [listed] = client.list_orders(customer_reference=sku, statuses=["PARTIALLY_RETURNED"])
    assert listed == back
    assert len(list(client.list_order_events(order.order_id, page_size=2))) == 6
    available = client.batch_get_availability([sku]).availabilities[0]
    assert (available.on_hand, available.available) == (8, 8)


def test_a_refusal_says_what_is_missing(client: InventoryClient, sku: str) -> None:
    made = client.create_product(sku, "Mug", initial_stock=3).product
    with pytest.raises(InsufficientStock) as short:
        client.create_order([(sku, 5)])
    [shortage] = short.value.shortages
    assert (shortage.sku, shortage.requested, shortage.available) == (sku, 5, 3)
    assert not short.value.truncated
    with pytest.raises(InvalidFields) as malformed:
        client.create_order([(sku, 0), (sku, -1)])
    assert [each.field for each in malformed.value.violations] == [
        "lines[0].quantity",
        "lines[1].quantity",
    ]
    with pytest.raises(SkuTaken) as taken:
        client.create_product(sku, "Another")
    assert taken.value.product_id == made.product_id


def test_the_rows_of_a_batch_stand_for_themselves_or_together(
    client: InventoryClient, sku: str
) -> None:
    done = client.batch_create_products([rows.product(sku, "Mug", initial_stock=2)])
    assert [row.get().product.sku for row in done] == [sku]
    batch = [rows.order([(sku, 1)]), rows.order([(sku, 5)]), rows.order([(sku, 1)])]
    with pytest.raises(InsufficientStock) as refused:
        client.batch_create_orders(batch)
    assert refused.value.row == 1
    placed = client.batch_create_orders(batch, mode="INDEPENDENT")
    assert [row.answer is not None for row in placed] == [True, False, True]
    with pytest.raises(InsufficientStock) as short:
        placed[1].get()
    assert short.value.request_id == batch[1].request_id
    assert [each.available for each in short.value.shortages] == [1]
    again = client.batch_create_orders(batch, mode="INDEPENDENT")
    assert all(row.replayed for row in again)
    client.batch_adjust_stock([rows.adjustment(product_id(_id(client, sku)), 1, "FOUND")])
    orders = [row.answer.order.order_id for row in placed if row.answer is not None]
    moved = client.batch_update_order_status([rows.status(each, "CONFIRMED") for each in orders])
    assert len(moved) == 2


def test_the_same_request_id_for_something_else_is_refused(
    client: InventoryClient, sku: str
) -> None:
    request_id = new_request_id()
    client.create_product(sku, "Mug", request_id=request_id)
    with pytest.raises(RequestIdReused):
        client.create_product(f"{sku}-2", "Mug", request_id=request_id)
    tried = client.create_product(f"{sku}-2", "Mug", validate_only=True)
    assert tried.product.product_id == ""


def test_stock_is_told_as_it_was(client: InventoryClient, sku: str) -> None:
    client.create_product(sku, "Mug", initial_stock=10)
    taken = client.adjust_stock(sku, -1, "LOST").movement
    client.adjust_stock(sku, -1, "LOST")
    then = client.get_stock_level(sku, as_of_movement_id=taken.movement_id).stock_level
    assert (then.on_hand, client.get_stock_level(sku).stock_level.on_hand) == (9, 8)
    before = datetime.now(UTC) - timedelta(days=1)
    assert list(client.list_stock_levels(product=sku, as_of_time=before)) == []
    [gone] = client.batch_get_availability([sku], as_of_time=before).availabilities
    assert gone.on_hand == 0


async def test_asyncio_does_all_the_same(server: Server, sku: str) -> None:
    async with AsyncInventoryClient(server.target, read_your_writes=True) as client:
        made = await client.create_product(sku, "Mug", initial_stock=10)
        watch = client.watch(
            made.resume_token, kinds=["ORDER"], product_ids=[made.product.product_id]
        )
        placed = [(await client.create_order([(sku, 1)])).order for _ in range(3)]
        listed = await _all(client.list_orders(product=sku, page_size=1))
        assert [each.order_id for each in reversed(listed)] == [each.order_id for each in placed]
        with pytest.raises(InsufficientStock):
            await client.create_order([(sku, 11)])
        async with client.hold([(sku, 2)], ttl=60) as hold:
            order = await hold.convert(customer_reference=sku)
        assert (await client.get_order(order.order_id)).order.hold_id == hold.hold_id
        async with client.hold([(sku, 2)], ttl=60):
            pass
        assert (await client.get_stock_level(sku)).stock_level.available == 5
        items = await _all(client.check_consistency([sku]))
        assert [each.WhichOneof("item") for each in items] == ["summary"]
        async with watch:
            seen = [(await anext(watch)).order.order_id for _ in range(4)]
        assert seen == [*(each.order_id for each in placed), order.order_id]
        assert await _all(watch) == []


def test_a_watch_starts_where_a_list_stood(client: InventoryClient, sku: str) -> None:
    client.create_product(sku, "Mug", initial_stock=10)
    token = client.list_products(sku_prefix=sku).first_page().resume_token
    placed = client.create_order([(sku, 1)]).order
    with client.watch(token, kinds=["ORDER"]) as watch:
        assert [each.order.order_id for each in islice(watch, 1)] == [placed.order_id]


def _id(client: InventoryClient, sku: str) -> str:
    return client.get_product(sku).product.product_id


async def _all(items: AsyncIterable[Item]) -> list[Item]:
    return [each async for each in items]
