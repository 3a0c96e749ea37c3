"""Which stock levels a call names: whoever changes stock there gives back what is due there."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.model.holds import Holds
from tests.model.warehouse import Spot


class Reach(Holds):
    """Calls reach levels whether or not they are refused or replayed."""

    def reach(self, name: str, arguments: Mapping[str, Any]) -> set[Spot]:
        """(product, location), as far as there is stock."""
        reached: Callable[..., set[Spot]] = _REACHES.get(name, _nowhere)
        found = reached(self, **arguments)
        return {spot for spot in found if spot in self.levels}

    def sold(self, sku: str) -> Iterable[str]:
        return [
            key
            for key, product in self.products.items()
            if product["sku"] == sku and not product["deleted"]
        ]

    def of_products(self, *keys: str) -> set[Spot]:
        return {spot for spot in self.levels if spot[0] in keys}


def _nowhere(_: Reach, **__: Any) -> set[Spot]:
    return set()


def _demand(model: Reach, *, lines: Any, **_: Any) -> set[Spot]:
    found: set[Spot] = set()
    for sku, _, place in lines:
        for key in model.sold(sku):
            found |= {(key, place)} if place else model.of_products(key)
    return found


def _order(model: Reach, *, order: str, lines: Any = (), **_: Any) -> set[Spot]:
    own = model.orders[order]["lines"] if order in model.orders else []
    places = {line[3] for line in lines if len(line) > 3}
    return {(line["key"], place) for line in own for place in {line["place"], *places}}


def _hold(model: Reach, *, hold: str, **_: Any) -> set[Spot]:
    own = model.holds[hold]["lines"] if hold in model.holds else []
    return {(line["key"], line["place"]) for line in own}


def _sweep(model: Reach, *, holds: Iterable[str]) -> set[Spot]:
    return {spot for hold in holds for spot in _hold(model, hold=hold)}


def _level(model: Reach, *, sku: str, place: str, **_: Any) -> set[Spot]:
    return {(key, place) for key in model.sold(sku)}


def _transfer(model: Reach, *, source: str, target: str, lines: Any) -> set[Spot]:
    return {
        (key, place) for sku, _ in lines for key in model.sold(sku) for place in (source, target)
    }


def _product(model: Reach, *, sku: str, **_: Any) -> set[Spot]:
    return model.of_products(*model.sold(sku))


_REACHES: Mapping[str, Callable[..., set[Spot]]] = {
    "place": _demand,
    "create_hold": _demand,
    "set_status": _order,
    "ship": _order,
    "cancel": _order,
    "give_back": _order,
    "extend_hold": _hold,
    "convert_hold": _hold,
    "release_hold": _hold,
    "sweep": _sweep,
    "adjust": _level,
    "set_stock": _level,
    "set_policy": _level,
    "transfer": _transfer,
    "rename_product": _product,
    "delete_product": _product,
    "undelete_product": lambda model, key: model.of_products(key),
    "delete_location": lambda model, name: {spot for spot in model.levels if spot[1] == name},
}
