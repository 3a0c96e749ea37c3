"""From a mutation's message to its answer; every singular mutating handler is one call of this."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Generic, Protocol, TypeVar

import uuid_utils
from google.rpc import status_pb2  # type: ignore[import-untyped]

from inventory_grpc.domain.commands import Command
from inventory_grpc.engine.request import Answer, Request
from inventory_grpc.rpc import errors, reply, validate
from inventory_grpc.rpc.calls import current
from inventory_grpc.rpc.encode import Encode
from inventory_grpc.rpc.reply import Context
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.services.mutations import Mutations


class Message(Protocol):
    """What every mutation's request message has."""

    request_id: str
    validate_only: bool

    def DiscardUnknownFields(self) -> object: ...  # noqa: N802, D102 - protobuf's name
    def SerializeToString(self, *, deterministic: bool) -> bytes: ...  # noqa: N802, D102


M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Mutation(Generic[M]):
    """One mutating RPC: its full name, how to read its request, how to write its response."""

    method: str
    parse: Callable[[M, Violations], Command]
    encode: Encode

    @cached_property
    def _hash(self) -> "blake2b":
        return blake2b(self.method.encode() + b"\0", digest_size=16)

    def fingerprint(self, message: M) -> bytes:
        """16 bytes that say what was asked for, whatever bytes it came in.

        Two requests have the same one if method and known fields are the same, but for request_id.
        Takes request_id and unknown fields out of ``message``.
        """
        message.request_id = ""
        message.DiscardUnknownFields()
        fingerprint = self._hash.copy()
        fingerprint.update(message.SerializeToString(deterministic=True))
        return fingerprint.digest()

    def request(
        self, message: M, command: Command, request_id: str, *, validate_only: bool
    ) -> Request:
        """Ready for the write path; with a request id in any case, so that re-runs are safe."""
        caller, fingerprint = current.get().caller.name, self.fingerprint(message)
        request_id = request_id or str(uuid_utils.uuid7())
        return Request(caller, request_id, fingerprint, command, self.encode, validate_only)


async def submit(
    mutations: Mutations, mutation: Mutation[M], message: M, context: Context
) -> bytes:
    """The response's bytes, or b"" once the context has a refusal's status. Raises DomainError."""
    found = Violations()
    command = mutation.parse(message, found)
    request_id = validate.optional_uuid(message.request_id, found, "", "request_id")
    found.refuse_if_any()
    request = mutation.request(message, command, request_id, validate_only=message.validate_only)
    current.get().request_id = request.request_id
    if not request_id:
        reply.add_trailers(context, [(reply.REQUEST_ID, request.request_id)])
    answer = await mutations.execute(request, reply.time_left(context))
    return _answer(answer, context)


def _answer(answer: Answer, context: Context) -> bytes:
    call = current.get()
    call.replayed, call.batch_id = answer.replayed, answer.commit_id
    if answer.replayed:
        reply.add_trailers(context, [reply.REPLAY])
    if answer.code:
        status = status_pb2.Status.FromString(answer.body)
        call.reason = errors.reason_of(status)
        return reply.end(context, status, answer.body)
    return answer.body
