"""Spans of batches: what the write path does for many calls at once. See ``tracing``."""

from collections.abc import Mapping, Sequence

from opentelemetry.trace import Span, StatusCode

from inventory_grpc.domain.errors import DomainError
from inventory_grpc.domain.record import record
from inventory_grpc.engine.committer import UnfinishedError
from inventory_grpc.engine.request import Outcome, RowRefused
from inventory_grpc.engine.ticket import Ticket
from inventory_grpc.server.spans import Attributes, Spans, Traced, traced

_EXPECTED = (DomainError, RowRefused, UnfinishedError)


@record
class _Begun:
    """A batch that is with its committer."""

    span: Span
    tickets: Mapping[Traced, Sequence[Ticket]]
    """Those whose call is recorded."""


class BatchSpans:
    """Observes every batch; those without a recorded call leave no trace."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def began(self, batch: Sequence[Ticket], lane: str) -> object:
        """See ``engine.observer``."""
        tickets: dict[Traced, list[Ticket]] = {}
        for ticket in batch:
            call = None if ticket.context is None else ticket.context.get(traced)
            if call is not None:
                tickets.setdefault(call, []).append(ticket)
        if not tickets:
            return None
        waits = [_wait(call, of_call) for call, of_call in tickets.items()]
        commands = sum(len(ticket.group.requests) for ticket in batch)
        attributes: Attributes = {"inventory.lane": lane, "inventory.commands": commands}
        return _Begun(self._spans.share("inventory.batch", waits, attributes), tickets)

    def ended(self, token: object, batch: Sequence[Ticket], outcomes: Sequence[Outcome]) -> None:
        """See ``engine.observer``."""
        if not isinstance(token, _Begun):
            return
        if any(
            isinstance(each, Exception) and not isinstance(each, _EXPECTED) for each in outcomes
        ):
            token.span.set_status(StatusCode.ERROR)
        token.span.set_attribute("inventory.batch_id", _commit_of(outcomes))
        token.span.end()
        unfinished = {
            ticket.number
            for ticket, outcome in zip(batch, outcomes, strict=True)
            if isinstance(outcome, UnfinishedError)
        }
        for call, tickets in token.tickets.items():
            for ticket in tickets:
                if ticket.number not in unfinished:
                    _end_wait(call, ticket)


def _wait(call: Traced, tickets: Sequence[Ticket]) -> Span:
    """One span for all tickets that a call has in a batch, and for all batches of a ticket."""
    known = (call.commits.get(ticket.number) for ticket in tickets)
    span = next(filter(None, known), None)
    if span is None:
        span = call.wait("inventory.commit", min(ticket.arrived for ticket in tickets))
    for ticket in tickets:
        call.commits.setdefault(ticket.number, span)
    return span


def _end_wait(call: Traced, ticket: Ticket) -> None:
    """None if the call has ended before."""
    span = call.commits.pop(ticket.number, None)
    if span is not None and span not in call.commits.values():
        span.end()


def _commit_of(outcomes: Sequence[Outcome]) -> str:
    """Its id, as answers and the log know it; empty if nothing was decided."""
    answers = (each[0] for each in outcomes if isinstance(each, list))
    return next((answer.commit_id for answer in answers if answer.commit_id), "")
