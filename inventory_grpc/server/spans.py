"""Spans of what one call does, and of what it shares with others: see ``tracing``.

What is done for several calls at once, a batch or a query, has a trace of its own: it is nobody's
alone. A call's own trace has a span for the time that it waits for it, and the two are linked.

Names and numbers only: no value of a request, no text of an error, which may quote one.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer, set_span_in_context

from inventory_grpc.services import coalesce
from inventory_grpc.store import round_trips

_SUMMARY_CHARACTERS_MAX: Final = 255
"""What the conventions allow as the summary of a query."""
Attributes = Mapping[str, str | int | bool]


class Spans:
    """Makes the spans below those of calls, all of which are recorded."""

    def __init__(self, tracer: Tracer) -> None:
        """``tracer`` records whatever it is asked for: a call that it is done for is recorded."""
        self._tracer = tracer

    def share(self, name: str, waits: Iterable[Span], attributes: Attributes) -> Span:
        """Begin what all of ``waits`` wait for; round trips of this context become part of it."""
        waits = tuple(waits)
        links = [Link(wait.get_span_context()) for wait in waits]
        span = self._tracer.start_span(name, Context(), attributes=attributes, links=links)
        for wait in waits:
            wait.add_link(span.get_span_context())
        self.watch_round_trips(span)
        return span

    def wait(self, name: str, parent: Span, since: float) -> Span:
        """Begin, as of ``since`` (monotonic seconds), a part of the call ``parent``."""
        waited_ns = int((time.monotonic() - since) * 1e9)
        return self._tracer.start_span(
            name, set_span_in_context(parent, Context()), start_time=time.time_ns() - waited_ns
        )

    def watch_round_trips(self, parent: Span) -> None:
        """Those of this context become parts of ``parent``."""
        round_trips.watching.set(_RoundTrips(self._tracer, parent))


class _RoundTrips:
    """A span for each; see ``store.round_trips``."""

    def __init__(self, tracer: Tracer, parent: Span) -> None:
        self._tracer = tracer
        self._context = set_span_in_context(parent, Context())

    @contextmanager
    def __call__(self, statements: Iterable[str]) -> Iterator[None]:
        names = list(statements)
        summary = _summary(names)
        attributes: dict[str, str | int] = {
            "db.system.name": "postgresql",
            "db.query.summary": summary,
        }
        if len(names) > 1:
            attributes["db.operation.batch.size"] = len(names)
        span = self._tracer.start_span(
            summary, self._context, kind=SpanKind.CLIENT, attributes=attributes
        )
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", _kind_of(error))
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.end()


class Traced:
    """A call that is recorded."""

    __slots__ = ("_spans", "commits", "span")

    def __init__(self, span: Span, spans: Spans) -> None:
        self.span = span
        self.commits: dict[int, Span] = {}
        """By the number of the ticket that waits for its outcome."""
        self._spans = spans

    def wait(self, name: str, since: float) -> Span:
        """Begin to wait for something shared, as of ``since`` (monotonic seconds)."""
        return self._spans.wait(name, self.span, since)

    def gathered(self, calls: Sequence[tuple[coalesce.Watch, float]]) -> Callable[[], None]:
        """See ``services.coalesce.Watch``."""
        waits = [
            call.wait("inventory.read", since) for call, since in calls if isinstance(call, Traced)
        ]
        query = self._spans.share("inventory.query", waits, {"inventory.calls": len(waits)})

        def ended() -> None:
            for span in (query, *waits):
                span.end()

        return ended

    def end(self, attributes: Attributes) -> None:
        """The call has ended, and with it whatever it still waited for."""
        for span in set(self.commits.values()):
            span.end()
        self.commits.clear()
        self.span.set_attributes(attributes)
        self.span.end()


traced: ContextVar[Traced] = ContextVar("traced")
"""The call under way, if it is recorded."""


def _summary(names: Sequence[str]) -> str:
    """As many whole names as fit."""
    summary = " ".join(names)
    if len(summary) <= _SUMMARY_CHARACTERS_MAX:
        return summary
    return summary[: _SUMMARY_CHARACTERS_MAX + 1].rsplit(" ", 1)[0]


def _kind_of(error: BaseException) -> str:
    """A SQLSTATE if there is one."""
    return str(getattr(error, "pgcode", None) or type(error).__name__)
