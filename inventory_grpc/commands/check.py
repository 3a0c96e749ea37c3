"""`inventory-grpc check`: CheckConsistency of a running server, for operators."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Final, Literal, cast

import grpc
import typer

from inventory_grpc.commands.app import command, new_app
from inventory_grpc.commands.keys import is_id
from inventory_grpc.commands.target import Target, reached
from inventory_grpc.dial import Dial, DialError
from inventory_grpc.v1.common_pb2 import ProductKey
from inventory_grpc.v1.stock_pb2 import CheckConsistencyRequest, CheckConsistencyResponse
from inventory_grpc.v1.stock_pb2_grpc import StockServiceStub

Output = Literal["text", "json"]

_CLEAN: Final = 0
_VIOLATIONS: Final = 1
_NOT_CHECKED: Final = 2


app = new_app()


@command(app)
def check(
    *,
    product: Annotated[
        list[str] | None,
        typer.Option("--product", help="Id or SKU of a product; may be repeated. Without it: all."),
    ] = None,
    output: Annotated[Output, typer.Option(help="One line or object each.")] = "text",
    timeout_seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="How long to wait for the end. [default: no limit]"),
    ] = None,
    target: Target = None,
    dial: Dial,
) -> None:
    """Have a running server prove that counters, ledger, orders and holds agree.

    Exits with 0 if they do, 1 if not, 2 if it could not be checked.
    """
    raise typer.Exit(_check(*reached(target, dial), product or (), output, timeout_seconds))


def _check(
    target: str,
    dial: Dial,
    products: Sequence[str],
    output: Output,
    timeout_seconds: float | None,
) -> int:
    """Print what the server at `target` finds; 0 nothing, 1 violations, 2 it could not check."""
    request = CheckConsistencyRequest(
        products=[
            ProductKey(product_id=each) if is_id(each) else ProductKey(sku=each)
            for each in products
        ]
    )
    last = None
    try:
        with dial.channel(target) as channel:
            checking = StockServiceStub(channel).CheckConsistency
            for last in checking(request, timeout=timeout_seconds, metadata=dial.metadata()):
                sys.stdout.write(_line(last, output))
    except DialError as error:
        return _failed(target, str(error))
    except grpc.RpcError as error:
        # What a call raises is also the finished call itself, which knows its code.
        call = cast("grpc.Call", error)
        return _failed(target, f"{call.code().name}: {call.details()}")
    if last is None or not last.HasField("summary"):
        return _failed(target, "its answer has no end")
    return _VIOLATIONS if last.summary.violations else _CLEAN


def _failed(target: str, why: str) -> int:
    # A server's words may be of several lines.
    sys.stderr.write(f"could not check {target}: {' '.join(why.split())}\n")
    return _NOT_CHECKED


def _line(item: CheckConsistencyResponse, output: Output) -> str:
    if item.HasField("violation"):
        return (_violation_json if output == "json" else _violation_text)(item.violation)
    return (_summary_json if output == "json" else _summary_text)(item.summary)


def _violation_text(violation: CheckConsistencyResponse.Violation) -> str:
    first_bad = violation.first_bad_version
    since = f", first bad version {first_bad}" if first_bad else ""
    return (
        f"{violation.invariant}: product {violation.product_id} at {violation.location_id}: "
        f"expected {violation.expected}, actual {violation.actual}{since}\n"
    )


def _summary_text(summary: CheckConsistencyResponse.Summary) -> str:
    seconds = (summary.end_time.ToDatetime() - summary.start_time.ToDatetime()).total_seconds()
    return (
        f"checked {summary.products} products, {summary.levels} stock levels and "
        f"{summary.movements} movements in {seconds:.1f} s: {summary.violations} violations\n"
    )


def _violation_json(violation: CheckConsistencyResponse.Violation) -> str:
    return _json(
        "violation",
        invariant=violation.invariant,
        product_id=violation.product_id,
        location_id=violation.location_id,
        expected=violation.expected,
        actual=violation.actual,
        first_bad_version=violation.first_bad_version,
    )


def _summary_json(summary: CheckConsistencyResponse.Summary) -> str:
    return _json(
        "summary",
        products=summary.products,
        levels=summary.levels,
        movements=summary.movements,
        violations=summary.violations,
        start_time=summary.start_time.ToJsonString(),
        end_time=summary.end_time.ToJsonString(),
    )


def _json(kind: str, **values: str | int) -> str:
    return json.dumps({kind: values}) + "\n"
