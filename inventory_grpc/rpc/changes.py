"""Changes to the bytes of their messages."""

from inventory_grpc.domain.changes import Cause, Change
from inventory_grpc.domain.model import Hold, Order, Product, StockLevel
from inventory_grpc.rpc import convert
from inventory_grpc.v1 import changes_pb2


def message(source: Change, token: str) -> bytes:
    """The serialized WatchChangesResponse; the same for every stream."""
    response = changes_pb2.WatchChangesResponse(resume_token=token)
    target = response.change
    target.event_id = source.event_id
    target.kind = changes_pb2.ChangeKind.ValueType(source.kind)
    target.version = source.version
    target.occur_time.CopyFrom(convert.timestamp(source.occur_time))
    _cause(source.cause, target.cause)
    _resource(source.resource, target)
    if source.movement is not None:
        convert.movement(source.movement, target.movement)
    return response.SerializeToString()


def checkpoint(token: str) -> bytes:
    """The serialized WatchChangesResponse that says nothing but how far the stream is."""
    response = changes_pb2.WatchChangesResponse(resume_token=token)
    response.checkpoint.SetInParent()
    return response.SerializeToString()


def _cause(source: Cause, into: changes_pb2.Cause) -> None:
    into.order_id = source.order_id
    into.hold_id = source.hold_id
    into.request_id = source.request_id
    into.actor = source.actor
    into.SetInParent()


def _resource(source: Product | StockLevel | Hold | Order, into: changes_pb2.Change) -> None:
    match source:
        case Product():
            convert.product(source, into.product)
            # It changes without the product.
            into.product.ClearField("stock")
        case StockLevel():
            convert.stock_level(source, into.stock_level)
        case Hold():
            convert.hold(source, into.hold)
        case Order():
            convert.order(source, into.order)
