"""Form, field by field."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.domain.errors import InvalidFields
from inventory_grpc.domain.model import Money, ProductKey
from inventory_grpc.rpc import validate, validate_values
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import common_pb2

UUID = "01920000-0000-7000-8000-00000000000A"


def _violated(check: Callable[[Violations], object]) -> list[str]:
    found = Violations()
    check(found)
    return [violation.field for violation in found.found]


def test_ids_come_in_either_case_and_go_on_in_lower_case() -> None:
    assert validate.uuid(UUID, Violations(), "", "order_id") == UUID.lower()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        UUID[:-1],
        UUID + "0",
        UUID + "\n",
        UUID.replace("-", ""),
        "{" + UUID + "}",
        "g" + UUID[1:],
        "\u0660" + UUID[1:],
    ],
)
def test_anything_but_36_characters_of_a_uuid_is_refused(value: str) -> None:
    assert _violated(lambda found: validate.uuid(value, found, "", "order_id")) == ["order_id"]


@pytest.mark.parametrize("value", ["A", "a.b_c-d/E", "0" * 64])
def test_a_sku_is_1_to_64_plain_characters(value: str) -> None:
    assert _violated(lambda found: validate.sku(value, found, "", "sku")) == []


@pytest.mark.parametrize("value", ["", "A" * 65, "A B", "A\x00", "Ä", "A\n", "\u202eA", "A*"])
def test_a_sku_of_other_characters_is_refused(value: str) -> None:
    assert _violated(lambda found: validate.sku(value, found, "", "sku")) == ["sku"]


@pytest.mark.parametrize("value", ["a", "0", "berlin-2", "a" * 63])
def test_a_location_id_is_a_dns_label(value: str) -> None:
    assert _violated(lambda found: validate.location_id(value, found, "", "l")) == []


@pytest.mark.parametrize("value", ["", "-a", "a-", "A", "a" * 64, "a_b", "a\n", "ä"])
def test_other_location_ids_are_refused(value: str) -> None:
    assert _violated(lambda found: validate.location_id(value, found, "", "l")) == ["l"]


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (common_pb2.ProductKey(), "lines[2].product"),
        (common_pb2.ProductKey(sku=""), "lines[2].product.sku"),
        (common_pb2.ProductKey(sku="a b"), "lines[2].product.sku"),
        (common_pb2.ProductKey(product_id=""), "lines[2].product.product_id"),
        (common_pb2.ProductKey(product_id="7"), "lines[2].product.product_id"),
    ],
)
def test_a_product_key_names_the_part_that_is_wrong(key: common_pb2.ProductKey, path: str) -> None:
    assert _violated(lambda found: validate.product_key(key, found, "lines[2].", "product")) == [
        path
    ]


def test_a_product_is_named_by_id_or_by_sku() -> None:
    by_id, by_sku = common_pb2.ProductKey(product_id=UUID), common_pb2.ProductKey(sku="Mug")
    assert validate.product_key(by_id, Violations(), "", "product") == ProductKey(UUID.lower())
    assert validate.product_key(by_sku, Violations(), "", "product") == ProductKey("", "Mug")


@pytest.mark.parametrize("value", [0, -1, 1_000_000_001, 2**63 - 1, -(2**63)])
def test_a_quantity_outside_its_limits_is_refused(value: int) -> None:
    assert _violated(lambda found: validate.quantity(value, found, "lines[0].", "quantity")) == [
        "lines[0].quantity"
    ]


def test_the_limits_of_a_quantity_are_inclusive() -> None:
    assert _violated(lambda found: validate.quantity(1, found, "", "q")) == []
    assert _violated(lambda found: validate.quantity(1_000_000_000, found, "", "q")) == []


@pytest.mark.parametrize("text", ["", "a\tb\nc", "Grüße 😀", "שלום", "x" * 1024, "😀" * 1024])
def test_text_may_have_tabs_newlines_and_any_script(text: str) -> None:
    assert _violated(lambda found: validate.note(text, found, "", "note")) == []


@pytest.mark.parametrize(
    "text",
    ["x" * 1025, "\x00", "a\rb", "\x1b[31m", "\x7f", "\x85", "\u202e", "\u2066", "\ud800"],
)
def test_text_with_controls_or_beyond_its_length_is_refused(text: str) -> None:
    assert _violated(lambda found: validate.note(text, found, "", "note")) == ["note"]


def test_labels_are_at_most_64_of_short_plain_keys() -> None:
    check = validate.labels
    assert _violated(lambda found: check({"a.b_c-0": "ü" * 255}, found, "", "labels")) == []
    many = {str(number): "" for number in range(65)}
    assert _violated(lambda found: check(many, found, "", "labels")) == ["labels"]
    bad = {"B": "", "": "", "x" * 64: "", "ok": "y" * 256, "nul": "\x00"}
    assert _violated(lambda found: check(bad, found, "product.", "labels")) == [
        "product.labels",
        "product.labels",
        'product.labels["nul"]',
        'product.labels["ok"]',
        "product.labels",
    ]


@pytest.mark.parametrize(
    ("units", "nanos", "amount"),
    [
        (0, 0, "0"),
        (12, 500_000_000, "12.5"),
        (999_999_999_999, 999_900_000, "999999999999.9999"),
        (-3, -250_000_000, "-3.25"),
        (0, -100_000, "-0.0001"),
    ],
)
def test_money_is_exact_to_four_decimals(units: int, nanos: int, amount: str) -> None:
    sent = common_pb2.Money(currency_code="EUR", units=units, nanos=nanos)
    found = Violations()
    assert validate_values.money(sent, found, "", "price") == Money("EUR", Decimal(amount))
    assert not found.found


@pytest.mark.parametrize(
    ("currency", "units", "nanos", "paths"),
    [
        ("", 1, 0, ["price.currency_code"]),
        ("eur", 1, 0, ["price.currency_code"]),
        ("EURO", 1, 0, ["price.currency_code"]),
        ("EU\n", 1, 0, ["price.currency_code"]),
        ("EUR", 1_000_000_000_000, 0, ["price.units"]),
        ("EUR", -(2**63), 0, ["price.units"]),
        ("EUR", 1, 10_000, ["price.nanos"]),
        ("EUR", 1, 1_000_000_000, ["price.nanos"]),
        ("EUR", 1, -100_000, ["price.nanos"]),
        ("EUR", -1, 100_000, ["price.nanos"]),
        ("x", 2**62, -1, ["price.currency_code", "price.units", "price.nanos", "price.nanos"]),
    ],
)
def test_malformed_money_is_refused(
    currency: str, units: int, nanos: int, paths: list[str]
) -> None:
    sent = common_pb2.Money(currency_code=currency, units=units, nanos=nanos)
    assert _violated(lambda found: validate_values.money(sent, found, "", "price")) == paths


@pytest.mark.parametrize(("units", "nanos"), [(-1, 0), (0, -100_000)])
def test_a_price_is_not_negative(units: int, nanos: int) -> None:
    sent = common_pb2.Money(currency_code="EUR", units=units, nanos=nanos)
    assert _violated(lambda found: validate_values.price(sent, found, "", "price")) == ["price"]


def test_a_page_has_50_rows_by_default_and_1000_at_most() -> None:
    sizes = [validate.page_size(size, Violations(), "", "page_size") for size in (0, 7, 1000, 5000)]
    assert sizes == [50, 7, 1000, 1000]
    assert _violated(lambda found: validate.page_size(-1, found, "", "page_size")) == ["page_size"]


@pytest.mark.parametrize(
    ("nanos", "microseconds"), [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (999_999_000, 999_999)]
)
def test_a_bound_between_two_microseconds_is_the_later_one(nanos: int, microseconds: int) -> None:
    """What happened in the earlier one happened before the bound."""
    moment = Timestamp(seconds=1, nanos=nanos)
    expected = datetime(1970, 1, 1, 0, 0, 1, microseconds, tzinfo=UTC)
    assert validate_values.timestamp(moment, Violations(), "", "start_time") == expected


def test_a_bound_just_before_a_second_is_that_second() -> None:
    moment = Timestamp(seconds=1, nanos=999_999_001)
    expected = datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert validate_values.timestamp(moment, Violations(), "", "start_time") == expected


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(253_402_300_800, 0), (-62_135_596_801, 0), (0, -1), (0, 10**9)]
)
def test_a_moment_outside_the_calendar_is_refused(seconds: int, nanos: int) -> None:
    moment = Timestamp(seconds=seconds, nanos=nanos)
    assert (
        len(_violated(lambda found: validate_values.timestamp(moment, found, "f.", "start_time")))
        == 1
    )


@pytest.mark.parametrize("seconds", [253_402_300_799, -62_135_596_800])
def test_the_first_and_last_moment_of_the_calendar_are_accepted(seconds: int) -> None:
    moment = Timestamp(seconds=seconds, nanos=999_999_999)
    assert _violated(lambda found: validate_values.timestamp(moment, found, "", "t")) == []


@pytest.mark.parametrize("number", [0, 3, -1, 2**31 - 1])
def test_enum_numbers_nobody_knows_are_refused(number: int) -> None:
    known = {1: "a", 2: "b"}
    assert validate.enum(2, known, Violations(), "", "status") == "b"
    assert _violated(lambda found: validate.enum(number, known, found, "", "s")) == ["s"]


FIELDS, OUTPUT = frozenset({"sku", "name"}), frozenset({"version"})


@pytest.mark.parametrize(
    ("paths", "expected"),
    [(["name"], {"name"}), (["name", "name"], {"name"}), (["*"], FIELDS), (["*", "sku"], FIELDS)],
)
def test_a_mask_names_what_to_change(paths: list[str], expected: set[str]) -> None:
    found = Violations()
    assert validate.update_mask(FieldMask(paths=paths), FIELDS, OUTPUT, found) == expected
    assert not found.found


@pytest.mark.parametrize(
    ("paths", "violations"),
    [
        ([], 1),
        (["version"], 1),
        (["nme"], 1),
        ([""], 1),
        (["name.x"], 1),
        (["nme", "nme", "version", "name"], 2),
        (["*", "nme"], 1),
        (["x"] * 1_000_000, 2),
    ],
)
def test_a_mask_with_unknown_output_only_or_no_fields_is_refused(
    paths: list[str], violations: int
) -> None:
    mask = FieldMask(paths=paths)
    found = _violated(lambda found: validate.update_mask(mask, FIELDS, OUTPUT, found))
    assert found == ["update_mask"] * violations


def test_a_refusal_has_all_violations_in_order() -> None:
    found = Violations()
    found.refuse_if_any()
    found.add("b", "2")
    found.add("a", "1")
    with pytest.raises(InvalidFields) as refusal:
        found.refuse_if_any()
    assert [violation.field for violation in refusal.value.violations] == ["b", "a"]
