"""What the cells of a row mean. Rules that the server checks anyway are not repeated here."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from inventory_grpc.commands.transfer.records import LABEL, Record
from inventory_grpc.v1.common_pb2 import Money

UNITS_MAX: Final = 1_000_000_000
_WHOLE: Final = re.compile(r"[0-9]{1,10}").fullmatch
_AMOUNT: Final = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?").fullmatch


class BadCell(Exception):
    """A cell does not have what its column is for; the text is the reason."""


def text(record: Record, name: str) -> str:
    """Text as it is; empty where there is none."""
    value = record.values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadCell(f"{name} must be text, not {_shown(value)}")
    return value


def price(record: Record) -> Money | None:
    """Of the columns price and currency; both or none."""
    value, currency = record.values.get("price"), text(record, "currency")
    if value is None or value == "":
        if currency:
            raise BadCell("currency without a price")
        return None
    if not currency:
        raise BadCell("price without a currency")
    found = _AMOUNT(_number(value))
    if found is None:
        raise BadCell(
            f"price must be a number below 1000000000000 such as 1234.50, without thousands "
            f"separators, not {_shown(value)}"
        )
    sign, units, decimals = found.groups()
    factor = -1 if sign else 1
    nanos = int((decimals or "").ljust(9, "0"))
    return Money(currency_code=currency, units=factor * int(units), nanos=factor * nanos)


def quantity(value: object, name: str = "quantity") -> int:
    """Units, 0 .. 1,000,000,000."""
    found = _WHOLE(_number(value))
    units = int(found[0]) if found else UNITS_MAX + 1
    if units > UNITS_MAX:
        raise BadCell(
            f"{name} must be a whole number, 0 .. {UNITS_MAX}, without thousands separators, "
            f"not {_shown(value)}"
        )
    return units


def labels(record: Record) -> dict[str, str]:
    """Of the column labels, and of those that begin with `label.` and are not empty."""
    found = _object(record.values.get("labels"))
    for name in record.values:
        if name.startswith(LABEL) and (value := text(record, name)):
            key = name.removeprefix(LABEL)
            if found.setdefault(key, value) != value:
                raise BadCell(f"{name} and labels differ")
    return found


def stock(record: Record) -> dict[str, int]:
    """Units by location: of `stock`, or of location_id and quantity; without zeros."""
    by_location = record.values.get("stock")
    place, units = text(record, "location_id"), record.values.get("quantity")
    if by_location is not None:
        if not isinstance(by_location, Mapping):
            raise BadCell(f"stock must be an object, not {_shown(by_location)}")
        if place or units is not None:
            raise BadCell("give either stock, or location_id and quantity")
        found = {each: quantity(n, f"stock of {each!a}") for each, n in by_location.items()}
        return {each: n for each, n in found.items() if n}
    if units is None or units == "":
        if place:
            raise BadCell("location_id without a quantity")
        return {}
    counted = quantity(units)
    return {place: counted} if counted else {}


def _object(value: object) -> dict[str, str]:
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise BadCell(f"labels are no JSON: {error}") from None
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise BadCell("labels must be a JSON object with text as values")
    return dict(value)


def _number(value: object) -> str:
    """As it would be written; a number of JSON may be one, true may not."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}" if abs(value.adjusted()) < 20 else ""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _shown(value: Any) -> str:
    return ascii(value if isinstance(value, str) else str(value))[:60]
