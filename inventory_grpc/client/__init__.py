"""A client of inventory.v1 that survives what happens between a shop and its inventory.

    from decimal import Decimal

    from inventory_grpc.client import InsufficientStock, InventoryClient, decimal, money

    with InventoryClient("127.0.0.1:50051") as client:
        client.create_product("MUG", "Mug", price=money(Decimal("9.90"), "EUR"), initial_stock=10)
        try:
            order = client.create_order([("MUG", 2)], customer_reference="web-1042").order
        except InsufficientStock as refused:
            print([(each.sku, each.available) for each in refused.shortages])
        else:
            print(order.order_id, decimal(order.total), order.total.currency_code)
        for placed in client.list_orders(customer_reference="web-1042", statuses=["PENDING"]):
            client.ship_order(placed.order_id)
        with client.hold([("MUG", 3)], ttl=300) as hold:
            hold.convert(customer_reference="web-1043")

Calls take plain values as keyword arguments and answer the response messages of the API, whose
fields are documented in the protos. `AsyncInventoryClient` has the same calls for asyncio: `await`
them, and `async for` over lists and watches. See `InventoryClient` for what is done without
asking, `Policy` for deadlines and retries, and the exceptions for what a refusal tells.
"""

from inventory_grpc.client import rows
from inventory_grpc.client.aio.client import AsyncInventoryClient
from inventory_grpc.client.aio.held import AsyncHeld
from inventory_grpc.client.aio.pages import AsyncPages
from inventory_grpc.client.aio.watch import AsyncWatch
from inventory_grpc.client.batches import Row
from inventory_grpc.client.connect import ApiKey, Tls, Token
from inventory_grpc.client.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    InventoryError,
    NotFound,
    OutOfRange,
    ResourceExhausted,
    ServerError,
    Unavailable,
)
from inventory_grpc.client.options import new_request_id
from inventory_grpc.client.policy import Limits, Policy
from inventory_grpc.client.refusals import (
    AnswerTooLarge,
    Bug,
    Contention,
    CurrencyMismatch,
    DatabaseUnavailable,
    Draining,
    HoldBudgetExceeded,
    HoldConverted,
    HoldExpired,
    HoldNotFound,
    HoldReleased,
    InsufficientStock,
    InvalidFields,
    InvalidTransition,
    LocationInUse,
    LocationNotFound,
    LocationTaken,
    LockTimeout,
    MalformedRequest,
    OrderNotFound,
    Overloaded,
    PageTokenInvalid,
    PermissionDenied,
    ProductInUse,
    ProductNotDeleted,
    ProductNotFound,
    QuantityExceeded,
    QuantityLimit,
    RateLimited,
    RequestIdReused,
    ResumeTokenExpired,
    SkuTaken,
    SlowConsumer,
    TotalTooLarge,
    Unauthenticated,
    VersionMismatch,
)
from inventory_grpc.client.sync.client import InventoryClient
from inventory_grpc.client.sync.held import Held
from inventory_grpc.client.sync.pages import Pages
from inventory_grpc.client.sync.watch import Watch
from inventory_grpc.client.values import decimal, money, product_id

__all__ = [
    "Aborted",
    "AlreadyExists",
    "AnswerTooLarge",
    "ApiKey",
    "AsyncHeld",
    "AsyncInventoryClient",
    "AsyncPages",
    "AsyncWatch",
    "Bug",
    "Contention",
    "CurrencyMismatch",
    "DatabaseUnavailable",
    "DeadlineExceeded",
    "Draining",
    "FailedPrecondition",
    "Held",
    "HoldBudgetExceeded",
    "HoldConverted",
    "HoldExpired",
    "HoldNotFound",
    "HoldReleased",
    "InsufficientStock",
    "InvalidArgument",
    "InvalidFields",
    "InvalidTransition",
    "InventoryClient",
    "InventoryError",
    "Limits",
    "LocationInUse",
    "LocationNotFound",
    "LocationTaken",
    "LockTimeout",
    "MalformedRequest",
    "NotFound",
    "OrderNotFound",
    "OutOfRange",
    "Overloaded",
    "PageTokenInvalid",
    "Pages",
    "PermissionDenied",
    "Policy",
    "ProductInUse",
    "ProductNotDeleted",
    "ProductNotFound",
    "QuantityExceeded",
    "QuantityLimit",
    "RateLimited",
    "RequestIdReused",
    "ResourceExhausted",
    "ResumeTokenExpired",
    "Row",
    "ServerError",
    "SkuTaken",
    "SlowConsumer",
    "Tls",
    "Token",
    "TotalTooLarge",
    "Unauthenticated",
    "Unavailable",
    "VersionMismatch",
    "Watch",
    "decimal",
    "money",
    "new_request_id",
    "product_id",
    "rows",
]
