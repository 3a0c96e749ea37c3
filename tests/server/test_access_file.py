"""Who is in the access file may call, as what it says, from the moment it says so."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from inventory_grpc.v1 import holds_pb2, orders_pb2, products_pb2, stock_pb2
from inventory_grpc.v1.common_pb2 import DemandLine, ProductKey
from tests.conftest import Postgres, _made
from tests.server.callers import (
    OK,
    PERMISSION_DENIED,
    UNAUTHENTICATED,
    CallerEntry,
    Metadata,
    outcome,
    write_access,
)
from tests.server.harness import START_SECONDS_MAX, Server, detail, poll_until, running, spawn

MUG = ProductKey(sku="MUG")
HOLD_UNITS_MAX = 4


@dataclass
class Guarded:
    """A server with an access file, and some of the callers in it."""

    server: Server
    path: Path
    window: CallerEntry
    checkout: CallerEntry
    billing: CallerEntry
    keeper: CallerEntry
    rewritten: bool = field(default=False, init=False)

    @property
    def callers(self) -> list[CallerEntry]:
        return [self.window, self.checkout, self.billing, self.keeper]

    def listing(self, metadata: Metadata) -> tuple[str, str]:
        """What becomes of a read."""
        request = products_pb2.ListProductsRequest()
        return outcome(
            lambda: self.server.products.ListProducts(request, metadata=metadata, timeout=10)
        )

    def order(self, caller: CallerEntry, request_id: str = "") -> orders_pb2.Order:
        line = DemandLine(product=MUG, quantity=1)
        request = orders_pb2.CreateOrderRequest(lines=[line], request_id=request_id)
        return self.server.orders.CreateOrder(request, metadata=caller.metadata, timeout=10).order

    def rewrite(self, callers: list[CallerEntry]) -> None:
        """Replace the file, and wait until the server has it."""
        before = len(self.server.events("access_file_read"))
        self.rewritten = True
        write_access(self.path, callers)
        poll_until(lambda: len(self.server.events("access_file_read")) > before)


@pytest.fixture(scope="module")
def shared(
    postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    callers = [
        CallerEntry("shop-window", "reader"),
        CallerEntry("checkout", "writer"),
        CallerEntry("billing", "writer"),
        CallerEntry("keeper", "operator"),
    ]
    directory = tmp_path_factory.mktemp("access")
    path = write_access(directory / "access.toml", callers)
    budget = ("--hold-units-per-caller-max", str(HOLD_UNITS_MAX))
    flags = ("--no-migrate", "--access-file", str(path), *budget)
    with (
        _made(postgres, f"TEMPLATE {template}") as database,
        running(directory / "log", *flags, database_url=database.url) as server,
    ):
        guarded = Guarded(server, path, *callers)
        server.products.CreateProduct(
            products_pb2.CreateProductRequest(
                product=products_pb2.Product(sku="MUG", name="Mug"),
                initial_stock=[products_pb2.InitialStock(quantity=100)],
            ),
            metadata=guarded.keeper.metadata,
        )
        yield guarded


@pytest.fixture
def guarded(shared: Guarded) -> Iterator[Guarded]:
    """The server, with the file it began with."""
    yield shared
    if shared.rewritten:
        shared.rewrite(shared.callers)
        shared.rewritten = False


def test_each_caller_may_what_its_role_may(guarded: Guarded) -> None:
    assert guarded.listing(()) == UNAUTHENTICATED
    assert guarded.listing((("x-api-key", "guess"),)) == UNAUTHENTICATED
    assert {guarded.listing(each.metadata) for each in guarded.callers} == {OK}
    assert outcome(lambda: guarded.order(guarded.checkout)) == OK
    assert outcome(lambda: guarded.order(guarded.window)) == PERMISSION_DENIED


def test_who_is_refused_learns_what_is_needed_and_nothing_of_the_request(guarded: Guarded) -> None:
    line = DemandLine(product=ProductKey(sku="NONE"), quantity=-1)
    with pytest.raises(grpc.RpcError) as refused:
        guarded.server.orders.CreateOrder(
            orders_pb2.CreateOrderRequest(lines=[line]), metadata=guarded.window.metadata
        )
    info = detail(refused.value, error_details_pb2.ErrorInfo())
    assert info.reason == "PERMISSION_DENIED"
    assert dict(info.metadata) == {"caller": "shop-window", "needed": "writer"}


def test_the_caller_is_the_actor_of_the_ledger(guarded: Guarded) -> None:
    order = guarded.order(guarded.checkout)
    movements = guarded.server.stock.ListStockMovements(
        stock_pb2.ListStockMovementsRequest(), metadata=guarded.window.metadata
    ).movements
    actors = {(each.order_id, each.actor) for each in movements}
    assert {(order.order_id, "checkout"), ("", "keeper")} <= actors
    assert {actor for order_id, actor in actors if order_id == order.order_id} == {"checkout"}
    events = guarded.server.orders.ListOrderEvents(
        orders_pb2.ListOrderEventsRequest(order_id=order.order_id), metadata=guarded.window.metadata
    ).events
    assert {each.actor for each in events} == {"checkout"}


def test_a_request_id_is_its_callers_own(guarded: Guarded) -> None:
    request_id = str(uuid4())
    first = guarded.order(guarded.checkout, request_id)
    other = guarded.order(guarded.billing, request_id)
    assert first.order_id != other.order_id
    assert guarded.order(guarded.checkout, request_id) == first
    assert guarded.order(guarded.billing, request_id) == other


def test_a_hold_budget_is_its_callers_own(guarded: Guarded) -> None:
    lines = [DemandLine(product=MUG, quantity=HOLD_UNITS_MAX)]
    request = holds_pb2.CreateHoldRequest(lines=lines, ttl=Duration(seconds=60))

    def hold(caller: CallerEntry) -> tuple[str, str]:
        return outcome(
            lambda: guarded.server.holds.CreateHold(request, metadata=caller.metadata, timeout=10)
        )

    assert hold(guarded.checkout) == OK
    assert hold(guarded.checkout) == ("RESOURCE_EXHAUSTED", "HOLD_BUDGET_EXCEEDED")
    assert hold(guarded.billing) == OK


def test_a_changed_file_counts_from_the_next_call_on(guarded: Guarded) -> None:
    replaced = CallerEntry("checkout", "reader")
    guarded.rewrite([guarded.window, replaced])
    assert guarded.listing(guarded.checkout.metadata) == UNAUTHENTICATED
    assert guarded.listing(guarded.keeper.metadata) == UNAUTHENTICATED
    assert guarded.listing(replaced.metadata) == OK
    assert outcome(lambda: guarded.order(replaced)) == PERMISSION_DENIED


def test_a_broken_file_changes_nothing_and_is_complained_of_once(guarded: Guarded) -> None:
    def complaints() -> list[object]:
        return [each["reason"] for each in guarded.server.events("access_file_not_usable")]

    guarded.path.write_text('[callers.checkout]\nrole = "king"\n')
    poll_until(lambda: len(complaints()) == 1)
    guarded.path.unlink()
    # By then it has looked at the broken one several times.
    poll_until(lambda: len(complaints()) == 2)
    assert str(complaints()[0]).startswith("callers.checkout.role: ")
    assert complaints()[1] == "No such file or directory"
    assert {guarded.listing(each.metadata) for each in guarded.callers} == {OK}
    guarded.rewrite([guarded.window])
    assert guarded.listing(guarded.checkout.metadata) == UNAUTHENTICATED


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_does_not_start_with_a_file_it_does_not_understand(
    tmp_path: Path, workers: str
) -> None:
    path = tmp_path / "access.toml"
    path.write_text("[callers.checkout]\n")
    flags = ("--access-file", str(path), "--workers", workers)
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    server = spawn(tmp_path / "log", flags, {"database_url": nowhere})
    try:
        assert server.wait(START_SECONDS_MAX) == 1
    finally:
        server.close()
    assert f"{path}: callers.checkout.role: Field required" in server.log.read_text()
