# Made from `aio` by `python -m tests.client.unasync`. Do not edit.
"""The one path of all calls: options, request id, credentials, attempts, errors."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from inventory_grpc.client import wire_sync as wire
from inventory_grpc.client.batches import Result, Row, rows_of
from inventory_grpc.client.connect import Credentials
from inventory_grpc.client.errors import InventoryError
from inventory_grpc.client.memory import LastToken
from inventory_grpc.client.options import Batch, Listing, Read, Write, fill, identify, identify_rows
from inventory_grpc.client.policy import Attempts, CallClass, Policy, limits_for
from inventory_grpc.client.sync.pages import Page, Pages
from inventory_grpc.v1.changes_pb2_grpc import ChangeServiceStub
from inventory_grpc.v1.holds_pb2_grpc import HoldServiceStub
from inventory_grpc.v1.locations_pb2_grpc import LocationServiceStub
from inventory_grpc.v1.orders_pb2_grpc import OrderServiceStub
from inventory_grpc.v1.products_pb2_grpc import ProductServiceStub
from inventory_grpc.v1.stock_pb2_grpc import StockServiceStub


class Mutated(Protocol):
    """The answer of a mutation."""

    resume_token: str


Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer")
Done = TypeVar("Done", bound=Mutated)
PageT = TypeVar("PageT", bound=Page)
BatchT = TypeVar("BatchT")
Item = TypeVar("Item")


class Caller:
    """What the services' methods are made of."""

    def __init__(
        self,
        channel: wire.Channel,
        credentials: Credentials | None,
        policy: Policy,
        *,
        read_your_writes: bool,
    ) -> None:
        self._channel = channel
        self._credentials = credentials
        self._policy = policy
        self._last_token = LastToken(kept=read_your_writes)
        self._products = ProductServiceStub(channel)
        self._locations = LocationServiceStub(channel)
        self._stock = StockServiceStub(channel)
        self._holds = HoldServiceStub(channel)
        self._orders = OrderServiceStub(channel)
        self._changes = ChangeServiceStub(channel)

    def _read(
        self, method: "wire.UnaryMethod[Request, Answer]", request: Request, options: Read
    ) -> Answer:
        seconds = fill(request, options)
        self._last_token.ask(request)
        return self._call("read", method, request, seconds)

    def _write(
        self, method: "wire.UnaryMethod[Request, Done]", request: Request, options: Write
    ) -> Done:
        seconds = fill(request, options)
        identify(request)
        answer = self._call("write", method, request, seconds)
        self._last_token.note(answer.resume_token)
        return answer

    def _batch(
        self,
        method: "wire.UnaryMethod[Request, BatchT]",
        request: Request,
        results: Callable[[BatchT], Iterable[Result[Done]]],
        options: Batch,
    ) -> list[Row[Done]]:
        seconds = fill(request, options)
        request_ids = identify_rows(request)
        answer = self._call("batch", method, request, seconds)
        done = rows_of(results(answer), request_ids)
        for row in done:
            if row.answer is not None:
                self._last_token.note(row.answer.resume_token)
        return done

    def _list(
        self,
        method: "wire.UnaryMethod[Request, PageT]",
        request: Request,
        items: Callable[[PageT], Iterable[Item]],
        options: Listing,
    ) -> Pages[Item, PageT]:
        seconds = fill(request, options)
        self._last_token.ask(request)

        def fetch(page_token: str) -> PageT:
            # A copy: a list may be iterated twice at once.
            asked = type(request)()
            asked.MergeFrom(request)
            fill(asked, {"page_token": page_token})
            return self._call("read", method, asked, seconds)

        return Pages(fetch, items, options.get("page_token") or "")

    def _stream(
        self,
        method: "wire.StreamMethod[Request, Answer]",
        request: Request,
        seconds: float | None,
    ) -> Iterator[Answer]:
        """The messages of a finite stream; begun again only while nothing was told."""
        attempts = self._attempts("stream", seconds)
        told = False
        while True:
            sent = wire.metadata(self._credentials)
            stream = wire.Stream(method, request, attempts.begin(), sent)
            try:
                for message in stream:
                    told = True
                    yield message
            except InventoryError as error:
                if told:
                    raise
                pause = attempts.pause_after(error)
            else:
                return
            finally:
                stream.cancel()
            wire.pause(pause)

    def _call(
        self,
        kind: CallClass,
        method: "wire.UnaryMethod[Request, Answer]",
        request: Request,
        seconds: float | None,
    ) -> Answer:
        """Send until there is an answer, a refusal that repeating would not change, or no time."""
        attempts = self._attempts(kind, seconds)
        while True:
            sent = wire.metadata(self._credentials)
            try:
                return wire.send(method, request, attempts.begin(), sent)
            except InventoryError as error:
                error.request_id = str(getattr(request, "request_id", ""))
                pause = attempts.pause_after(error)
            wire.pause(pause)

    def _attempts(self, kind: CallClass, seconds: float | None) -> Attempts:
        return Attempts(self._policy, limits_for(self._policy, kind, seconds))
