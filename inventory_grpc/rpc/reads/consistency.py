"""StockService's proof that nothing is lost."""

from collections.abc import Generator
from typing import Final

from inventory_grpc.domain.consistency import Summary, Violation
from inventory_grpc.rpc import convert
from inventory_grpc.rpc.reads.answers import Call, product_keys
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.services.reads import Reads
from inventory_grpc.v1 import stock_pb2

_Response = stock_pb2.CheckConsistencyResponse

_INT64_MAX: Final = 2**63 - 1


class ConsistencyReads:
    """Needs ``reads``; raises domain errors."""

    reads: Reads

    def CheckConsistency(  # noqa: N802
        self, request: stock_pb2.CheckConsistencyRequest, context: Call
    ) -> Generator[_Response | None, None, None]:
        """Violations as they are found, then one summary."""
        found = Violations()
        keys = list(product_keys(request.products, found)) if request.products else []
        found.refuse_if_any()
        for item in self.reads.consistency.check(keys, context.time_remaining):
            yield None if item is None else _message(item)


def _message(item: Violation | Summary) -> _Response:
    if isinstance(item, Violation):
        violation = _Response.Violation(
            invariant=item.invariant,
            product_id=item.product_id,
            location_id=item.location_id,
            expected=_int64(item.expected),
            actual=_int64(item.actual),
            first_bad_version=_int64(item.first_bad_version),
        )
        return _Response(violation=violation)
    summary = _Response.Summary(
        products=item.products,
        levels=item.levels,
        movements=item.movements,
        violations=item.violations,
        start_time=convert.timestamp(item.start_time),
        end_time=convert.timestamp(item.end_time),
    )
    return _Response(summary=summary)


def _int64(value: int) -> int:
    """Sums of damaged numbers may be of any size."""
    return max(min(value, _INT64_MAX), -_INT64_MAX - 1)
