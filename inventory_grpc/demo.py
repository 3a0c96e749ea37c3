"""A small catalogue to try things with: products, places, stock and prices.

It goes through the service itself, command by command, each under a request id that never changes:
loading it again gives the stored answers, or refusals that change nothing.
"""

import uuid
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Final

from inventory_grpc.domain.commands import Command, CreateLocation, CreateProduct
from inventory_grpc.domain.model import DEFAULT_LOCATION, Money
from inventory_grpc.engine.request import Request
from inventory_grpc.services.mutations import Mutations

CALLER: Final = "demo"
"""Who did it, in the ledger; also keeps these request ids apart from every client's."""

ORDERED_SKU: Final = "MUG-BLUE"
"""A product with enough stock to order."""

_CURRENCY: Final = "EUR"
_NAMESPACE: Final = uuid.UUID("6f1f3c0a-6c5b-5b0e-9a52-0d1c6a1f7e11")


@dataclass(frozen=True, slots=True)
class _Item:
    sku: str
    name: str
    description: str
    price: str
    category: str
    stock: tuple[int, int, int]
    """On hand in the default location, Berlin and Lyon."""


_LOCATIONS: Final = (
    CreateLocation("berlin", "Berlin warehouse", 10, {"country": "de"}),
    CreateLocation("lyon", "Lyon shop", 20, {"country": "fr"}),
)

_ITEMS: Final = (
    _Item(ORDERED_SKU, "Blue mug", "Stoneware, 350 ml.", "12.50", "kitchen", (480, 120, 36)),
    _Item("MUG-WHITE", "White mug", "Stoneware, 350 ml.", "11.90", "kitchen", (310, 95, 24)),
    _Item("TEAPOT-1L", "Teapot", "Porcelain, 1 l.", "39.00", "kitchen", (60, 22, 8)),
    _Item("KETTLE-STEEL", "Kettle", "Steel, 1.7 l.", "54.90", "kitchen", (45, 18, 6)),
    _Item("KNIFE-CHEF-20", "Chef's knife", "Blade of 20 cm.", "79.00", "kitchen", (32, 14, 5)),
    _Item("BOARD-OAK", "Cutting board", "Oiled oak, 40 cm.", "34.50", "kitchen", (85, 40, 12)),
    _Item("TOWEL-LINEN", "Linen towel", "50 x 70 cm.", "14.00", "textile", (220, 80, 40)),
    _Item("APRON-GREY", "Apron", "Cotton, with pockets.", "29.90", "textile", (70, 30, 10)),
    _Item("LAMP-DESK", "Desk lamp", "Dimmable, 6 W.", "64.00", "light", (28, 16, 4)),
    _Item("CANDLE-SET-6", "Candles", "Beeswax, set of six.", "18.90", "light", (140, 60, 30)),
    _Item("NOTEBOOK-A5", "Notebook", "Dotted, 160 pages.", "9.80", "paper", (400, 150, 75)),
    _Item("PEN-FOUNTAIN", "Fountain pen", "Nib M, refillable.", "42.00", "paper", (50, 20, 3)),
)


async def load(mutations: Mutations) -> None:
    """Create what is missing. Raises DomainError for what may be tried again."""
    for key, command in _commands():
        await mutations.execute(_request(key, command), time_left=None)


def _commands() -> list[tuple[str, Command]]:
    locations = [(f"location {each.location_id}", each) for each in _LOCATIONS]
    return [*locations, *((f"product {item.sku}", _product(item)) for item in _ITEMS)]


def _product(item: _Item) -> CreateProduct:
    places = (DEFAULT_LOCATION, *(each.location_id for each in _LOCATIONS))
    return CreateProduct(
        sku=item.sku,
        name=item.name,
        description=item.description,
        price=Money(_CURRENCY, Decimal(item.price)),
        labels={"category": item.category},
        initial_stock=tuple(zip(places, item.stock, strict=True)),
    )


def _request(key: str, command: Command) -> Request:
    return Request(
        caller=CALLER,
        request_id=str(uuid.uuid5(_NAMESPACE, key)),
        # Of the key, not the content: a later release may describe a product differently.
        fingerprint=blake2b(key.encode(), digest_size=16).digest(),
        command=command,
        # Nobody reads the answer.
        encode=lambda _result: b"",
    )
