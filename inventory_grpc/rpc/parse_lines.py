"""What requests about orders and holds have in common: their lines, and how they are taken."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import AllocationStrategy
from inventory_grpc.rpc import validate
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import common_pb2

_Sent = TypeVar("_Sent")
_Line = TypeVar("_Line")

_ALLOCATIONS: Final[Mapping[int, AllocationStrategy]] = {0: AllocationStrategy.PRIORITY} | {
    int(way): way for way in AllocationStrategy
}
_OPTIMISTIC: Final[Mapping[int, bool]] = {
    common_pb2.LOCKING_STRATEGY_UNSPECIFIED: False,
    common_pb2.LOCKING_STRATEGY_PESSIMISTIC: False,
    common_pb2.LOCKING_STRATEGY_OPTIMISTIC: True,
}


_DEMANDED_AT: Final = [f"lines[{index}]." for index in range(validate.LINES_MAX)]
"""Where each line of a new order or hold is, made once for all of them."""


def allocation(value: int, found: Violations) -> AllocationStrategy:
    """The strategy; PRIORITY by default."""
    return validate.enum(value, _ALLOCATIONS, found, "", "allocation")


def optimistic(value: int, found: Violations) -> bool:
    """Whether to decide without locks; by default not."""
    return validate.enum(value, _OPTIMISTIC, found, "", "locking")


def demand_lines(
    lines: Sequence[common_pb2.DemandLine], found: Violations
) -> tuple[commands.DemandLine, ...]:
    """1-100 lines; an empty location_id stays empty: the strategy chooses."""
    validate.count(lines, (1, validate.LINES_MAX), found, "lines")
    # Ends with the places: no more lines are looked at than are allowed.
    at_each = zip(lines, _DEMANDED_AT, strict=False)
    return tuple([_demand_line(line, found, at) for line, at in at_each])


def line_quantities(
    lines: Sequence[common_pb2.LineQuantity], found: Violations
) -> tuple[commands.LineQuantity, ...]:
    """At most 1,000 existing lines, each once; none is allowed."""
    parsed = existing_lines(lines, 0, found, _line_quantity)
    _refuse_repeated((line.line_number for line in parsed), found)
    return parsed


def existing_lines(
    lines: Sequence[_Sent],
    least: int,
    found: Violations,
    parse: Callable[[_Sent, Violations, str], _Line],
) -> tuple[_Line, ...]:
    """From ``least`` to 1,000 lines of something that exists."""
    looked_at = validate.count(lines, (least, validate.ORDER_LINES_MAX), found, "lines")
    return tuple(
        parse(line, found, f"lines[{index}].") for index, line in enumerate(lines[:looked_at])
    )


def _demand_line(line: common_pb2.DemandLine, found: Violations, at: str) -> commands.DemandLine:
    return commands.DemandLine(
        validate.product_key(line.product, found, at, "product"),
        validate.quantity(line.quantity, found, at, "quantity"),
        validate.optional_location_id(line.location_id, found, at, "location_id"),
    )


def _line_quantity(
    line: common_pb2.LineQuantity, found: Violations, at: str
) -> commands.LineQuantity:
    return commands.LineQuantity(
        validate.line_number(line.line_number, found, at, "line_number"),
        validate.quantity(line.quantity, found, at, "quantity"),
    )


def _refuse_repeated(line_numbers: Iterable[int], found: Violations) -> None:
    first: dict[int, int] = {}
    for index, line_number in enumerate(line_numbers):
        if first.setdefault(line_number, index) != index:
            found.add(f"lines[{index}].line_number", f"repeats lines[{first[line_number]}]")
