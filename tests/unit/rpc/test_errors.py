"""Refusals as google.rpc.Status."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from inventory_grpc.domain import errors
from inventory_grpc.domain.errors import (
    DomainError,
    HoldBudgetExceeded,
    InsufficientStock,
    InvalidFields,
    Overloaded,
    ProductNotFound,
    Shortage,
    VersionMismatch,
    Violation,
)
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.rpc.errors import (
    CODES,
    at_row,
    encode_refusal,
    pushback_ms,
    row_error_of,
    status_of,
)
from inventory_grpc.rpc.incident import Incident
from inventory_grpc.v1 import errors_pb2

PRODUCT_ID = "01920000-0000-7000-8000-000000000001"
NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
SHORTAGE = Shortage(3, PRODUCT_ID, "S" * 64, "l" * 63, 10**9, 10**15, 10**15, 10**15, 10**15, 10**9)


def _refusals(base: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    for refusal in base.__subclasses__():
        if refusal.__module__.startswith((errors.__name__, Incident.__module__)):
            if "reason" in vars(refusal):
                yield refusal
            yield from _refusals(refusal)


def _info(status: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info


def _wire_bytes(status: status_pb2.Status) -> int:
    size: int = status.ByteSize()
    return size + len(quote(status.message, safe=" !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"))


def test_every_reason_has_one_code_one_refusal_and_one_documented_value() -> None:
    documented = {
        name.removeprefix("ERROR_REASON_")
        for name in errors_pb2.ErrorReason.DESCRIPTOR.values_by_name
    }
    raised = [refusal.reason for refusal in _refusals()]
    assert documented - {"UNSPECIFIED"} == set(CODES) == set(raised)
    assert len(raised) == len(set(raised))


def test_no_reason_answers_ok_or_unknown() -> None:
    assert not {grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN} & set(CODES.values())


def test_a_refusal_names_its_reason_without_prefix_its_domain_and_its_facts() -> None:
    status = status_of(VersionMismatch(3, 5, current_on_hand=7))
    info = _info(status)
    assert status.code == grpc.StatusCode.ABORTED.value[0]
    assert (info.reason, info.domain) == ("VERSION_MISMATCH", "inventory.v1")
    assert dict(info.metadata) == {
        "expected_version": "3",
        "current_version": "5",
        "current_on_hand": "7",
    }
    assert len(status.details) == 1


def test_an_unknown_resource_is_named_in_resource_info() -> None:
    status = status_of(ProductNotFound.of(ProductKey("", "MUG"), ProductKey(PRODUCT_ID)))
    resource = error_details_pb2.ResourceInfo()
    assert status.details[1].Unpack(resource)
    assert (resource.resource_type, resource.resource_name) == ("product", "sku:MUG")
    assert _info(status).metadata["missing"] == f"sku:MUG,product_id:{PRODUCT_ID}"


def test_a_state_refusal_names_its_reason_and_subject_in_precondition_failure() -> None:
    status = status_of(errors.QuantityExceeded(PRODUCT_ID, 2, 5, 3))
    failure = error_details_pb2.PreconditionFailure()
    assert status.details[1].Unpack(failure)
    assert [(each.type, each.subject) for each in failure.violations] == [
        ("QUANTITY_EXCEEDED", PRODUCT_ID)
    ]


def test_too_little_stock_is_told_line_by_line_and_in_nothing_else() -> None:
    status = status_of(InsufficientStock([SHORTAGE]))
    detail = errors_pb2.InsufficientStock()
    assert len(status.details) == 2
    assert status.details[1].Unpack(detail)
    assert detail.shortages[0].line_index == 3
    assert detail.shortages[0].requested == 10**9
    assert not detail.truncated


def test_too_little_stock_says_when_a_hold_will_give_some_back() -> None:
    waiting = replace(SHORTAGE, next_hold_expiry=NOW)
    detail = errors_pb2.InsufficientStock()
    assert status_of(InsufficientStock([SHORTAGE, waiting])).details[1].Unpack(detail)
    assert not detail.shortages[0].HasField("next_hold_expiry")
    assert detail.shortages[1].next_hold_expiry.ToDatetime(tzinfo=UTC) == NOW


@pytest.mark.parametrize(
    ("refusal", "facts"),
    [
        (errors.HoldExpired(PRODUCT_ID, NOW), {"expire_time": "2026-02-03T04:05:06+00:00"}),
        (errors.HoldConverted(PRODUCT_ID, "order"), {"order_id": "order"}),
        (errors.HoldReleased(PRODUCT_ID), {}),
    ],
    ids=lambda value: getattr(value, "reason", ""),
)
def test_a_hold_at_its_end_says_which_one_and_how_it_ended(
    refusal: errors.HoldResolved, facts: dict[str, str]
) -> None:
    status = status_of(refusal)
    failure = error_details_pb2.PreconditionFailure()
    assert status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert status.details[1].Unpack(failure)
    assert [(each.type, each.subject) for each in failure.violations] == [
        (refusal.reason, PRODUCT_ID)
    ]
    assert dict(_info(status).metadata) == {"hold_id": PRODUCT_ID, **facts}


def test_a_budget_says_whose_it_is_what_it_allows_and_whether_waiting_helps() -> None:
    mine = status_of(HoldBudgetExceeded("shop", "caller_units", 50, 1000, 980))
    quota, retry = error_details_pb2.QuotaFailure(), error_details_pb2.RetryInfo()
    assert mine.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert mine.details[1].Unpack(quota)
    assert [(each.subject, each.quota_id, each.quota_value) for each in quota.violations] == [
        ("caller:shop", "caller_units", 1000)
    ]
    assert quota.violations[0].description == "caller_units: 50 requested, 1000 allowed, 980 in use"
    assert mine.details[2].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() > 0
    assert pushback_ms(HoldBudgetExceeded("shop", "caller_units", 50, 1000, 980)) is None
    one_hold = status_of(HoldBudgetExceeded("shop", "lines", 51, 50))
    assert len(one_hold.details) == 2


def test_what_is_temporary_says_when_to_retry() -> None:
    refusal = Overloaded("in_flight", retry_after_ms=250)
    retry = error_details_pb2.RetryInfo()
    assert status_of(refusal).details[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == pushback_ms(refusal) == 250
    assert pushback_ms(VersionMismatch(1, 2)) is None


def test_a_bug_says_nothing_but_its_incident() -> None:
    status = status_of(Incident("42"))
    assert status.code == grpc.StatusCode.INTERNAL.value[0]
    assert dict(_info(status).metadata) == {"incident": "42"}
    assert len(status.details) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        InvalidFields([Violation(f"lines[{i}].quantity", "must be 1 .. 9") for i in range(10_000)]),
        InvalidFields([Violation("ä" * 5000, "\x00ü%" * 5000)] * 300),
        InsufficientStock([SHORTAGE] * 1000),
        ProductNotFound(["sku:" + "S" * 64] * 10_000),
        ProductNotFound(["sku:" + "ä" * 9000]),
        errors.LocationNotFound(["😀" * 3000] * 3),
        errors.SkuTaken("%" * 3000, "x" * 9000),
        errors.CurrencyMismatch(["EUR"] * 5000),
        HoldBudgetExceeded("ä" * 9000, "caller_units", 10**15, 10**15, 10**15),
        InsufficientStock([replace(SHORTAGE, next_hold_expiry=NOW)] * 1000),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
def test_a_status_stays_under_4_kib_however_much_is_wrong(refusal: DomainError) -> None:
    code, serialized = encode_refusal(refusal)
    status = at_row(serialized, 999)
    assert code == status.code
    assert _wire_bytes(status) < 4096
    assert len({detail.type_url for detail in status.details}) == len(status.details)
    assert status.message.isprintable()
    assert status.message


def test_a_cut_list_says_so_and_how_long_it_was() -> None:
    violations = [Violation(f"lines[{i}].quantity", "must be 1 .. 9") for i in range(200)]
    status = status_of(InvalidFields(violations))
    bad_request = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(bad_request)
    shown = [each.field for each in bad_request.field_violations]
    assert 20 < len(shown) < 200
    assert shown == [violation.field for violation in violations[: len(shown)]]
    assert dict(_info(status).metadata) == {"violations_total": "200", "truncated": "true"}


def test_cut_shortages_and_missing_keys_say_so_too() -> None:
    short = status_of(InsufficientStock([SHORTAGE] * 100))
    detail = errors_pb2.InsufficientStock()
    assert short.details[1].Unpack(detail)
    assert detail.truncated
    assert dict(_info(short).metadata) == {"shortages_total": "100", "truncated": "true"}
    missing = dict(_info(status_of(ProductNotFound(["sku:" + "S" * 64] * 100))).metadata)
    assert missing["truncated"] == "true"
    assert missing["missing_total"] == "100"
    assert set(missing["missing"].split(",")) == {"sku:" + "S" * 64}


def test_a_list_that_fits_is_not_cut() -> None:
    status = status_of(InvalidFields([Violation("a", "b")] * 20))
    assert "truncated" not in _info(status).metadata


def test_a_batch_row_carries_what_the_singular_call_would_have_answered() -> None:
    row = row_error_of(encode_refusal(InsufficientStock([SHORTAGE]))[1])
    assert row.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert row.reason == errors_pb2.ERROR_REASON_INSUFFICIENT_STOCK
    assert row.insufficient_stock.shortages[0].product_id == PRODUCT_ID
    assert row.metadata["shortages_total"] == "1"
    malformed = row_error_of(encode_refusal(InvalidFields([Violation("lines", "is empty")]))[1])
    assert [(v.field, v.description) for v in malformed.field_violations] == [("lines", "is empty")]
    assert not malformed.HasField("insufficient_stock")
    missing = row_error_of(encode_refusal(ProductNotFound(["sku:A"]))[1])
    assert not missing.HasField("insufficient_stock")


@pytest.mark.parametrize(
    "refusal",
    [InsufficientStock([SHORTAGE] * 100), InvalidFields([Violation("lines[0]", "x" * 99)] * 100)],
    ids=lambda refusal: type(refusal).__name__,
)
def test_a_thousand_refused_rows_fit_into_one_message(refusal: DomainError) -> None:
    row = row_error_of(encode_refusal(refusal)[1], 2_000)
    assert row.ByteSize() <= 2_000
    assert row.metadata["truncated"] == "true"
    assert row.field_violations or row.insufficient_stock.truncated
    assert len(row_error_of(encode_refusal(refusal)[1], 1).metadata) == 2


def test_an_atomic_batch_adds_its_rows_index() -> None:
    status = at_row(encode_refusal(VersionMismatch(1, 2))[1], 3)
    assert _info(status).metadata["row"] == "3"
    assert _info(status).metadata["current_version"] == "2"
