"""`inventory-grpc watch`: follows what a running server commits, one line per change."""

import signal
import sys
import time
from collections.abc import Sequence
from typing import Annotated, Final, Literal, cast

import grpc
import typer
from google.protobuf.json_format import MessageToJson
from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.commands.app import command, new_app
from inventory_grpc.commands.target import Target, reached
from inventory_grpc.dial import Dial, DialError
from inventory_grpc.v1.changes_pb2 import (
    Change,
    ChangeFilter,
    ChangeKind,
    WatchChangesRequest,
    WatchChangesResponse,
)
from inventory_grpc.v1.changes_pb2_grpc import ChangeServiceStub
from inventory_grpc.v1.holds_pb2 import Hold, HoldStatus
from inventory_grpc.v1.orders_pb2 import Order, OrderStatus
from inventory_grpc.v1.products_pb2 import Product
from inventory_grpc.v1.stock_pb2 import MovementKind, StockLevel, StockMovement

Output = Literal["text", "json"]

KINDS: Final = tuple(
    name.removeprefix("CHANGE_KIND_") for name, number in ChangeKind.items() if number
)
"""What `--kind` takes."""

_BACKOFF_SECONDS: Final = 0.2
_BACKOFF_SECONDS_MAX: Final = 5.0
_STOPPED: Final = 0
_REFUSED: Final = 1


app = new_app()


@command(app)
def watch(
    *,
    resume_token: Annotated[
        str, typer.Option(help="Show what came after it. [default: what comes from now on]")
    ] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="PRODUCT, STOCK_LEVEL, HOLD, ORDER, LOW_STOCK or STOCK_RECOVERED; "
            "may be repeated. Without it: all."
        ),
    ] = None,
    output: Annotated[Output, typer.Option(help="One line or object each.")] = "text",
    target: Target = None,
    dial: Dial,
) -> None:
    """Show every change that a running server commits, until Ctrl-C.

    Goes on by itself after a restart of the server. The last line, on standard error, is the token
    to resume by. Exits with 1 if the server refuses.
    """
    kinds = [each.upper() for each in kind or ()]
    if unknown := [each for each in kinds if each not in KINDS]:
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(KINDS)}")
    raise typer.Exit(Watch(*reached(target, dial), kinds, output).run(resume_token))


class Watch:
    """Follows until Ctrl-C, through restarts of the server; then says how to go on."""

    def __init__(self, target: str, dial: Dial, kinds: Sequence[str], output: Output) -> None:
        self._target = target
        self._dial = dial
        self._filter = ChangeFilter(kinds=[ChangeKind.Value(f"CHANGE_KIND_{k}") for k in kinds])
        self._line = _json if output == "json" else _text
        self._token = ""
        self._has_begun = False
        """The stream of the moment: it has told something."""

    def run(self, resume_token: str) -> int:
        """Print until interrupted (0) or refused (1)."""
        self._token = resume_token
        # As a service manager ends it; a shell in the background may have it ignore Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with self._dial.channel(self._target) as channel:
                return self._follow(ChangeServiceStub(channel))
        except DialError as error:
            sys.stderr.write(f"{self._target}: {error}\n")
            return _REFUSED
        except KeyboardInterrupt:
            return _STOPPED
        finally:
            if self._token:
                sys.stderr.write(f"resume token: {self._token}\n")

    def _follow(self, changes: ChangeServiceStub) -> int:
        backoff = _BACKOFF_SECONDS
        while True:
            before = self._token
            try:
                self._print(changes)
            except grpc.RpcError as error:
                # What a call raises is also the finished call itself, which knows its code.
                call = cast("grpc.Call", error)
                why = " ".join((call.details() or "").split())
                sys.stderr.write(f"{self._target}: {call.code().name}: {why}\n")
                if not self._may_resume_after(call.code()):
                    return _REFUSED
                backoff = _BACKOFF_SECONDS if self._token != before else backoff
                time.sleep(backoff)
                backoff = min(2 * backoff, _BACKOFF_SECONDS_MAX)

    def _may_resume_after(self, code: grpc.StatusCode) -> bool:
        if code is grpc.StatusCode.UNAUTHENTICATED:
            # The token that it began with has expired; the file may have another one.
            return self._has_begun
        return code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}

    def _print(self, changes: ChangeServiceStub) -> None:
        self._has_begun = False
        request = WatchChangesRequest(resume_token=self._token, filter=self._filter)
        for answer in changes.WatchChanges(request, metadata=self._dial.metadata()):
            if answer.HasField("change"):
                sys.stdout.write(self._line(answer))
                sys.stdout.flush()
            self._token = answer.resume_token
            self._has_begun = True


def _json(answer: WatchChangesResponse) -> str:
    return MessageToJson(answer, indent=None) + "\n"


def _text(answer: WatchChangesResponse) -> str:
    change = answer.change
    kind = ChangeKind.Name(change.kind).removeprefix("CHANGE_KIND_")
    parts = [_moment(change.occur_time), f"{kind:<15}", f"v{change.version:<5}", _resource(change)]
    if change.HasField("movement"):
        parts.append(_movement(change.movement))
    return " ".join(parts) + "\n"


def _moment(moment: Timestamp) -> str:
    return moment.ToDatetime().isoformat(timespec="milliseconds") + "Z"


def _resource(change: Change) -> str:
    match change.WhichOneof("resource"):
        case "product":
            return _product(change.product)
        case "stock_level":
            return _level(change.stock_level)
        case "hold":
            return _hold(change.hold)
        case "order":
            return _order(change.order)
    return ""


def _product(product: Product) -> str:
    deleted = " deleted" if product.HasField("delete_time") else ""
    return f"{product.sku} {product.product_id}{deleted}"


def _level(level: StockLevel) -> str:
    return (
        f"{level.sku} at {level.location_id}: on hand {level.on_hand}, "
        f"allocated {level.allocated}, held {level.held}, available {level.available}"
    )


def _hold(hold: Hold) -> str:
    status = HoldStatus.Name(hold.status).removeprefix("HOLD_STATUS_")
    return f"{hold.hold_id} {status}, {len(hold.lines)} lines"


def _order(order: Order) -> str:
    status = OrderStatus.Name(order.status).removeprefix("ORDER_STATUS_")
    return f"{order.order_id} {status}, {len(order.lines)} lines"


def _movement(movement: StockMovement) -> str:
    kind = MovementKind.Name(movement.kind).removeprefix("MOVEMENT_KIND_")
    deltas = {
        "on hand": movement.on_hand_delta,
        "allocated": movement.allocated_delta,
        "held": movement.held_delta,
    }
    told = ", ".join(f"{name} {delta:+}" for name, delta in deltas.items() if delta)
    return f"({kind}{': ' if told else ''}{told})"
