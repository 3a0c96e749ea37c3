"""Products and locations: who may be made, changed, deleted and brought back."""

import pytest

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import (
    CreateLocation,
    CreateProduct,
    DeleteLocation,
    DeleteProduct,
    SetStock,
    ShipOrder,
    UndeleteProduct,
    UpdateLocation,
    UpdateProduct,
)
from inventory_grpc.domain.decide import decide
from inventory_grpc.domain.errors import (
    InsufficientStock,
    LocationInUse,
    LocationNotFound,
    LocationTaken,
    ProductInUse,
    ProductNotDeleted,
    ProductNotFound,
    SkuTaken,
    VersionMismatch,
)
from inventory_grpc.domain.model import Location, MovementKind, Product, ProductKey, ProductStock
from inventory_grpc.domain.results import StockChange
from tests.unit.domain.harness import (
    NOW,
    books,
    context,
    eur,
    key,
    ledger,
    level,
    ordered,
    place,
    product,
)


def create(made: Books, sku: str, *stock: tuple[str, int]) -> Product:
    result = decide(made, CreateProduct(sku, "Name", "text", None, {}, stock), context())
    assert isinstance(result, Product)
    return result


def delete(made: Books, sku: str, version: int = 0) -> Product:
    result = decide(made, DeleteProduct(key(sku), version), context())
    assert isinstance(result, Product)
    return result


def undelete(made: Books, product_id: str, version: int = 0) -> Product:
    result = decide(made, UndeleteProduct(product_id, version), context())
    assert isinstance(result, Product)
    return result


def update(made: Books, sku: str, to: str, *fields: str, version: int = 0) -> Product:
    command = UpdateProduct(
        key(sku), frozenset(fields), to, "New", "new", eur("1"), {"a": "b"}, version
    )
    result = decide(made, command, context())
    assert isinstance(result, Product)
    return result


class TestCreateProduct:
    def test_initial_stock_is_received_into_the_ledger(self) -> None:
        made = books("near", "far")
        new = create(made, "A", ("near", 3), ("far", 4))
        assert new.stock == ProductStock(7, 0, 0, 7)
        assert (new.version, new.create_time) == (1, NOW)
        assert ledger(made) == [
            ("A", "near", MovementKind.RECEIVED, 3, 0),
            ("A", "far", MovementKind.RECEIVED, 4, 0),
        ]

    def test_the_sku_of_a_live_product_is_taken(self) -> None:
        made = books()
        product(made, "A")
        with pytest.raises(SkuTaken) as refused:
            create(made, "A")
        assert refused.value.product_id == "id-A"

    def test_an_owner_that_is_only_about_to_be_made_is_not_named(self) -> None:
        made = books()
        create(made, "A")
        with pytest.raises(SkuTaken) as refused:
            create(made, "A")
        assert (refused.value.product_id, refused.value.subject) == ("", "sku:A")

    def test_the_sku_of_a_deleted_product_is_free(self) -> None:
        made = books()
        product(made, "A", deleted=True)
        assert create(made, "A").sku == "A"
        with pytest.raises(SkuTaken):
            create(made, "A")

    def test_an_unknown_location_is_refused_before_a_taken_sku(self) -> None:
        made = books()
        product(made, "A")
        with pytest.raises(LocationNotFound):
            create(made, "A", ("nowhere", 1))


class TestUpdateProduct:
    def test_the_safety_stock_of_a_closed_place_keeps_nothing_back(self) -> None:
        made = books("near", "far")
        level(made, "A", "near", on_hand=5, safety_stock=1)
        level(made, "A", "far", safety_stock=3)
        assert update(made, "A", "A", "name").stock.available == 1
        made.sites["far"] = made.sites["far"]._replace(deleted=True)
        assert update(made, "A", "A", "name").stock.available == 4

    def test_only_the_named_fields_change(self) -> None:
        made = books()
        product(made, "A", price=eur("9"))
        after = update(made, "A", "B", "name")
        assert (after.sku, after.name, after.price, after.version) == ("A", "New", eur("9"), 4)

    def test_a_new_sku_is_used_by_what_comes_after_and_the_old_one_is_free(self) -> None:
        made = books()
        product(made, "A")
        update(made, "A", "B", "sku")
        with pytest.raises(ProductNotFound):
            update(made, "A", "C", "sku")
        assert update(made, "B", "C", "sku").sku == "C"
        assert create(made, "A").product_id != "id-A"

    def test_stock_and_orders_show_the_new_sku_to_what_comes_after(self) -> None:
        made = books("near", "far")
        level(made, "A", "near", on_hand=5)
        level(made, "B", "near", on_hand=5)
        order = place(made, ("A", 1), ("B", 1))
        update(made, "A", "C", "sku")
        shipped = ordered(made, ShipOrder(order.order_id, (), "", 0))
        assert [line.sku for line in shipped.lines] == ["C", "B"]
        assert place(made, ("C", 1)).lines[0].sku == "C"
        counted = decide(made, SetStock(key("C"), "far", 1, None, None, ""), context())
        assert isinstance(counted, StockChange)
        assert (counted.level.sku, counted.movement.sku) == ("C", "C")
        with pytest.raises(InsufficientStock) as refused:
            place(made, ("C", 99))
        assert refused.value.shortages[0].sku == "C"
        assert {move.sku for move in made.movements[2:]} == {"B", "C"}

    def test_its_own_sku_is_not_taken(self) -> None:
        made = books()
        product(made, "A")
        assert update(made, "A", "A", "sku").version == 4

    def test_anothers_is(self) -> None:
        made = books()
        product(made, "A")
        product(made, "B")
        with pytest.raises(SkuTaken):
            update(made, "A", "B", "sku")

    def test_a_new_price_is_that_of_the_next_order(self) -> None:
        made = books()
        product(made, "A", price=eur("9"))
        update(made, "A", "", "price")
        item = made.item(key("A"))
        assert item is not None
        assert item.price == eur("1")

    def test_a_stale_version_is_refused_before_a_taken_sku(self) -> None:
        made = books()
        product(made, "A")
        product(made, "B")
        with pytest.raises(VersionMismatch):
            update(made, "A", "B", "sku", version=2)


class TestDeleteProduct:
    @pytest.mark.parametrize("counter", ["on_hand", "allocated", "held"])
    def test_nothing_that_has_stock_is_deleted(self, counter: str) -> None:
        made = books("near", "far")
        level(made, "A", "near")
        level(made, "A", "far", **{counter: 1})
        with pytest.raises(ProductInUse) as refused:
            delete(made, "A")
        assert getattr(refused.value, counter) == 1

    def test_once_deleted_it_is_not_found_by_either_key(self) -> None:
        made = books()
        product(made, "A")
        assert delete(made, "A").delete_time == NOW
        for gone in (key("A"), ProductKey(product_id="id-A")):
            with pytest.raises(ProductNotFound) as refused:
                decide(made, DeleteProduct(gone, 0), context())
            assert refused.value.missing == [str(gone)]

    def test_a_stale_version_is_refused(self) -> None:
        made = books()
        product(made, "A")
        with pytest.raises(VersionMismatch):
            delete(made, "A", version=2)


class TestUndeleteProduct:
    def test_it_comes_back_with_its_sku(self) -> None:
        made = books()
        product(made, "A", deleted=True)
        assert undelete(made, "id-A").delete_time is None
        assert delete(made, "A").version == 5

    def test_not_if_the_sku_is_used_again(self) -> None:
        made = books()
        product(made, "A", deleted=True)
        product(made, "B")
        update(made, "B", "A", "sku")
        with pytest.raises(SkuTaken) as refused:
            undelete(made, "id-A")
        assert refused.value.product_id == "id-B"

    def test_a_live_product_is_not_deleted(self) -> None:
        made = books()
        product(made, "A")
        with pytest.raises(ProductNotDeleted):
            undelete(made, "id-A")

    def test_an_unknown_one_is_not_found(self) -> None:
        with pytest.raises(ProductNotFound):
            undelete(books(), "id-A")


def with_location(name: str, *, deleted: bool = False) -> Books:
    made = books(name)
    made.locations[name] = Location(name, name, 0, {}, 3, NOW, NOW, NOW if deleted else None)
    made.sites[name] = made.sites[name]._replace(deleted=deleted)
    return made


class TestLocations:
    def test_a_location_id_is_never_used_again(self) -> None:
        for deleted in (False, True):
            with pytest.raises(LocationTaken):
                decide(with_location("shop", deleted=deleted), CreateLocation("shop", "", 0, {}),
                       context())  # fmt: skip

    @pytest.mark.parametrize("counter", ["on_hand", "allocated", "held"])
    def test_a_location_that_holds_anything_stays(self, counter: str) -> None:
        made = with_location("shop")
        level(made, "A", "shop", **{counter: 1})
        with pytest.raises(LocationInUse) as refused:
            decide(made, DeleteLocation("shop", 0), context())
        assert getattr(refused.value, counter) == 1

    def test_default_stays_though_it_is_empty(self) -> None:
        with pytest.raises(LocationInUse):
            decide(with_location("default"), DeleteLocation("default", 0), context())

    def test_a_deleted_location_cannot_be_changed_or_deleted_again(self) -> None:
        made = with_location("shop")
        gone = decide(made, DeleteLocation("shop", 3), context())
        assert isinstance(gone, Location)
        assert (gone.delete_time, gone.version) == (NOW, 4)
        fields = frozenset({"priority"})
        for command in (
            DeleteLocation("shop", 0), UpdateLocation("shop", fields, "", 1, {}, 0),
        ):  # fmt: skip
            with pytest.raises(LocationNotFound):
                decide(made, command, context())

    def test_a_new_priority_is_that_of_the_next_allocation(self) -> None:
        made = with_location("shop")
        fields = frozenset({"priority"})
        decide(made, UpdateLocation("shop", fields, "ignored", 7, {}, 3), context())
        assert made.sites["shop"].priority == 7
        assert made.locations["shop"].display_name == "shop"
