"""Form: the primitives that check one field and hand back its domain value.

Each takes the value, the request's Violations and the field's place as ``at`` (the parent's path
with its dot, such as ``lines[3].``) and ``name``; the two are joined only when something is wrong.
A primitive that finds a violation still returns a value of its type, so that the caller goes on and
finds them all; what was built from it is dropped by ``Violations.refuse_if_any``.

Work is bounded before it is done: of a list that is too long only the first ``limit`` entries are
looked at. Rules: the contract's ground rules (units, characters, limits).
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TypeVar

from google.protobuf.field_mask_pb2 import FieldMask

from inventory_grpc.domain.errors import InvalidFields, Violation
from inventory_grpc.domain.model import (
    DEFAULT_LOCATION,
    QUANTITY_MAX,
    Labels,
    ProductKey,
)
from inventory_grpc.v1 import common_pb2

LABELS_MAX = 64
LABEL_VALUE_MAX = 255
NOTE_MAX = 1024
"""Characters of a reason or note."""
REFERENCE_MAX = 255
"""Characters of a customer's or an owner's reference."""
LINES_MAX = 100
"""Lines of a new order, hold or transfer, and locations of initial stock."""
ORDER_LINES_MAX = 1000
"""Lines of an existing order or hold in one request."""
PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1000
MASK_PATHS_MAX = 100

_UUID = re.compile("-".join(f"[0-9a-fA-F]{{{length}}}" for length in (8, 4, 4, 4, 12))).fullmatch
_SKU = re.compile(r"[A-Za-z0-9._/-]{1,64}").fullmatch
_SKU_PREFIX = re.compile(r"[A-Za-z0-9._/-]{0,64}").fullmatch
_LOCATION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?").fullmatch
_LABEL_KEY = re.compile(r"[a-z0-9._-]{1,63}").fullmatch
# C0 and C1 controls but tab and newline (PostgreSQL cannot even store NUL), the bidirectional
# embeddings, overrides and isolates, which make text read as something else, and lone surrogates.
_UNCLEAN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]").search

_UNCLEAN_DESCRIPTION = (
    "must not contain control characters other than tab and newline, "
    "nor bidirectional overrides or isolates"
)

E = TypeVar("E")


class Violations:
    """Collects what is wrong with one request, in the order of its checks."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[Violation] = []

    def add(self, path: str, description: str) -> None:
        """One more."""
        self.found.append(Violation(path, description))

    def refuse_if_any(self) -> None:
        """Raises InvalidFields with all of them, if there are any."""
        if self.found:
            raise InvalidFields(self.found)


def uuid(value: str, found: Violations, at: str, name: str) -> str:
    """A required UUID in either case; lower case comes back."""
    if _UUID(value):
        return value.lower()
    found.add(at + name, "must be a UUID" if value else "is required: a UUID")
    return value


def optional_uuid(value: str, found: Violations, at: str, name: str) -> str:
    """A UUID or nothing."""
    return uuid(value, found, at, name) if value else ""


def sku(value: str, found: Violations, at: str, name: str) -> str:
    """A required SKU, case-sensitive."""
    if not _SKU(value):
        found.add(at + name, "must be 1-64 of A-Z a-z 0-9 . _ - /")
    return value


def sku_prefix(value: str, found: Violations, at: str, name: str) -> str:
    """The beginning of a SKU, or nothing."""
    if not _SKU_PREFIX(value):
        found.add(at + name, "must be at most 64 of A-Z a-z 0-9 . _ - /")
    return value


def product_key(value: common_pb2.ProductKey, found: Violations, at: str, name: str) -> ProductKey:
    """A required key: a product_id or a SKU."""
    if product_id := value.product_id:
        try:
            return _key_by_id(product_id)
        except ValueError:
            return ProductKey(uuid(product_id, found, at, f"{name}.product_id"))
    if code := value.sku:
        return ProductKey("", sku(code, found, at, f"{name}.sku"))
    match value.WhichOneof("key"):
        case None:
            found.add(at + name, "is required: product_id or sku")
        case "product_id":
            found.add(f"{at}{name}.product_id", "is required: a UUID")
        case "sku":
            found.add(f"{at}{name}.sku", "must be 1-64 of A-Z a-z 0-9 . _ - /")
    return ProductKey()


@lru_cache(maxsize=16_384)
def _key_by_id(product_id: str) -> ProductKey:
    """A shared key: never change it. Kept, because the same products are asked for again and again;
    raises ValueError, of which nothing is kept, if it is no UUID."""
    if not _UUID(product_id):
        raise ValueError
    return ProductKey(product_id.lower())


def location_id(value: str, found: Violations, at: str, name: str) -> str:
    """A required location id."""
    if not _LOCATION(value):
        found.add(
            at + name, "must be 1-63 of a-z 0-9 -, beginning and ending with a letter or digit"
        )
    return value


def optional_location_id(value: str, found: Violations, at: str, name: str) -> str:
    """A location id or nothing."""
    return location_id(value, found, at, name) if value else ""


def location_id_or_default(value: str, found: Violations, at: str, name: str) -> str:
    """A location id; nothing means ``default``."""
    return location_id(value, found, at, name) if value else DEFAULT_LOCATION


def quantity(value: int, found: Violations, at: str, name: str) -> int:
    """Units of one line, 1 .. 1,000,000,000."""
    if not 0 < value <= QUANTITY_MAX:
        found.add(at + name, "must be 1 .. 1,000,000,000")
    return value


def setting(value: int, found: Violations, at: str, name: str) -> int:
    """Units of a count or a policy, 0 .. 1,000,000,000."""
    if not 0 <= value <= QUANTITY_MAX:
        found.add(at + name, "must be 0 .. 1,000,000,000")
    return value


def line_number(value: int, found: Violations, at: str, name: str) -> int:
    """The number of an order's or a hold's line, from 1."""
    if value < 1:
        found.add(at + name, "must be at least 1")
    return value


def version(value: int, found: Violations, at: str, name: str) -> int:
    """An expected version; 0 = none."""
    if value < 0:
        found.add(at + name, "must not be negative")
    return value


def text(value: str, length_max: int, found: Violations, at: str, name: str) -> str:
    """Free text, at most ``length_max`` characters, without control characters but tab, newline."""
    if value:
        if len(value) > length_max:
            found.add(at + name, f"must be at most {length_max} characters")
        elif _UNCLEAN(value):
            found.add(at + name, _UNCLEAN_DESCRIPTION)
    return value


def required_text(value: str, length_max: int, found: Violations, at: str, name: str) -> str:
    """Free text that must not be empty."""
    if not value:
        found.add(at + name, f"is required: 1-{length_max} characters")
    return text(value, length_max, found, at, name)


def note(value: str, found: Violations, at: str, name: str) -> str:
    """A reason or note, at most 1024 characters."""
    return text(value, NOTE_MAX, found, at, name)


def reference(value: str, found: Violations, at: str, name: str) -> str:
    """A customer's or an owner's reference, at most 255 characters."""
    return text(value, REFERENCE_MAX, found, at, name)


def labels(value: Mapping[str, str], found: Violations, at: str, name: str) -> Labels:
    """At most 64; keys 1-63 of ``[a-z0-9._-]``, values at most 255 characters."""
    if not value:
        return {}
    if len(value) > LABELS_MAX:
        found.add(at + name, f"must be at most {LABELS_MAX}")
        return {}
    # Sorted, so that the same request is refused with the same list every time.
    for key in sorted(value):
        if _LABEL_KEY(key):
            text(value[key], LABEL_VALUE_MAX, found, at, f'{name}["{key}"]')
        else:
            found.add(at + name, f"key {key[:63]!a} must be 1-63 of a-z 0-9 . _ -")
    return dict(value)


def page_size(value: int, found: Violations, at: str, name: str) -> int:
    """Rows per page: 0 = 50, more than 1000 = 1000."""
    if value < 0:
        found.add(at + name, "must not be negative")
    return min(value, PAGE_SIZE_MAX) or PAGE_SIZE_DEFAULT


def enum(value: int, known: Mapping[int, E], found: Violations, at: str, name: str) -> E:
    """An enum value by its number; ``known`` has 0 if a default is stated.

    proto3 enums are open: numbers that no value has arrive here as they are.
    """
    member = known.get(value)
    if member is None:
        found.add(at + name, "is required" if value == 0 else f"has no value {value}")
        return next(iter(known.values()))
    return member


def count(items: Collection[object], bounds: tuple[int, int], found: Violations, path: str) -> int:
    """How many entries to look at: all, but never more than allowed."""
    least, most = bounds
    length = len(items)
    if length < least:
        found.add(path, f"is required: {least}-{most:,} entries")
    elif length > most:
        found.add(path, f"has {length:,} entries, at most {most:,} are allowed")
    return min(length, most)


def update_mask(
    mask: FieldMask, updatable: frozenset[str], output_only: frozenset[str], found: Violations
) -> frozenset[str]:
    """The fields to change; ``*`` is all of them."""
    paths = mask.paths
    looked_at = paths[: count(paths, (1, MASK_PATHS_MAX), found, "update_mask")]
    named = dict.fromkeys(looked_at)
    for path in named:
        if path in output_only:
            found.add("update_mask", f"{path} is output only")
        elif path != "*" and path not in updatable:
            allowed = ", ".join(sorted(updatable))
            found.add("update_mask", f"{path[:63]!a} is unknown; allowed are {allowed} and *")
    return updatable if "*" in named else updatable.intersection(named)
