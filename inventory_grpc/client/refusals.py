"""The exceptions of every ErrorReason; each says what can be done about it."""

from collections.abc import Sequence
from datetime import datetime

from inventory_grpc.client.errors import (
    FAMILIES,
    Aborted,
    AlreadyExists,
    Facts,
    FailedPrecondition,
    InvalidArgument,
    InventoryError,
    NotFound,
    OutOfRange,
    ResourceExhausted,
    ServerError,
    Unavailable,
)
from inventory_grpc.v1.errors_pb2 import FieldViolation, StockShortage

# INVALID_ARGUMENT ----------------------------------------------------------------------------


class InvalidFields(InvalidArgument, reason="INVALID_FIELD"):
    """One or more fields are malformed; `violations` has every one of them."""

    @property
    def violations(self) -> Sequence[FieldViolation]:
        """`field` is the path in the request, `description` what is wrong and what is allowed."""
        return self.facts.violations


class MalformedRequest(InvalidArgument, reason="MALFORMED_REQUEST"):
    """The request's bytes are no message of the method's type."""


class PageTokenInvalid(InvalidArgument, reason="PAGE_TOKEN_INVALID"):
    """The page token is of another filter or order: start again without one."""


class RequestIdReused(InvalidArgument, reason="REQUEST_ID_REUSED"):
    """The request_id was used before for something else."""


class AnswerTooLarge(InvalidArgument, reason="ANSWER_TOO_LARGE"):
    """The answer would exceed `bytes_max`: ask for fewer."""

    @property
    def bytes_max(self) -> int | None:
        """What an answer may have."""
        return self._number("bytes_max")


# NOT_FOUND -----------------------------------------------------------------------------------


class ProductNotFound(NotFound, reason="PRODUCT_NOT_FOUND"):
    """No such product, or it is deleted."""


class LocationNotFound(NotFound, reason="LOCATION_NOT_FOUND"):
    """No such location, or it is deleted."""


class OrderNotFound(NotFound, reason="ORDER_NOT_FOUND"):
    """No such order."""


class HoldNotFound(NotFound, reason="HOLD_NOT_FOUND"):
    """No such hold."""


# ALREADY_EXISTS ------------------------------------------------------------------------------


class SkuTaken(AlreadyExists, reason="SKU_TAKEN"):
    """Another product has the SKU."""

    @property
    def product_id(self) -> str:
        """The product that has it; empty while that one is only about to be made."""
        return self._text("product_id")


class LocationTaken(AlreadyExists, reason="LOCATION_TAKEN"):
    """The location_id is or was in use."""


class ProductNotDeleted(AlreadyExists, reason="PRODUCT_NOT_DELETED"):
    """There is nothing to undelete."""


# FAILED_PRECONDITION -------------------------------------------------------------------------


class InsufficientStock(FailedPrecondition, reason="INSUFFICIENT_STOCK"):
    """Not enough can be promised or taken; `shortages` says of what."""

    @property
    def shortages(self) -> Sequence[StockShortage]:
        """Line by line what was asked for and what there is; the first ones if `truncated`."""
        return self.facts.shortages

    @property
    def truncated(self) -> bool:
        """True when there are more shortages than told."""
        return (self._number("shortages_total") or 0) > len(self.shortages)


class InvalidTransition(FailedPrecondition, reason="INVALID_TRANSITION"):
    """The order's status does not allow it."""

    @property
    def allowed(self) -> list[str]:
        """The statuses that may be asked for instead, such as `DELIVERED`."""
        return self._texts("allowed")


class QuantityExceeded(FailedPrecondition, reason="QUANTITY_EXCEEDED"):
    """A line has fewer units than asked for."""

    @property
    def line_number(self) -> int | None:
        """Which line."""
        return self._number("line_number")

    @property
    def possible(self) -> int | None:
        """How many units it has."""
        return self._number("possible")


class ProductInUse(FailedPrecondition, reason="PRODUCT_IN_USE"):
    """The product has stock on hand, allocated or held."""


class LocationInUse(FailedPrecondition, reason="LOCATION_IN_USE"):
    """The location holds stock, or is `default`."""


class CurrencyMismatch(FailedPrecondition, reason="CURRENCY_MISMATCH"):
    """The prices of the lines are in different currencies."""


class TotalTooLarge(FailedPrecondition, reason="TOTAL_TOO_LARGE"):
    """The total exceeds 999,999,999,999.9999."""


class QuantityLimit(FailedPrecondition, reason="QUANTITY_LIMIT"):
    """A counter would exceed 10^15."""


class HoldExpired(FailedPrecondition, reason="HOLD_EXPIRED"):
    """The hold's time is over: make a new one."""

    @property
    def expire_time(self) -> datetime | None:
        """Since when."""
        value = self._text("expire_time")
        return datetime.fromisoformat(value) if value else None


class HoldConverted(FailedPrecondition, reason="HOLD_CONVERTED"):
    """The hold became an order already."""

    @property
    def order_id(self) -> str:
        """Which; the last one, if it became several."""
        return self._text("order_id")


class HoldReleased(FailedPrecondition, reason="HOLD_RELEASED"):
    """The hold was released: make a new one."""


# ABORTED, OUT_OF_RANGE -----------------------------------------------------------------------


class VersionMismatch(Aborted, reason="VERSION_MISMATCH"):
    """It is no longer as the caller knew it: read again and decide anew. Never repeated as is."""

    @property
    def current_version(self) -> int | None:
        """Its version now."""
        return self._number("current_version")

    @property
    def current_on_hand(self) -> int | None:
        """Of `set_stock`: the units on hand now."""
        return self._number("current_on_hand")


class Contention(Aborted, reason="CONTENTION"):
    """Others changed the same every time, in every attempt of the server and of this client."""


class ResumeTokenExpired(OutOfRange, reason="RESUME_TOKEN_EXPIRED"):
    """What came after the token is no longer kept: list again, and watch from the list's token."""

    @property
    def oldest_token(self) -> str:
        """Resumes before the oldest change that is still kept."""
        return self._text("oldest_token")


# RESOURCE_EXHAUSTED --------------------------------------------------------------------------


class RateLimited(ResourceExhausted, reason="RATE_LIMITED"):
    """The caller makes more calls than it may; the client has waited as long as it had time."""

    @property
    def limit(self) -> str:
        """What is limited, such as `writes_per_second`."""
        return self._text("limit")


class HoldBudgetExceeded(ResourceExhausted, reason="HOLD_BUDGET_EXCEEDED"):
    """More than this server lets a caller hold. Not repeated by itself."""

    @property
    def limit(self) -> str:
        """What is limited: `lines`, `units`, `lifetime_seconds` or `caller_units`."""
        return self._text("limit")

    @property
    def allowed(self) -> int | None:
        """How much of it."""
        return self._number("allowed")


class SlowConsumer(ResourceExhausted, reason="SLOW_CONSUMER"):
    """A watch did not take what came; the client's `watch` resumes by itself."""


# UNAVAILABLE, INTERNAL and who may call ------------------------------------------------------


class Overloaded(Unavailable, reason="OVERLOADED"):
    """The server has as many calls as it can hold."""


class Draining(Unavailable, reason="DRAINING"):
    """The server is shutting down."""


class DatabaseUnavailable(Unavailable, reason="DATABASE_UNAVAILABLE"):
    """The server's database does not answer."""


class LockTimeout(Unavailable, reason="LOCK_TIMEOUT"):
    """A row stayed locked by somebody else for too long."""


class Bug(ServerError, reason="INTERNAL"):
    """A bug in the server, whose log has it all under `incident`."""

    @property
    def incident(self) -> str:
        """Tell it to whoever operates the server."""
        return self._text("incident")


class Unauthenticated(InventoryError, reason="UNAUTHENTICATED"):
    """There is no credential, or none that counts."""


class PermissionDenied(InventoryError, reason="PERMISSION_DENIED"):
    """The caller is known and lacks the role `needed`."""

    @property
    def needed(self) -> str:
        """The role, such as `writer`."""
        return self._text("needed")


def error_of(facts: Facts) -> InventoryError:
    """The error of the narrowest class that fits."""
    found = InventoryError.by_reason.get(facts.reason)
    return (found or FAMILIES.get(facts.code, InventoryError))(facts)
