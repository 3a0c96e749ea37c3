"""Form of the fields that are messages of their own: amounts of money and moments.

They take what the primitives of ``validate`` take, and like them still return a value of their type
when they find a violation.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.domain.model import Money
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import common_pb2

_CURRENCY = re.compile(r"[A-Z]{3}").fullmatch
_MONEY_UNITS_MAX = 999_999_999_999
_NANOS_STEP = 100_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What google.protobuf.Timestamp allows: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z.
_LATEST = datetime.max.replace(tzinfo=UTC)
_SECONDS_MIN, _SECONDS_MAX = -62_135_596_800, 253_402_300_799


def money(value: common_pb2.Money, found: Violations, at: str, name: str) -> Money:
    """An amount of either sign, at most 999,999,999,999.9999, to four decimals."""
    units, nanos = value.units, value.nanos
    if not _CURRENCY(value.currency_code):
        found.add(f"{at}{name}.currency_code", "must be three capital letters")
    if abs(units) > _MONEY_UNITS_MAX:
        found.add(f"{at}{name}.units", "must be at most 999,999,999,999 in size")
    if abs(nanos) > 999_999_999:
        found.add(f"{at}{name}.nanos", "must be -999,999,999 .. 999,999,999")
    elif nanos % _NANOS_STEP:
        found.add(f"{at}{name}.nanos", "must be a multiple of 100,000: four decimals are kept")
    if (units > 0 > nanos) or (units < 0 < nanos):
        found.add(f"{at}{name}.nanos", "must have the sign of units")
    return Money(value.currency_code, Decimal(units * 10_000 + nanos // _NANOS_STEP).scaleb(-4))


def price(value: common_pb2.Money, found: Violations, at: str, name: str) -> Money:
    """An amount of 0 or more."""
    amount = money(value, found, at, name)
    if value.units < 0 or (value.units == 0 and value.nanos < 0):
        found.add(at + name, "must not be negative")
    return amount


def timestamp(value: Timestamp, found: Violations, at: str, name: str) -> datetime:
    """A bound, rounded up to microseconds, so that what is stored compares as with the moment."""
    if not _SECONDS_MIN <= value.seconds <= _SECONDS_MAX:
        found.add(f"{at}{name}.seconds", "must be between the years 0001 and 9999")
        return _EPOCH
    if not 0 <= value.nanos <= 999_999_999:
        found.add(f"{at}{name}.nanos", "must be 0 .. 999,999,999")
        return _EPOCH
    second = _EPOCH + timedelta(seconds=value.seconds)
    return second + min(timedelta(microseconds=-(-value.nanos // 1000)), _LATEST - second)
