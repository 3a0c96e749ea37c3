"""Refusals: every expected "no", as a small typed error with fields.

``reason`` is the name of an ErrorReason value; ``metadata`` goes to the caller as it is. Which gRPC
code a reason has is the edge's business.
"""

from inventory_grpc.domain.errors.access import (
    PermissionDenied,
    RateLimited,
    Unauthenticated,
)
from inventory_grpc.domain.errors.base import (
    DomainError,
)
from inventory_grpc.domain.errors.holds import (
    HoldBudgetExceeded,
    HoldConverted,
    HoldExpired,
    HoldReleased,
    HoldResolved,
)
from inventory_grpc.domain.errors.orders import (
    CurrencyMismatch,
    InvalidTransition,
    QuantityExceeded,
    TotalTooLarge,
)
from inventory_grpc.domain.errors.passing import (
    Contention,
    DatabaseUnavailable,
    Draining,
    LockTimeout,
    Overloaded,
    Unavailable,
)
from inventory_grpc.domain.errors.requests import (
    AnswerTooLarge,
    InvalidFields,
    MalformedRequest,
    PageTokenInvalid,
    RequestIdReused,
    VersionMismatch,
    Violation,
)
from inventory_grpc.domain.errors.resources import (
    HoldNotFound,
    InUse,
    LocationInUse,
    LocationNotFound,
    LocationTaken,
    NotFound,
    OrderNotFound,
    ProductInUse,
    ProductNotDeleted,
    ProductNotFound,
    SkuTaken,
)
from inventory_grpc.domain.errors.stock import (
    InsufficientStock,
    QuantityLimit,
    Shortage,
)
from inventory_grpc.domain.errors.streams import (
    ResumeTokenExpired,
    SlowConsumer,
)

__all__ = [
    "AnswerTooLarge",
    "Contention",
    "CurrencyMismatch",
    "DatabaseUnavailable",
    "DomainError",
    "Draining",
    "HoldBudgetExceeded",
    "HoldConverted",
    "HoldExpired",
    "HoldNotFound",
    "HoldReleased",
    "HoldResolved",
    "InUse",
    "InsufficientStock",
    "InvalidFields",
    "InvalidTransition",
    "LocationInUse",
    "LocationNotFound",
    "LocationTaken",
    "LockTimeout",
    "MalformedRequest",
    "NotFound",
    "OrderNotFound",
    "Overloaded",
    "PageTokenInvalid",
    "PermissionDenied",
    "ProductInUse",
    "ProductNotDeleted",
    "ProductNotFound",
    "QuantityExceeded",
    "QuantityLimit",
    "RateLimited",
    "RequestIdReused",
    "ResumeTokenExpired",
    "Shortage",
    "SkuTaken",
    "SlowConsumer",
    "TotalTooLarge",
    "Unauthenticated",
    "Unavailable",
    "VersionMismatch",
    "Violation",
]
