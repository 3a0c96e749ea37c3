"""What a command answers when it is not refused."""

from inventory_grpc.domain.consistency import Violation
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


@record
class LevelRepair:
    """What was wrong with a level, and what was posted to mend it: nothing if nothing was."""

    level: StockLevel
    found: tuple[Violation, ...]
    movements: tuple[StockMovement, ...]
    on_hand_is_known: bool
    """False: neither counter nor ledger can be trusted, so the stock has to be counted."""


_Holding = Hold | Conversion | Expiry
Result = Order | StockChange | Transfer | Product | Location | _Holding | LevelRepair
