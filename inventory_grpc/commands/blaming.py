"""Where a stock level's numbers come from: its movements added up, and the latest of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from rich.text import Text

from inventory_grpc.commands.output.columns import GROUP, LEVEL, MOVEMENT
from inventory_grpc.commands.output.printer import as_plain
from inventory_grpc.commands.output.table import lines, rows_of
from inventory_grpc.commands.session import Session
from inventory_grpc.v1.common_pb2 import ProductKey
from inventory_grpc.v1.stock_pb2 import MovementKind, StockLevel, StockMovementSummary

_READINGS_MAX: Final = 5

Group = StockMovementSummary.Group


@dataclass(frozen=True, slots=True)
class Account:
    """One level, and what adds up to it."""

    level: StockLevel
    groups: Sequence[Group]
    sums: Group

    @property
    def adds_up(self) -> bool:
        """Whether the groups come to the counters."""
        told = (self.level.on_hand, self.level.allocated, self.level.held)
        return told == (self.sums.on_hand_delta, self.sums.allocated_delta, self.sums.held_delta)


def blame(session: Session, product: ProductKey, location: str, latest: int) -> None:
    """Print it all; programs get `stock_levels`, `groups` and `movements`."""
    accounts = _read(session, product, location)
    levels = [each.level for each in accounts]
    wanted = session.client.list_stock_movements(
        product=product, location_id=location, page_size=max(latest, 1)
    )
    movements = list(islice(wanted, latest))
    groups = [group for each in accounts for group in each.groups]
    printer = session.printer
    if printer.format == "csv":
        printer.many(GROUP, groups)
    elif printer.format == "table":
        printer.table(LEVEL, levels)
        for each in accounts:
            printer.lines(_told(each, printer.width))
        printer.lines([Text(), Text("the latest movements", style="bold")])
        printer.table(MOVEMENT, movements)
    else:
        printer.plain(
            {
                "stock_levels": [as_plain(each) for each in levels],
                "groups": [as_plain(each) for each in groups],
                "movements": [as_plain(each) for each in movements],
            }
        )


def _read(session: Session, product: ProductKey, location: str) -> list[Account]:
    """Levels and sums of one moment: read again while stock moves in between."""
    accounts: list[Account] = []
    for _ in range(_READINGS_MAX):
        before = _levels(session, product, location)
        summary = session.client.get_stock_movement_summary(product, location).summary
        after = _levels(session, product, location)
        accounts = [_account(level, summary) for level in after]
        still = [each.version for each in before] == [each.version for each in after]
        if still and all(each.adds_up for each in accounts):
            return accounts
    session.printer.note("stock moves while it is read: the sums are of a moment before or after")
    return accounts


def _levels(session: Session, product: ProductKey, location: str) -> list[StockLevel]:
    if location:
        return [session.client.get_stock_level(product, location).stock_level]
    return list(session.client.list_stock_levels(product=product, page_size=1_000))


def _account(level: StockLevel, summary: StockMovementSummary) -> Account:
    groups = [each for each in summary.groups if each.location_id == level.location_id]
    sums = _sum(groups)
    due = sums.held_delta - level.held
    if due > 0 and (sums.on_hand_delta, sums.allocated_delta) == (level.on_hand, level.allocated):
        # Units of a hold whose time is over count no more, also before the movement is written.
        expired = MovementKind.MOVEMENT_KIND_HOLD_EXPIRED
        groups.append(
            Group(location_id=level.location_id, kind=expired, actor="(due)", held_delta=-due)
        )
        sums = _sum(groups)
    return Account(level, groups, sums)


def _sum(groups: Sequence[Group]) -> Group:
    return Group(
        actor="sum",
        movements=sum(each.movements for each in groups),
        on_hand_delta=sum(each.on_hand_delta for each in groups),
        allocated_delta=sum(each.allocated_delta for each in groups),
        held_delta=sum(each.held_delta for each in groups),
    )


def _told(account: Account, width: int | None) -> Iterator[Text]:
    yield Text()
    yield Text(f"{account.level.sku} at {account.level.location_id}, added up", style="bold")
    rows = list(rows_of(GROUP, [*account.groups, account.sums]))
    *most, total = lines(GROUP.columns, rows, width)
    yield from most
    yield Text(total.plain, style="bold")
