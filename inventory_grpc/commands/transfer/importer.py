"""An import from beginning to end: check, send, note how far it came."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Final

from inventory_grpc.client import InventoryClient
from inventory_grpc.commands.transfer.batches import batches, in_order
from inventory_grpc.commands.transfer.creating import Creating
from inventory_grpc.commands.transfer.entries import Entry
from inventory_grpc.commands.transfer.journal import Journal, State
from inventory_grpc.commands.transfer.plan import Plan
from inventory_grpc.commands.transfer.progress import Progress
from inventory_grpc.commands.transfer.records import records
from inventory_grpc.commands.transfer.rejects import Rejects
from inventory_grpc.commands.transfer.seen import Seen
from inventory_grpc.commands.transfer.source import Lines
from inventory_grpc.commands.transfer.stocktaking import Stocktaking
from inventory_grpc.commands.transfer.verdicts import Fate, Sender, Verdict

_CALLS_AT_ONCE: Final = 32
"""Of those that have no batch."""

Batch = Sequence[Entry[Any]]


@dataclass(frozen=True, slots=True)
class Result:
    """What an import came to."""

    state: State
    """Of all runs of it."""
    sent: int
    """Rows of the file that this run has dealt with; none if it came no further than the check."""
    seconds: float
    complete: bool
    """Everything was imported, or with a dry run checked, that can be."""


class Importer:
    """One run. `seconds` of the result are those of checking and sending."""

    def __init__(
        self, plan: Plan, client: InventoryClient, rejects: Rejects, progress: Progress
    ) -> None:
        self._plan = plan
        self._client = client
        self._rejects = rejects
        self._progress = progress

    def run(self, journal: Journal | None) -> Result:
        """Raises FileUnusable, InventoryError; then, and when it is killed, run it again."""
        began = time.monotonic()
        with self._sender() as (sender, executor):
            state = self._resumed(journal, sender)
            done_before = state.rows
            self._rejects.resume(state.rejects_bytes)
            if (self._plan.dry_run or self._plan.mode == "atomic") and not state.checked:
                state = self._checked(sender, executor)
                if state.rejected or self._plan.dry_run:
                    return self._result(state, state.rows, began, complete=self._plan.dry_run)
                state = State(checked=True)
                if journal is not None:
                    journal.note(state)
            state, complete = self._sent(sender, executor, state, journal)
        return self._result(state, done_before, began, complete=complete)

    def _result(self, state: State, before: int, began: float, *, complete: bool) -> Result:
        return Result(state, state.rows - before, time.monotonic() - began, complete)

    def _resumed(self, journal: Journal | None, sender: Sender[Any]) -> State:
        """Where an earlier run stopped, if the server still has what that run did."""
        if journal is None or journal.state is None:
            return State()
        state = journal.state
        if state.sample is not None and not sender.has(*state.sample):
            # Another database at the same address: what was done elsewhere counts for nothing.
            self._progress.say(f"{journal.path} is of another database: beginning anew")
            journal.begin_anew()
            return State()
        if state.rows:
            self._progress.say(f"going on behind row {state.rows:,}, as {journal.path} says")
        return state

    def _checked(self, sender: Sender[Any], executor: Executor) -> State:
        """Every row of the file, by its form and by the server; nothing is changed."""
        state = State()
        with self._batches("checking", 0) as given:
            work = _applied(sender.check)
            for batch, verdicts in in_order(executor, work, given, self._plan.in_flight):
                state = self._told(state, batch, verdicts)
        self._rejects.saved()
        return state

    def _sent(
        self, sender: Sender[Any], executor: Executor, state: State, journal: Journal | None
    ) -> tuple[State, bool]:
        """The state in the end, and whether all was sent that is not rejected."""
        stopped = False
        with self._batches("importing", state.rows) as every:
            # What is on its way when a row of an ATOMIC import fails still comes to its end.
            given = takewhile(lambda _: not stopped, every)
            work = _applied(sender.send)
            for batch, verdicts in in_order(executor, work, given, self._plan.in_flight):
                state = self._told(state, batch, verdicts)
                stopped = stopped or (self._plan.mode == "atomic" and state.rejected > 0)
                state = replace(state, rejects_bytes=self._rejects.saved())
                # The next run begins with the batch that failed.
                if journal is not None and not stopped:
                    journal.note(state)
        return state, not stopped

    @contextmanager
    def _batches(self, doing: str, rows_done: int) -> Iterator[Iterator[Batch]]:
        """Those of the file behind so many rows."""
        plan = self._plan
        with plan.source.lines() as lines, Seen() as seen:
            self._progress.begin(doing, plan.source.size)
            read = records(lines, plan.kind, plan.required)
            entries = plan.entries(read, seen, rows_done)
            yield self._followed(batches(entries, plan.batch_rows), lines)
        self._progress.end()

    def _followed(self, given: Iterator[Batch], lines: Lines) -> Iterator[Batch]:
        for batch in given:
            yield batch
            self._progress.advance(lines.bytes_read, sum(len(each.records) for each in batch))

    def _told(self, state: State, batch: Batch, verdicts: Sequence[Verdict]) -> State:
        """The state behind a batch, its bad rows told."""
        fates = dict.fromkeys(Fate, 0)
        sample = state.sample
        for entry, verdict in zip(batch, verdicts, strict=True):
            fates[verdict.fate] += len(entry.records)
            if verdict.fate is Fate.REJECTED:
                self._reject(entry, verdict)
            else:
                sample = _sample(entry.payload)
        return replace(
            state,
            rows=state.rows + sum(len(each.records) for each in batch),
            created=state.created + fates[Fate.DONE],
            there=state.there + fates[Fate.THERE],
            rejected=state.rejected + fates[Fate.REJECTED],
            sample=sample,
        )

    def _reject(self, entry: Entry[Any], verdict: Verdict) -> None:
        """All rows of a product, because none of them is imported."""
        problems = entry.problems or {_line_of(entry, verdict): verdict.reason}
        for record in entry.records:
            reason = problems.get(record.line)
            if reason is None:
                reason = f"of the same product as line {min(problems)}, which is bad"
            self._rejects.add(record, reason)

    @contextmanager
    def _sender(self) -> Iterator[tuple[Sender[Any], Executor]]:
        executor = ThreadPoolExecutor(self._plan.in_flight, "batch")
        calls = ThreadPoolExecutor(_CALLS_AT_ONCE, "call")
        received = self._plan.what == "deliveries"
        try:
            if self._plan.what == "products":
                yield Creating(self._client), executor
            else:
                yield Stocktaking(self._client, calls, received=received), executor
        finally:
            # After Ctrl-C, too: what waits is not begun, and the client ends what is on its way.
            executor.shutdown(wait=False, cancel_futures=True)
            calls.shutdown(wait=False, cancel_futures=True)


def _applied(call: Any) -> Any:
    """The verdicts of a whole batch, of which only good entries are sent."""

    def work(batch: Batch) -> Sequence[Verdict]:
        good = [entry.payload for entry in batch if entry.payload is not None]
        told = iter(call(good) if good else ())
        return [
            next(told) if entry.payload is not None else Verdict(Fate.REJECTED) for entry in batch
        ]

    return work


def _line_of(entry: Entry[Any], verdict: Verdict) -> int:
    index = verdict.stock_index
    if index is None or index >= len(entry.stock_lines):
        return entry.line
    return entry.stock_lines[index]


def _sample(payload: Any) -> tuple[str, str]:
    sku = payload.sku if hasattr(payload, "quantity") else payload.product.sku
    return sku, payload.request_id
