"""Refusals: every expected "no", as a small typed error with fields.

``reason`` is the name of an ErrorReason value; ``metadata`` goes to the caller as it is. Which gRPC
code a reason has is the edge's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from inventory_grpc.domain.model import ProductKey, StockLevel
from inventory_grpc.domain.record import record
from inventory_grpc.domain.status import OrderStatus


class DomainError(Exception):
    """Base of all refusals."""

    reason: ClassVar[str]
    subject: str = ""
    """Id of the resource it is about, if it is about one."""
    subject_type: str = ""
    """Type of that resource: product, location, order, stock_level, request."""

    @property
    def message(self) -> str:
        """One sentence for a developer."""
        raise NotImplementedError

    @property
    def metadata(self) -> dict[str, str]:
        """Facts for a program; never credentials."""
        return {}

    def __str__(self) -> str:
        return self.message


@record
class Violation:
    """One malformed field: its path and what is wrong with it."""

    field: str
    description: str


@dataclass(eq=False)
class InvalidFields(DomainError):
    """The request is malformed; lists every violation."""

    reason = "INVALID_FIELD"
    violations: Sequence[Violation]

    @property
    def message(self) -> str:
        first = self.violations[0]
        more = f" (and {len(self.violations) - 1} more)" if len(self.violations) > 1 else ""
        return f"{first.field}: {first.description}{more}"

    @property
    def metadata(self) -> dict[str, str]:
        return {"violations_total": str(len(self.violations))}


@dataclass(eq=False)
class MalformedRequest(DomainError):
    """The bytes are not a message of the method's type."""

    reason = "MALFORMED_REQUEST"
    method: str

    @property
    def message(self) -> str:
        return "the request's bytes are not a valid message of this method's request type"

    @property
    def metadata(self) -> dict[str, str]:
        return {"method": self.method}


class PageTokenInvalid(DomainError):
    """The page token was not made here, or for another filter or order."""

    reason = "PAGE_TOKEN_INVALID"

    @property
    def message(self) -> str:
        return "page_token was not made by this service for this filter and order; start without"


@dataclass(eq=False)
class RequestIdReused(DomainError):
    """The request_id came before with another method or payload."""

    reason = "REQUEST_ID_REUSED"
    request_id: str

    @property
    def message(self) -> str:
        return "request_id was used before for another method or payload; make a new one"

    @property
    def metadata(self) -> dict[str, str]:
        return {"request_id": self.request_id}


@dataclass(eq=False)
class AnswerTooLarge(DomainError):
    """The answer would exceed what one message should carry."""

    reason = "ANSWER_TOO_LARGE"
    bytes: int
    bytes_max: int

    @property
    def message(self) -> str:
        return f"the answer would be {self.bytes} bytes, more than {self.bytes_max}; ask for fewer"

    @property
    def metadata(self) -> dict[str, str]:
        return {"bytes": str(self.bytes), "bytes_max": str(self.bytes_max)}


@dataclass(eq=False)
class NotFound(DomainError):
    """Something named does not exist; lists every unknown key."""

    missing: Sequence[str]
    noun: ClassVar[str]

    @property
    def message(self) -> str:
        return f"no such {self.noun}: {', '.join(self.missing)}"

    @property
    def metadata(self) -> dict[str, str]:
        return {"missing": ",".join(self.missing)}

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.missing[0]

    @property
    def subject_type(self) -> str:  # type: ignore[override]
        return self.noun


class ProductNotFound(NotFound):
    """Unknown, or deleted where a live one is needed. Keys read ``sku:X`` / ``product_id:X``."""

    reason = "PRODUCT_NOT_FOUND"
    noun = "product"

    @classmethod
    def of(cls, *keys: ProductKey) -> "ProductNotFound":
        """From the keys as the caller sent them."""
        return cls([str(key) for key in keys])


class LocationNotFound(NotFound):
    """Unknown or deleted."""

    reason = "LOCATION_NOT_FOUND"
    noun = "location"


class OrderNotFound(NotFound):
    """Unknown."""

    reason = "ORDER_NOT_FOUND"
    noun = "order"


@dataclass(eq=False)
class SkuTaken(DomainError):
    """A live product has the SKU."""

    reason = "SKU_TAKEN"
    subject_type = "product"
    sku: str
    product_id: str

    @property
    def message(self) -> str:
        return f"another product has the SKU {self.sku}"

    @property
    def metadata(self) -> dict[str, str]:
        return {"sku": self.sku, "product_id": self.product_id}

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.product_id


@dataclass(eq=False)
class LocationTaken(DomainError):
    """The location id is or was in use."""

    reason = "LOCATION_TAKEN"
    subject_type = "location"
    location_id: str

    @property
    def message(self) -> str:
        return f"the location_id {self.location_id} is or was in use"

    @property
    def metadata(self) -> dict[str, str]:
        return {"location_id": self.location_id}

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.location_id


@dataclass(eq=False)
class ProductNotDeleted(DomainError):
    """The product is live, so it cannot be undeleted."""

    reason = "PRODUCT_NOT_DELETED"
    subject_type = "product"
    product_id: str

    @property
    def message(self) -> str:
        return "the product is not deleted"

    @property
    def metadata(self) -> dict[str, str]:
        return {"product_id": self.product_id}

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.product_id


@record
class Shortage:
    """One demand that stock does not cover, and the counters as the refusal saw them."""

    line_index: int
    product_id: str
    sku: str
    location_id: str
    requested: int
    available: int
    on_hand: int
    allocated: int
    held: int
    safety_stock: int

    @classmethod
    def at(
        cls,
        line_index: int,
        requested: int,
        available: int,
        levels: Sequence[StockLevel],
        location_id: str,
    ) -> "Shortage":
        """Sums the counters of ``levels``, all of one product."""
        return cls(
            line_index,
            levels[0].product_id,
            levels[0].sku,
            location_id,
            requested,
            max(available, 0),
            sum(level.on_hand for level in levels),
            sum(level.allocated for level in levels),
            sum(level.held for level in levels),
            sum(level.safety_stock for level in levels),
        )


@dataclass(eq=False)
class InsufficientStock(DomainError):
    """Not enough stock; says line by line what was asked for and what there was."""

    reason = "INSUFFICIENT_STOCK"
    subject_type = "product"
    shortages: Sequence[Shortage]

    @property
    def message(self) -> str:
        first = self.shortages[0]
        more = f" (and {len(self.shortages) - 1} more)" if len(self.shortages) > 1 else ""
        return (
            f"line {first.line_index}: {first.requested} of {first.sku} requested, "
            f"{first.available} available{more}"
        )

    @property
    def metadata(self) -> dict[str, str]:
        return {"shortages_total": str(len(self.shortages))}

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.shortages[0].product_id


@dataclass(eq=False)
class InvalidTransition(DomainError):
    """The order's state does not allow what was asked for."""

    reason = "INVALID_TRANSITION"
    subject_type = "order"
    order_id: str
    current: OrderStatus
    wanted: OrderStatus
    allowed: Sequence[OrderStatus]

    @property
    def message(self) -> str:
        allowed = ", ".join(status.name for status in self.allowed) or "nothing"
        return f"the order is {self.current.name}; it may become {allowed}, not {self.wanted.name}"

    @property
    def metadata(self) -> dict[str, str]:
        return {
            "order_id": self.order_id,
            "from": self.current.name,
            "to": self.wanted.name,
            "allowed": ",".join(status.name for status in self.allowed),
        }

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.order_id


@dataclass(eq=False)
class QuantityExceeded(DomainError):
    """More units than the line has open, shipped or held (possible 0: also no such line)."""

    reason = "QUANTITY_EXCEEDED"
    subject_type = "order"
    order_id: str
    line_number: int
    requested: int
    possible: int

    @property
    def message(self) -> str:
        return (
            f"line {self.line_number}: {self.requested} requested, at most {self.possible} possible"
        )

    @property
    def metadata(self) -> dict[str, str]:
        return {
            "order_id": self.order_id,
            "line_number": str(self.line_number),
            "requested": str(self.requested),
            "possible": str(self.possible),
        }

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.order_id


@dataclass(eq=False)
class InUse(DomainError):
    """It still has stock on hand, allocated or held (or is the default location)."""

    resource_id: str
    on_hand: int
    allocated: int
    held: int

    @property
    def message(self) -> str:
        return (
            f"the {self.subject_type} {self.resource_id} is in use: {self.on_hand} on hand, "
            f"{self.allocated} allocated, {self.held} held"
        )

    @property
    def metadata(self) -> dict[str, str]:
        return {
            f"{self.subject_type}_id": self.resource_id,
            "on_hand": str(self.on_hand),
            "allocated": str(self.allocated),
            "held": str(self.held),
        }

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.resource_id


class ProductInUse(InUse):
    """The product cannot be deleted while it has stock."""

    reason = "PRODUCT_IN_USE"
    subject_type = "product"


class LocationInUse(InUse):
    """The location cannot be deleted while it holds stock, ``default`` never."""

    reason = "LOCATION_IN_USE"
    subject_type = "location"


@dataclass(eq=False)
class CurrencyMismatch(DomainError):
    """The lines' prices are in different currencies."""

    reason = "CURRENCY_MISMATCH"
    subject_type = "order"
    currencies: Sequence[str]

    @property
    def message(self) -> str:
        return f"one order cannot mix the currencies {', '.join(self.currencies)}"

    @property
    def metadata(self) -> dict[str, str]:
        return {"currencies": ",".join(self.currencies)}


@dataclass(eq=False)
class TotalTooLarge(DomainError):
    """The order's total is beyond what money fields can carry."""

    reason = "TOTAL_TOO_LARGE"
    subject_type = "order"
    total: str

    @property
    def message(self) -> str:
        return f"the total {self.total} exceeds 999999999999.9999"

    @property
    def metadata(self) -> dict[str, str]:
        return {"total": self.total}


@dataclass(eq=False)
class QuantityLimit(DomainError):
    """A counter would exceed 10^15 units."""

    reason = "QUANTITY_LIMIT"
    subject_type = "stock_level"
    product_id: str
    location_id: str
    counter: str

    @property
    def message(self) -> str:
        return f"{self.counter} at {self.location_id} would exceed 10^15 units"

    @property
    def metadata(self) -> dict[str, str]:
        return {
            "product_id": self.product_id,
            "location_id": self.location_id,
            "counter": self.counter,
        }

    @property
    def subject(self) -> str:  # type: ignore[override]
        return f"{self.product_id}/{self.location_id}"


@dataclass(eq=False)
class VersionMismatch(DomainError):
    """The resource is no longer what the caller knew."""

    reason = "VERSION_MISMATCH"
    expected_version: int
    current_version: int
    current_on_hand: int | None = None

    @property
    def message(self) -> str:
        return f"the current version is {self.current_version}; read again and decide anew"

    @property
    def metadata(self) -> dict[str, str]:
        facts = {
            "expected_version": str(self.expected_version),
            "current_version": str(self.current_version),
        }
        if self.current_on_hand is not None:
            facts["current_on_hand"] = str(self.current_on_hand)
        return facts


@dataclass(eq=False)
class Contention(DomainError):
    """Every allowed attempt met a conflict with another transaction."""

    reason = "CONTENTION"
    attempts: int

    @property
    def message(self) -> str:
        return "another writer was faster every time; retry with the same request_id"

    @property
    def metadata(self) -> dict[str, str]:
        return {"attempts": str(self.attempts)}


@dataclass(eq=False)
class Unavailable(DomainError):
    """Not now; the caller may retry with the same request_id after ``retry_after_ms``."""

    retry_after_ms: int = field(default=1000, kw_only=True)


@dataclass(eq=False)
class Overloaded(Unavailable):
    """The server has as much work as it can hold."""

    reason = "OVERLOADED"
    limit: str

    @property
    def message(self) -> str:
        return f"the server is at its limit ({self.limit}); retry with the same request_id"

    @property
    def metadata(self) -> dict[str, str]:
        return {"limit": self.limit}


class Draining(Unavailable):
    """The server is shutting down."""

    reason = "DRAINING"

    @property
    def message(self) -> str:
        return "the server is shutting down; retry with the same request_id"


class DatabaseUnavailable(Unavailable):
    """The database does not answer; whether a mutation took effect is unknown."""

    reason = "DATABASE_UNAVAILABLE"

    @property
    def message(self) -> str:
        return "the database does not answer; retry with the same request_id"


@dataclass(eq=False)
class LockTimeout(Unavailable):
    """A row stayed locked by somebody else for too long."""

    reason = "LOCK_TIMEOUT"
    waited_ms: int

    @property
    def message(self) -> str:
        return "a row stayed locked by somebody else; retry with the same request_id"

    @property
    def metadata(self) -> dict[str, str]:
        return {"waited_ms": str(self.waited_ms)}
