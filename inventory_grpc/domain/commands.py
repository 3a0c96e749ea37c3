"""Commands: mutations as plain data, valid in form, waiting for their batch.

Whoever builds one has checked its form (ranges, characters, required fields); what depends on
stored data is decided later, under the locks.
"""

from datetime import timedelta
from enum import IntEnum

from inventory_grpc.domain.model import AdjustmentReason, Labels, Money, ProductKey
from inventory_grpc.domain.record import record
from inventory_grpc.domain.status import OrderStatus


class AllocationStrategy(IntEnum):
    """From which locations units are taken when a line names none."""

    PRIORITY = 1
    MOST_STOCK = 2
    SINGLE_LOCATION = 3


class Disposition(IntEnum):
    """What becomes of returned units."""

    RESTOCK = 1
    DISCARD = 2


class Remainder(IntEnum):
    """What becomes of the units that a conversion leaves."""

    KEEP = 1
    RELEASE = 2


@record
class DemandLine:
    """One demanded quantity; an empty location_id lets the strategy choose."""

    product: ProductKey
    quantity: int
    location_id: str = ""


@record
class LineQuantity:
    """Units of one line of an existing order or hold."""

    line_number: int
    quantity: int


@record
class ReturnLine:
    """Units coming back; an empty location_id means where they were taken."""

    line_number: int
    quantity: int
    disposition: Disposition
    location_id: str = ""


@record
class PlaceOrder:
    """CreateOrder. Result: Order."""

    lines: tuple[DemandLine, ...]
    allocation: AllocationStrategy
    customer_reference: str
    labels: Labels
    optimistic: bool = False
    """Decide on rows read without locks, and write only if they are still the same."""


@record
class ChangeOrderStatus:
    """UpdateOrderStatus. Result: Order."""

    order_id: str
    status: OrderStatus
    reason: str
    expected_version: int


@record
class ShipOrder:
    """ShipOrder; no lines = everything open. Result: Order."""

    order_id: str
    lines: tuple[LineQuantity, ...]
    reason: str
    expected_version: int


@record
class CancelOrder:
    """CancelOrder; no lines = everything open. Result: Order."""

    order_id: str
    lines: tuple[LineQuantity, ...]
    reason: str
    recall: bool
    expected_version: int


@record
class ReturnOrder:
    """ReturnOrder. Result: Order."""

    order_id: str
    lines: tuple[ReturnLine, ...]
    reason: str
    expected_version: int


@record
class AdjustStock:
    """AdjustStock. Result: StockChange."""

    product: ProductKey
    location_id: str
    delta: int
    reason: AdjustmentReason
    note: str
    expected_version: int


@record
class SetStock:
    """SetStock. Both expectations None = unchecked. Result: StockChange."""

    product: ProductKey
    location_id: str
    on_hand: int
    expected_on_hand: int | None
    expected_version: int | None
    note: str


@record
class SetStockPolicy:
    """SetStockPolicy; None = unchanged. Result: StockChange."""

    product: ProductKey
    location_id: str
    safety_stock: int | None
    backorder_limit: int | None
    low_stock_threshold: int | None
    clear_low_stock_threshold: bool
    expected_version: int


@record
class TransferStock:
    """TransferStock; the location of each line is empty. Result: Transfer."""

    from_location_id: str
    to_location_id: str
    lines: tuple[DemandLine, ...]
    note: str


@record
class CreateProduct:
    """CreateProduct. Result: Product."""

    sku: str
    name: str
    description: str
    price: Money | None
    labels: Labels
    initial_stock: tuple[tuple[str, int], ...]
    """(location_id, units)"""


@record
class UpdateProduct:
    """UpdateProduct; ``fields`` names which of the values below to take. Result: Product."""

    product: ProductKey
    fields: frozenset[str]
    sku: str
    name: str
    description: str
    price: Money | None
    labels: Labels
    expected_version: int


@record
class DeleteProduct:
    """DeleteProduct. Result: Product."""

    product: ProductKey
    expected_version: int


@record
class UndeleteProduct:
    """UndeleteProduct. Result: Product."""

    product_id: str
    expected_version: int


@record
class CreateLocation:
    """CreateLocation. Result: Location."""

    location_id: str
    display_name: str
    priority: int
    labels: Labels


@record
class UpdateLocation:
    """UpdateLocation; ``fields`` names which of the values below to take. Result: Location."""

    location_id: str
    fields: frozenset[str]
    display_name: str
    priority: int
    labels: Labels
    expected_version: int


@record
class DeleteLocation:
    """DeleteLocation. Result: Location."""

    location_id: str
    expected_version: int


@record
class CreateHold:
    """CreateHold. Result: Hold."""

    lines: tuple[DemandLine, ...]
    ttl: timedelta
    owner_reference: str
    allow_partial: bool
    allocation: AllocationStrategy
    optimistic: bool = False


@record
class ExtendHold:
    """ExtendHold; the hold ends ``ttl`` from now, which may be earlier. Result: Hold."""

    hold_id: str
    ttl: timedelta
    expected_version: int


@record
class ConvertHold:
    """ConvertHold; no lines = everything open. Result: Conversion."""

    hold_id: str
    lines: tuple[LineQuantity, ...]
    remainder: Remainder
    customer_reference: str
    labels: Labels
    expected_version: int


@record
class ReleaseHold:
    """ReleaseHold. Result: Hold."""

    hold_id: str
    reason: str
    expected_version: int


@record
class ExpireHolds:
    """The sweeper's: write the expiry of those that are due. Result: Expiry."""

    hold_ids: tuple[str, ...]


@record
class RepairLevel:
    """An operator's: let a level, its ledger and its lines agree again. Result: LevelRepair."""

    product_id: str
    location_id: str


OrderCommand = ChangeOrderStatus | ShipOrder | CancelOrder | ReturnOrder
StockCommand = AdjustStock | SetStock | SetStockPolicy | TransferStock | RepairLevel
ProductCommand = CreateProduct | UpdateProduct | DeleteProduct | UndeleteProduct
LocationCommand = CreateLocation | UpdateLocation | DeleteLocation
HoldCommand = CreateHold | ExtendHold | ConvertHold | ReleaseHold | ExpireHolds
Command = PlaceOrder | OrderCommand | HoldCommand | StockCommand | ProductCommand | LocationCommand
