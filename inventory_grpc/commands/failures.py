"""What a command says when it could not: what was refused, why, and what to do about it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import typer
from rich.text import Text

from inventory_grpc.client import DeadlineExceeded, InventoryError, NotFound, Unavailable
from inventory_grpc.commands.output.columns import SHORTAGE, VIOLATION
from inventory_grpc.commands.output.printer import Printer, as_plain
from inventory_grpc.commands.output.table import lines, rows_of
from inventory_grpc.dial import DialError

REFUSED: Final = 1
"""By the service; or something wrong was found."""
NOT_DONE: Final = 2
"""Wrong usage, or the server could not be reached."""
NOT_FOUND: Final = 3

HINTS: Final = {
    "INVALID_FIELD": "correct the fields above and try again",
    "PAGE_TOKEN_INVALID": "start the list again",
    "REQUEST_ID_REUSED": "this --request-id did something else before: leave it out for a new one",
    "ANSWER_TOO_LARGE": "ask for fewer at once",
    "PRODUCT_NOT_FOUND": "look with `product list --query WORD`; deleted ones with --deleted, "
    "they are named by their id",
    "LOCATION_NOT_FOUND": "look with `location list`",
    "ORDER_NOT_FOUND": "look with `order list`",
    "HOLD_NOT_FOUND": "look with `hold list`",
    "SKU_TAKEN": "another product has it: `product get SKU` shows which",
    "LOCATION_TAKEN": "ids of locations are never used twice: choose another",
    "PRODUCT_NOT_DELETED": "there is nothing to undo",
    "INSUFFICIENT_STOCK": "`stock levels KEY` shows where the rest is, `stock blame KEY` why",
    "INVALID_TRANSITION": "`order explain ID` shows how it came to its state",
    "QUANTITY_EXCEEDED": "`order get ID` and `hold get ID` show what the lines have left",
    "PRODUCT_IN_USE": "`stock levels KEY` shows what is left: ship it, release it or count it out",
    "LOCATION_IN_USE": "`stock levels --location ID` shows what is there: transfer it first",
    "CURRENCY_MISMATCH": "one order has one currency: make one per currency",
    "TOTAL_TOO_LARGE": "make several orders of it",
    "HOLD_EXPIRED": "create a new hold",
    "HOLD_CONVERTED": "it is an order now: `hold get ID` names it",
    "HOLD_RELEASED": "create a new hold",
    "HOLD_BUDGET_EXCEEDED": "release holds (`hold list --status ACTIVE`), or raise the limit",
    "VERSION_MISMATCH": "somebody changed it meanwhile: read it again and decide anew",
    "CONTENTION": "try again, or leave out --locking OPTIMISTIC",
    "UNAUTHENTICATED": "call with --api-key-file, --token-file or --tls-certificate",
    "PERMISSION_DENIED": "call as somebody with that role: the server's access file says who",
    "RATE_LIMITED": "try again a little later",
    "OVERLOADED": "try again a little later",
    "DRAINING": "the server is being stopped: try again, or another one",
    "DATABASE_UNAVAILABLE": "try again; `doctor` on the server's machine says what is wrong",
    "LOCK_TIMEOUT": "somebody keeps a row locked: `doctor` on the server's machine says who",
    "INTERNAL": "a bug: the server's log has it under that incident",
}
"""What an operator can do, by reason."""

_UNREACHABLE: Final = "is it running, and is --target right? TLS wants --tls or --tls-ca"


@contextmanager
def told(printer: Printer) -> Iterator[None]:
    """Says what went wrong inside the block and exits with the status that stands for it."""
    try:
        yield
    except InventoryError as error:
        _tell(printer, error)
        raise typer.Exit(status_of(error)) from None
    except (DialError, ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        printer.prose([_headline(" ".join(str(error).split()))], wrong=True)
        raise typer.Exit(NOT_DONE) from None


def status_of(error: InventoryError) -> int:
    """The exit status that stands for it."""
    if isinstance(error, NotFound):
        return NOT_FOUND
    return NOT_DONE if isinstance(error, Unavailable | DeadlineExceeded) else REFUSED


def _tell(printer: Printer, error: InventoryError) -> None:
    if not printer.for_people:
        printer.errors.print(_as_json(error), soft_wrap=True)
        return
    name = error.reason or error.code.name
    printer.prose([_headline(f"{name}: {' '.join(error.message.split())}")], wrong=True)
    width = printer.errors.width if printer.errors.is_terminal else None
    for resource, found in (VIOLATION, error.facts.violations), (SHORTAGE, error.facts.shortages):
        rows = list(rows_of(resource, found))
        for line in lines(resource.columns, rows, width) if rows else ():
            printer.errors.print(Text("  ") + line)
    hints = (Text.assemble(("  what to do: ", "cyan"), hint) for hint in _hints(error))
    printer.prose(hints, wrong=True)


def _hints(error: InventoryError) -> Iterator[str]:
    if error.reason in HINTS:
        yield HINTS[error.reason]
    elif isinstance(error, Unavailable):
        yield _UNREACHABLE
    elif isinstance(error, DeadlineExceeded):
        yield "wait longer with --timeout-seconds"
    if error.retry_after is not None:
        yield f"the server asks to wait {error.retry_after:g} s"
    if error.outcome_unknown and error.request_id:
        yield f"it may have been done: repeat it with --request-id {error.request_id}"


def _headline(text: str) -> Text:
    return Text.assemble(("error: ", "bold red"), text)


def _as_json(error: InventoryError) -> str:
    import json  # noqa: PLC0415

    facts: dict[str, Any] = {
        "code": error.code.name,
        "reason": error.reason,
        "message": error.message,
        "metadata": dict(error.metadata),
        "violations": [as_plain(each) for each in error.facts.violations],
        "shortages": [as_plain(each) for each in error.facts.shortages],
        "retry_after_seconds": error.retry_after,
        "request_id": error.request_id,
    }
    return json.dumps({"error": facts}, ensure_ascii=False)
