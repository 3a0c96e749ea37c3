"""From a batch's rows to their results; every batch handler is one call of this."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

from inventory_grpc.domain.errors import DomainError, InvalidFields, Violation
from inventory_grpc.engine.request import Answer, Request, RowRefused
from inventory_grpc.rpc import errors, reply, validate, wire
from inventory_grpc.rpc.calls import current
from inventory_grpc.rpc.incident import incident_of
from inventory_grpc.rpc.reply import Context
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.rpc.writes.submit import M, Message, Mutation
from inventory_grpc.services.mutations import Mutations

ROWS_MAX = 1_000
LINES_MAX = 10_000
"""Lines of all rows together; a row that can have none counts as one."""

ROWS_PER_TURN = 50
"""After so many rows the event loop gets to do something else."""
RESULTS, RESPONSE, ERROR, REPLAYED = 1, 1, 2, 3
"""Field numbers: of every batch's response, the rest of its results."""
ROW_ERRORS_BYTES_MAX = 2 * 1024 * 1024
"""Of all refused rows together; clients take messages of 4 MiB unless told otherwise."""


class Mode(IntEnum):
    """How the rows stand to one another; the numbers are those of the wire."""

    ATOMIC = 1
    INDEPENDENT = 2


_MODES = {0: Mode.ATOMIC} | {int(mode): mode for mode in Mode}

_RowT_co = TypeVar("_RowT_co", bound=Message, covariant=True)

Outcome = Answer | Exception


class BatchMessage(Protocol[_RowT_co]):
    """What every batch's request message has."""

    @property
    def requests(self) -> Sequence[_RowT_co]:
        """The rows."""

    @property
    def mode(self) -> int:
        """A Mode, or 0, or a number that no Mode has."""

    @property
    def validate_only(self) -> bool:
        """Same checks, same answer, nothing kept."""


@dataclass(frozen=True, slots=True)
class Batch(Generic[M]):
    """One batch RPC: the singular mutation of its rows, how many lines a row has."""

    row: Mutation[M]
    lines: Callable[[M], int]


@dataclass(eq=False)
class InvalidRows(InvalidFields):
    """Rows of an ATOMIC batch are malformed; ``row`` is the first of them."""

    row: int

    @property
    def metadata(self) -> dict[str, str]:
        """The first malformed row beside the number of violations."""
        return {"violations_total": str(len(self.violations)), "row": str(self.row)}


async def submit_batch(
    mutations: Mutations, batch: Batch[M], message: BatchMessage[M], context: Context
) -> bytes:
    """The response's bytes, or b"" once the context has a refusal's status. Raises DomainError."""
    found = Violations()
    mode = validate.enum(message.mode, _MODES, found, "", "mode")
    messages = _few_enough(batch, message.requests, found)
    rows = await _parse_all(batch.row, messages, validate_only=message.validate_only)
    if mode is Mode.INDEPENDENT:
        found.refuse_if_any()
        outcomes = await _independent(mutations, rows, context)
        return _response(batch, outcomes)
    requests = _all_well_formed(rows, found)
    try:
        answers = await mutations.execute_atomic(requests, reply.time_left(context))
    except RowRefused as refused:
        status = errors.at_row(refused.answer.body, refused.row)
        call = current.get()
        call.reason, call.batch_id = errors.reason_of(status), refused.answer.commit_id
        return reply.end(context, status, status.SerializeToString())
    return _response(batch, answers)


def _few_enough(batch: Batch[M], rows: Sequence[M], found: Violations) -> Sequence[M]:
    """The rows. Raises InvalidFields when there are so many, or so many lines, that they are not
    looked at one by one."""
    validate.count(rows, (1, ROWS_MAX), found, "requests")
    if len(rows) > ROWS_MAX:
        found.refuse_if_any()
    # Held, because protobuf makes its rows anew for whoever asks.
    held = list(rows)
    lines = sum(map(batch.lines, held))
    if lines > LINES_MAX:
        found.add("requests", f"have {lines:,} lines, at most {LINES_MAX:,} are allowed")
        found.refuse_if_any()
    return held


async def _parse_all(
    row: Mutation[M], messages: Sequence[M], *, validate_only: bool
) -> Sequence[Request | InvalidFields]:
    """Ten thousand lines take some 50 ms, in which other calls get their turns."""
    parsed = []
    for index, each in enumerate(messages, start=1):
        parsed.append(_parse(row, each, validate_only=validate_only))
        if index % ROWS_PER_TURN == 0:
            await asyncio.sleep(0)
    return parsed


def _parse(row: Mutation[M], message: M, *, validate_only: bool) -> Request | InvalidFields:
    found = Violations()
    command = row.parse(message, found)
    request_id = validate.optional_uuid(message.request_id, found, "", "request_id")
    if message.validate_only:
        found.add("validate_only", "must not be set on a row; set it on the batch")
    if found.found:
        return InvalidFields(found.found)
    return row.request(message, command, request_id, validate_only=validate_only)


def _all_well_formed(
    rows: Sequence[Request | InvalidFields], found: Violations
) -> Sequence[Request]:
    """Raises InvalidRows with the violations of the batch and of all its rows."""
    violations, first = list(found.found), -1
    for index, row in enumerate(rows):
        if isinstance(row, InvalidFields):
            first = index if first < 0 else first
            violations += (
                Violation(f"requests[{index}].{each.field}", each.description)
                for each in row.violations
            )
    if first >= 0:
        raise InvalidRows(violations, first)
    found.refuse_if_any()
    return [row for row in rows if isinstance(row, Request)]


async def _independent(
    mutations: Mutations, rows: Sequence[Request | InvalidFields], context: Context
) -> Sequence[Outcome]:
    """One outcome per row; malformed rows never reach the write path."""
    requests = [row for row in rows if isinstance(row, Request)]
    outcomes = (
        iter(await mutations.execute_independent(requests, reply.time_left(context)))
        if requests
        else iter(())
    )
    return [next(outcomes) if isinstance(row, Request) else row for row in rows]


def _response(batch: Batch[M], outcomes: Sequence[Outcome]) -> bytes:
    """Put together of the rows' answers as they are: reading them in again would cost as much as
    it took to write them."""
    error_bytes_max = ROW_ERRORS_BYTES_MAX // len(outcomes)
    results = [_result(batch, outcome, error_bytes_max) for outcome in outcomes]
    return b"".join([wire.delimited(RESULTS, result) for result in results])


def _result(batch: Batch[M], outcome: Outcome, error_bytes_max: int) -> bytes:
    call = current.get()
    if isinstance(outcome, Exception):
        refusal = (
            outcome if isinstance(outcome, DomainError) else incident_of(batch.row.method, outcome)
        )
        _, status = errors.encode_refusal(refusal)
        return _error(status, error_bytes_max)
    # Rows of their own may be parts of several commits; the last one says where to look.
    call.batch_id = outcome.commit_id or call.batch_id
    content = (
        _error(outcome.body, error_bytes_max)
        if outcome.code
        else wire.delimited(RESPONSE, outcome.body)
    )
    return content + wire.true(REPLAYED) if outcome.replayed else content


def _error(status: bytes, bytes_max: int) -> bytes:
    error = errors.row_error_of(status, bytes_max)
    current.get().row_refused(errors.name_of(error.reason))
    return wire.delimited(ERROR, error.SerializeToString())
