"""A server in the same process that answers as a test says, over the channel of grpcio-testing."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from threading import Thread
from typing import Any, Final, TypeVar

import grpc
import grpc_testing  # type: ignore[import-untyped]
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from inventory_grpc.client import InventoryClient, Policy
from inventory_grpc.v1 import orders_pb2, products_pb2
from tests.server.harness import poll_until

Answer = TypeVar("Answer")

ORDERS: Final = orders_pb2.DESCRIPTOR.services_by_name["OrderService"].methods_by_name
PRODUCTS: Final = products_pb2.DESCRIPTOR.services_by_name["ProductService"].methods_by_name
QUICK: Final = Policy(backoff=0.001, backoff_max=0.001)
"""Nothing here waits for a server to come back."""


@dataclass
class Fake:
    """One client and the server's side of its channel.

    What a call asked is copied when it arrives, as a network would: the channel hands out the
    client's own message, which the next attempt might change.
    """

    channel: Any
    client: InventoryClient

    def call(self, of: Callable[[InventoryClient], Answer]) -> "Future[Answer]":
        """Make a call in the background, so that the test can answer it."""
        done: Future[Answer] = Future()

        def run() -> None:
            try:
                done.set_result(of(self.client))
            except Exception as error:  # noqa: BLE001 - told by the future
                done.set_exception(error)

        # A call that a failed test leaves unanswered must not keep the process alive.
        Thread(target=run, daemon=True).start()
        return done

    def answer(self, method: MethodDescriptor, answer: Message) -> tuple[Any, dict[str, str]]:
        """Answer the next call of the method; what it asked, and its metadata."""
        metadata, request, rpc = self.channel.take_unary_unary(method)
        asked = deepcopy(request)
        rpc.terminate(answer, (), grpc.StatusCode.OK, "")
        sent = {key: value for key, value in metadata or () if not key.startswith("grpc.")}
        return asked, sent

    def refuse(
        self,
        method: MethodDescriptor,
        code: grpc.StatusCode,
        reason: str = "",
        *trailers: tuple[str, str],
        retry_after: float | None = None,
    ) -> Any:
        """Refuse the next call of the method; what it asked."""
        _, request, rpc = self.channel.take_unary_unary(method)
        asked = deepcopy(request)
        details = [("grpc-status-details-bin", _status(code, reason, retry_after))]
        sent = (*(details if reason else ()), *trailers)
        rpc.terminate(None, sent, code, f"refused: {reason}")
        return asked

    def stream(
        self,
        method: MethodDescriptor,
        messages: Iterable[Message],
        code: grpc.StatusCode | None,
        reason: str = "",
    ) -> Any:
        """Answer the next stream of the method; None as code leaves it open. What it asked."""
        _, request, rpc = self.channel.take_unary_stream(method)
        asked = deepcopy(request)
        for message in messages:
            rpc.send_response(message)
        # This channel forgets messages that were not taken when the call ends.
        poll_until(lambda: not rpc._rpc_state._responses)
        if code is not None:
            details = [("grpc-status-details-bin", _status(code, reason, None))]
            rpc.terminate(details if reason else (), code, f"ended: {reason}")
        return asked


@contextmanager
def faked(policy: Policy = QUICK, **settings: Any) -> Iterator[Fake]:
    """A client without a network."""
    channel = grpc_testing.channel((), grpc_testing.strict_real_time())
    client = InventoryClient.over(channel, policy=policy, **settings)
    yield Fake(channel, client)


def _status(code: grpc.StatusCode, reason: str, retry_after: float | None) -> bytes:
    status = status_pb2.Status(code=code.value[0], message=reason)
    info = error_details_pb2.ErrorInfo(reason=reason, domain="inventory.v1")
    status.details.add().Pack(info)
    if retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(int(retry_after * 1000))
        status.details.add().Pack(retry)
    serialized: bytes = status.SerializeToString()
    return serialized
