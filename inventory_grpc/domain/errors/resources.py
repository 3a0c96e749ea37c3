"""Refusals about whether something is there, is taken or is in use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from inventory_grpc.domain.errors.base import DomainError
from inventory_grpc.domain.model import ProductKey


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


class HoldNotFound(NotFound):
    """Unknown."""

    reason = "HOLD_NOT_FOUND"
    noun = "hold"


@dataclass(eq=False)
class SkuTaken(DomainError):
    """A live product has the SKU; ``product_id`` is empty while it is only about to be made."""

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
        return self.product_id or f"sku:{self.sku}"


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
