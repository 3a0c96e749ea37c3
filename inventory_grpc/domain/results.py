"""What a command answers when it is not refused."""

from inventory_grpc.domain.model import Hold, Location, Order, Product, StockLevel, StockMovement
from inventory_grpc.domain.record import record


@record
class StockChange:
    """A level after a change, and the movement that changed it."""

    level: StockLevel
    movement: StockMovement


@record
class Transfer:
    """Every level a transfer touched, by key, and its movements, out and in, line by line."""

    transfer_id: str
    levels: tuple[StockLevel, ...]
    movements: tuple[StockMovement, ...]


@record
class Conversion:
    """A hold after a conversion, and the order it made."""

    hold: Hold
    order: Order


@record
class Expiry:
    """What a sweep wrote."""

    holds: int


Result = Order | StockChange | Transfer | Product | Location | Hold | Conversion | Expiry
