"""A server in the same process that answers as a test says, over the channel of grpcio-testing."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import grpc
import grpc_testing  # type: ignore[import-untyped]
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from inventory_grpc.client import InventoryClient, Policy
from inventory_grpc.v1 import orders_pb2, products_pb2

Answer = TypeVar("Answer")

ORDERS: Final = orders_pb2.DESCRIPTOR.services_by_name["OrderService"].methods_by_name
PRODUCTS: Final = products_pb2.DESCRIPTOR.services_by_name["ProductService"].methods_by_name
QUICK: Final = Policy(backoff=0.001, backoff_max=0.001)
"""Nothing here waits for a server to come back."""


@dataclass
class Fake:
    """One client and the server's side of its channel."""

    channel: Any
    client: InventoryClient
    _callers: ThreadPoolExecutor

    def call(self, of: Callable[[InventoryClient], Answer]) -> "Future[Answer]":
        """Make a call in the background, so that the test can answer it."""
        return self._callers.submit(of, self.client)

    def answer(self, method: MethodDescriptor, answer: Message) -> tuple[Any, dict[str, str]]:
        """Answer the next call of the method; what it asked, and its metadata."""
        metadata, request, rpc = self.channel.take_unary_unary(method)
        rpc.terminate(answer, (), grpc.StatusCode.OK, "")
        sent = {key: value for key, value in metadata or () if not key.startswith("grpc.")}
        return request, sent

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
        details = [("grpc-status-details-bin", _status(code, reason, retry_after))]
        sent = (*(details if reason else ()), *trailers)
        rpc.terminate(None, sent, code, f"refused: {reason}")
        return request


@contextmanager
def faked(policy: Policy = QUICK, **settings: Any) -> Iterator[Fake]:
    """A client without a network."""
    channel = grpc_testing.channel((), grpc_testing.strict_real_time())
    client = InventoryClient.over(channel, policy=policy, **settings)
    with ThreadPoolExecutor() as callers:
        yield Fake(channel, client, callers)


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
