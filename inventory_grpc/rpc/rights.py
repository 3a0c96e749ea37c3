"""Who may call which method: the least role of each. A method without an entry is for nobody.

Deleting a product is undone by one call and refused while there is stock of it, so that whoever
runs a warehouse may do it. Locations say how the shop is laid out; the id of a deleted one never
comes back. To prove the books reads all of them, which is more than looking something up.
"""

from collections.abc import Iterator
from typing import Final

from inventory_grpc.domain.caller import Role

_PRODUCTS: Final = "ProductService"
_LOCATIONS: Final = "LocationService"
_STOCK: Final = "StockService"
_HOLDS: Final = "HoldService"
_ORDERS: Final = "OrderService"
_CHANGES: Final = "ChangeService"

_ENTRIES: Final = (
    (Role.READER, _PRODUCTS, "GetProduct BatchGetProducts ListProducts"),
    (Role.READER, _LOCATIONS, "GetLocation ListLocations"),
    (Role.READER, _STOCK, "GetStockLevel ListStockLevels BatchGetAvailability ListStockMovements"),
    (Role.READER, _STOCK, "GetStockMovementSummary"),
    (Role.READER, _HOLDS, "GetHold ListHolds"),
    (Role.READER, _ORDERS, "GetOrder BatchGetOrders ListOrders ListOrderEvents"),
    (Role.READER, _CHANGES, "WatchChanges"),
    (Role.WRITER, _HOLDS, "CreateHold ExtendHold ConvertHold ReleaseHold"),
    (Role.WRITER, _ORDERS, "CreateOrder BatchCreateOrders ShipOrder CancelOrder ReturnOrder"),
    (Role.WRITER, _ORDERS, "UpdateOrderStatus BatchUpdateOrderStatus"),
    (Role.OPERATOR, _PRODUCTS, "CreateProduct BatchCreateProducts UpdateProduct"),
    (Role.OPERATOR, _PRODUCTS, "DeleteProduct UndeleteProduct"),
    (Role.OPERATOR, _STOCK, "AdjustStock BatchAdjustStock SetStock SetStockPolicy TransferStock"),
    (Role.OPERATOR, _STOCK, "CheckConsistency"),
    (Role.ADMIN, _LOCATIONS, "CreateLocation UpdateLocation DeleteLocation"),
)


def entries() -> Iterator[tuple[str, Role]]:
    """Every entry: /package.Service/Method, and the least role that may call it."""
    for role, service, methods in _ENTRIES:
        for method in methods.split():
            yield f"/inventory.v1.{service}/{method}", role


_NEEDED: Final = dict(entries())


def needed_for(method: str) -> Role | None:
    """The least role that may call /package.Service/Method; None: nobody may."""
    return _NEEDED.get(method)
