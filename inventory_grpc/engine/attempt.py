"""One attempt: lock and read, decide, write, commit. Nothing of a failed one survives."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.budget import UNLIMITED, HoldBudget
from inventory_grpc.domain.commands import CreateHold
from inventory_grpc.domain.context import Context, Ids
from inventory_grpc.domain.decide import decide, without_new_ids
from inventory_grpc.domain.entries import AnswerKey, StaleBooksError, StoredAnswer
from inventory_grpc.domain.errors import AnswerTooLarge, DomainError, RequestIdReused
from inventory_grpc.domain.holds import expire_due
from inventory_grpc.domain.model import MovementKind
from inventory_grpc.engine.counters import Counters
from inventory_grpc.engine.request import (
    Answer,
    EncodeRefusal,
    Group,
    Outcome,
    Request,
    RowRefused,
    SealCommit,
)
from inventory_grpc.store.failures import Failure, failure_of
from inventory_grpc.store.footprint import Footprint
from inventory_grpc.store.link import Call, Link
from inventory_grpc.store.prefetch import lock_and_read
from inventory_grpc.store.writes import write_calls

# A retry never changes these outcomes, so they are kept; INVALID_ARGUMENT never comes this far.
_STORED_CODES: Final = {5, 6, 9}  # NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION
_STORED_REASON: Final = "VERSION_MISMATCH"

ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of an ATOMIC batch: what a gRPC client takes in one message unless told otherwise."""
_FRAME_BYTES: Final = 14
"""What a batch's answer adds to a row's, at most: two tags and lengths, and ``replayed``."""


class Access(Enum):
    """How an attempt comes by its rows."""

    LOCKED = auto()
    """They are locked, then read."""
    VERIFIED = auto()
    """They are read, and locked to be written only if they are still the same."""
    UNLOCKED = auto()
    """They are read, and may not change: that does for refusals and replays."""


class LocksNeededError(Exception):
    """An attempt with UNLOCKED rows would have changed some; nothing was done."""


class AnsweredBeforeError(Exception):
    """An attempt with VERIFIED rows met a conflict, in which not all of its groups had a part:
    those answered before change nothing. Nothing was done."""

    def __init__(self, answered: Sequence[bool]) -> None:
        super().__init__(answered)
        self.answered = answered
        """Of each group, in order."""


class MoreDueError(Exception):
    """More lines of holds are due at a level than fit into one transaction; as many were expired,
    and that is committed. Nothing else was done."""


def unsealed(_commit_id: str) -> bytes:
    """For whom nobody resumes from: responses end as they are."""
    return b""


def attempt(  # noqa: PLR0913 - what a committer knows, and what becomes of this one
    link: Link,
    groups: Sequence[Group],
    encode_refusal: EncodeRefusal,
    budget: HoldBudget = UNLIMITED,
    *,
    seal: SealCommit = unsealed,
    access: Access = Access.LOCKED,
    must_commit: bool = False,
    counters: Counters | None = None,
) -> list[Outcome]:
    """Run all groups in one transaction; one outcome each, in order.

    ``must_commit`` even if nothing changes: after a COMMIT of which nothing is known, only another
    one waits for the standbys that the first one may not have reached.

    Raises whatever the database raises, StaleBooksError, MoreDueError, LocksNeededError if rows are
    UNLOCKED, and AnsweredBeforeError if they are VERIFIED: then nothing was done (or, if the
    connection was lost while it committed, everything), and the whole attempt may run again.
    """
    requests = [request for group in groups for request in group.requests]
    footprint = Footprint.of(request.command for request in requests)
    keys = [_key(request) for request in requests if not request.validate_only]
    holders = _holders(requests, budget)
    answered: list[bool] = []
    try:
        books, now = lock_and_read(
            link, footprint, keys, hold_callers=holders, locking=access is Access.LOCKED
        )
        ids = Ids(now, secrets.randbits(40))
        # The first of all: so it is known to every answer, and what the transaction writes is found
        # right behind it.
        commit_id = ids.next()
        answered = [_is_answered(books, group) for group in groups]
        if not all(answered):
            _expire_due(link, books, now, ids, commit_id, access, counters)
        decision = _Decision(books, now, ids, encode_refusal, budget, commit_id, seal(commit_id))
        outcomes = [decision.of_group(group) for group in groups]
        _check_access(books, access)
        verify = access is Access.VERIFIED
        always = must_commit or (decision.seal != b"" and _has_responses(books))
        calls = write_calls(books, now, commit_id, always=always, verify=verify)
        if calls:
            _commit(link, calls, books, counters)
        else:
            link.rollback()
    except BaseException as error:
        link.rollback()
        if access is Access.VERIFIED and any(answered) and _is_conflict(error):
            raise AnsweredBeforeError(answered) from error
        raise
    return outcomes


def _holders(requests: Sequence[Request], budget: HoldBudget) -> dict[str, int]:
    """Who makes holds, with how many units in use all that they ask for is within their budget."""
    enough: dict[str, int] = {}
    for request in requests:
        if isinstance(request.command, CreateHold):
            units = sum(line.quantity for line in request.command.lines)
            left = enough.get(request.caller, budget.caller_units_max)
            enough[request.caller] = left - units
    return enough


def _commit(link: Link, calls: Sequence[Call], books: Books, counters: Counters | None) -> None:
    link.commit(calls)
    if counters is not None and books.due:
        expired = (move.kind is MovementKind.HOLD_EXPIRED for move in books.movements)
        counters.expired_hold_lines += sum(expired)


def _expire_due(
    link: Link,
    books: Books,
    now: datetime,
    ids: Ids,
    commit_id: str,
    access: Access,
    counters: Counters | None,
) -> None:
    expire_due(books, now, ids)
    if books.more_due and books.movements:
        # What is still due may be what a command needs, so nobody is answered before it is
        # written; in steps, because no statement may take longer than its time limit.
        _check_access(books, access)
        calls = write_calls(books, now, commit_id, verify=access is Access.VERIFIED)
        _commit(link, calls, books, counters)
        raise MoreDueError


def _is_answered(books: Books, group: Group) -> bool:
    """All of it, by an earlier transaction: nothing is left to decide."""
    return bool(books.answers) and all(
        not request.validate_only and _key(request) in books.answers for request in group.requests
    )


def _has_responses(books: Books) -> bool:
    """They carry this commit's token, also if nothing changed: who waits for it must not do so in
    vain."""
    return any(answer.code == 0 for answer in books.new_answers.values())


def _is_conflict(error: BaseException) -> bool:
    failure = failure_of(error) if isinstance(error, Exception) else None
    return failure in (Failure.CONFLICT, Failure.BLOCKED)


def _check_access(books: Books, access: Access) -> None:
    if access is Access.UNLOCKED and books.versions_read:
        raise LocksNeededError


def _key(request: Request) -> AnswerKey:
    return request.caller, request.request_id


def _too_large(answers: Sequence[Answer]) -> AnswerTooLarge | None:
    """Refused while it still can be: done and not told would be worse."""
    size = sum(len(answer.body) + _FRAME_BYTES for answer in answers)
    return AnswerTooLarge(size, ANSWER_BYTES_MAX) if size > ANSWER_BYTES_MAX else None


class _RefusedError(Exception):
    """A request was refused with this answer; its effect is rolled back."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _Decision:
    """Decides the groups of one attempt, in order, each seeing those before it."""

    books: Books
    now: datetime
    ids: Ids
    encode_refusal: EncodeRefusal
    budget: HoldBudget
    commit_id: str
    seal: bytes
    """At the end of every response that is kept."""

    def of_group(self, group: Group) -> Outcome:
        """All or nothing if the group is atomic; harms no other group, whatever happens."""
        mark = self.books.mark()
        self.books.settle()
        try:
            return self._answers(group, mark)
        except StaleBooksError:
            raise
        except Exception as bug:  # noqa: BLE001 - whatever it is, it is this group's alone
            self.books.rollback(mark)
            return bug

    def _answers(self, group: Group, mark: int) -> Outcome:
        answers: list[Answer] = []
        dry: dict[AnswerKey, StoredAnswer] = {}
        for row, request in enumerate(group.requests):
            try:
                answers.append(self._answer(request, dry))
            except _RefusedError as refused:
                if not group.atomic:
                    answers.append(refused.answer)
                    continue
                if group.is_batch:
                    self.books.rollback(mark)
                return RowRefused(row, refused.answer)
        too_large = _too_large(answers) if group.atomic and group.is_batch else None
        if too_large or group.requests[0].validate_only:
            self.books.rollback(mark)
        return too_large or answers

    def _answer(self, request: Request, dry: dict[AnswerKey, StoredAnswer]) -> Answer:
        """``dry`` has what earlier rows of a validate_only group would have stored; what others
        stored is none of its business."""
        key = _key(request)
        stored = dry.get(key) if request.validate_only else self.books.answer(key)
        if stored is None:
            return self._decided(request, key, dry)
        if stored.fingerprint != request.fingerprint:
            raise _RefusedError(Answer(*self.encode_refusal(RequestIdReused(request.request_id))))
        answer = Answer(stored.code, stored.body, replayed=True)
        if stored.code:
            raise _RefusedError(answer)
        return answer

    def _decided(
        self, request: Request, key: AnswerKey, dry: dict[AnswerKey, StoredAnswer]
    ) -> Answer:
        mark = self.books.mark()
        context = Context(self.now, self.ids, request.caller, request.request_id, self.budget)
        try:
            result = decide(self.books, request.command, context)
        except DomainError as refusal:
            self.books.rollback(mark)
            code, body = self.encode_refusal(refusal)
            if code in _STORED_CODES or refusal.reason == _STORED_REASON:
                self._store(request, key, StoredAnswer(request.fingerprint, code, body), dry)
            raise _RefusedError(Answer(code, body, commit_id=self.commit_id)) from None
        if request.validate_only:
            body = request.encode(without_new_ids(request.command, result))
        else:
            body = request.encode(result) + self.seal
        self._store(request, key, StoredAnswer(request.fingerprint, 0, body), dry)
        return Answer(0, body, commit_id=self.commit_id)

    def _store(
        self,
        request: Request,
        key: AnswerKey,
        answer: StoredAnswer,
        dry: dict[AnswerKey, StoredAnswer],
    ) -> None:
        if request.validate_only:
            dry[key] = answer
        else:
            self.books.put_answer(key, answer)
