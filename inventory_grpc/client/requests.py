"""Requests from plain Python values: what calls send, and the rows of batches.

The functions without an underscore make rows. A row gets its request_id when it is made, so that
a list of rows can be sent again, whatever became of it the first time.
"""

from collections.abc import Iterable, Mapping

from google.protobuf.field_mask_pb2 import FieldMask

from inventory_grpc.client.options import new_request_id
from inventory_grpc.client.values import (
    AdjustmentReasonName,
    Allocation,
    Disposition,
    Labels,
    Lines,
    Locking,
    OrderStatusName,
    ProductRef,
    Seconds,
    demand,
    duration,
    product_key,
)
from inventory_grpc.v1.common_pb2 import AllocationStrategy, LockingStrategy, Money
from inventory_grpc.v1.holds_pb2 import CreateHoldRequest
from inventory_grpc.v1.locations_pb2 import Location, UpdateLocationRequest
from inventory_grpc.v1.orders_pb2 import (
    CreateOrderRequest,
    OrderStatus,
    ReturnDisposition,
    ReturnLine,
    UpdateOrderStatusRequest,
)
from inventory_grpc.v1.products_pb2 import (
    CreateProductRequest,
    InitialStock,
    Product,
    UpdateProductRequest,
)
from inventory_grpc.v1.stock_pb2 import (
    AdjustmentReason,
    AdjustStockRequest,
    SetStockRequest,
    TransferLine,
)

ReturnedLine = tuple[int, int, Disposition] | tuple[int, int, Disposition, str] | ReturnLine
"""What comes back: (line_number, quantity, disposition), or the same with a location_id."""
TransferLines = Iterable[tuple[ProductRef, int]]


def order(
    lines: Lines,
    *,
    customer_reference: str = "",
    labels: Labels | None = None,
    allocation: Allocation = "PRIORITY",
    locking: Locking = "PESSIMISTIC",
    request_id: str = "",
) -> CreateOrderRequest:
    """A row of `batch_create_orders`; see `create_order`."""
    return CreateOrderRequest(
        lines=demand(lines),
        customer_reference=customer_reference,
        labels=labels,
        allocation=AllocationStrategy.Value(f"ALLOCATION_STRATEGY_{allocation}"),
        locking=LockingStrategy.Value(f"LOCKING_STRATEGY_{locking}"),
        request_id=request_id or new_request_id(),
    )


def status(
    order_id: str,
    status: OrderStatusName,
    *,
    reason: str = "",
    expected_version: int = 0,
    request_id: str = "",
) -> UpdateOrderStatusRequest:
    """A row of `batch_update_order_status`; see `update_order_status`."""
    return UpdateOrderStatusRequest(
        order_id=order_id,
        status=OrderStatus.Value(f"ORDER_STATUS_{status}"),
        reason=reason,
        expected_version=expected_version,
        request_id=request_id or new_request_id(),
    )


def product(
    sku: str,
    name: str,
    *,
    description: str = "",
    price: Money | None = None,
    labels: Labels | None = None,
    initial_stock: int | Mapping[str, int] = 0,
    request_id: str = "",
) -> CreateProductRequest:
    """A row of `batch_create_products`; see `create_product`."""
    made = Product(sku=sku, name=name, description=description, price=price, labels=labels)
    return CreateProductRequest(
        product=made,
        initial_stock=_initial_stock(initial_stock),
        request_id=request_id or new_request_id(),
    )


def adjustment(
    product: ProductRef,
    delta: int,
    reason: AdjustmentReasonName,
    *,
    location_id: str = "",
    note: str = "",
    expected_version: int = 0,
    request_id: str = "",
) -> AdjustStockRequest:
    """A row of `batch_adjust_stock`; see `adjust_stock`."""
    return AdjustStockRequest(
        product=product_key(product),
        location_id=location_id,
        delta=delta,
        reason=AdjustmentReason.Value(f"ADJUSTMENT_REASON_{reason}"),
        note=note,
        expected_version=expected_version,
        request_id=request_id or new_request_id(),
    )


def _initial_stock(stock: int | Mapping[str, int]) -> list[InitialStock]:
    if isinstance(stock, int):
        stock = {"": stock} if stock else {}
    return [InitialStock(location_id=place, quantity=units) for place, units in stock.items()]


def returned_lines(lines: Iterable[ReturnedLine]) -> list[ReturnLine]:
    """The lines of a return."""
    return [line if isinstance(line, ReturnLine) else _returned_line(*line) for line in lines]


def _returned_line(
    line_number: int, quantity: int, disposition: Disposition, location_id: str = ""
) -> ReturnLine:
    return ReturnLine(
        line_number=line_number,
        quantity=quantity,
        disposition=ReturnDisposition.Value(f"RETURN_DISPOSITION_{disposition}"),
        location_id=location_id,
    )


def product_update(
    product: ProductRef, changes: Mapping[str, object], *, clear_price: bool
) -> UpdateProductRequest:
    """Changes what is not None, and takes the price away if asked."""
    given = {name: value for name, value in changes.items() if value is not None}
    if clear_price and "price" in given:
        raise ValueError("a price cannot be set and cleared at once")
    paths = [*given, *(["price"] if clear_price else [])]
    key = product_key(product)
    if key.WhichOneof("key") == "sku":
        if "sku" in given:
            raise ValueError("to change the SKU, name the product by its id: product_id(…)")
        given["sku"] = key.sku
    changed = Product(product_id=key.product_id, **given)  # type: ignore[arg-type]
    return UpdateProductRequest(product=changed, update_mask=FieldMask(paths=paths))


def location_update(location_id: str, changes: Mapping[str, object]) -> UpdateLocationRequest:
    """Changes what is not None."""
    given = {name: value for name, value in changes.items() if value is not None}
    return UpdateLocationRequest(
        location=Location(location_id=location_id, **given),  # type: ignore[arg-type]
        update_mask=FieldMask(paths=list(given)),
    )


def transfer_lines(lines: TransferLines) -> list[TransferLine]:
    """The lines of a transfer."""
    return [TransferLine(product=product_key(each), quantity=units) for each, units in lines]


def set_precondition(
    request: SetStockRequest,
    expected_on_hand: int | None,
    expected_version: int | None,
    *,
    unchecked: bool,
) -> None:
    """Exactly one of the three; ValueError else."""
    if (expected_on_hand is not None) + (expected_version is not None) + unchecked != 1:
        raise ValueError("give exactly one of expected_on_hand, expected_version and unchecked")
    if expected_on_hand is not None:
        request.expected_on_hand = expected_on_hand
    elif expected_version is not None:
        request.expected_version = expected_version
    else:
        request.unchecked = True


def hold(
    lines: Lines,
    ttl: Seconds,
    *,
    owner_reference: str,
    allow_partial: bool,
    allocation: Allocation,
    locking: Locking,
) -> CreateHoldRequest:
    """What `create_hold` and `hold` send."""
    return CreateHoldRequest(
        lines=demand(lines),
        ttl=duration(ttl),
        owner_reference=owner_reference,
        allow_partial=allow_partial,
        allocation=AllocationStrategy.Value(f"ALLOCATION_STRATEGY_{allocation}"),
        locking=LockingStrategy.Value(f"LOCKING_STRATEGY_{locking}"),
    )
