"""What the books are made of, beside the nouns themselves."""

from datetime import datetime
from typing import NamedTuple

from inventory_grpc.domain.model import Money
from inventory_grpc.domain.record import record


class StaleBooksError(Exception):
    """The books lack a row that a decision needs: they changed between lock and read."""


@record
class Item:
    """What an order has to know of a product."""

    product_id: str
    sku: str
    price: Money | None
    deleted: bool


class Site(NamedTuple):
    """What an allocation has to know of a location; sorts by who is asked first."""

    priority: int
    location_id: str
    deleted: bool


@record
class StoredAnswer:
    """What an earlier call with the same key was answered."""

    fingerprint: bytes
    code: int
    body: bytes


@record
class DueLine:
    """Open units of a hold whose time is over, at a level that is locked."""

    hold_id: str
    line_number: int
    product_id: str
    location_id: str
    converted: int
    released: int
    units: int
    """Still set aside."""
    expire_time: datetime
    expired: int = 0
    """Before; more than 0 only if somebody edited the line."""


@record
class LineChange:
    """A hold's line as it is to be stored."""

    converted: int
    released: int
    expired: int
    expire_time: datetime


@record
class LedgerRepair:
    """Rows of a level's ledger up to ``stock_version`` have been looked at."""

    product_id: str
    location_id: str
    stock_version: int
    found: str
    """What was wrong, as JSON."""


LevelKey = tuple[str, str]
"""(product_id, location_id)"""

AnswerKey = tuple[str, str]
"""(caller, request_id)"""
