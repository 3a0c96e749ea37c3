"""Who may no longer watch is told nothing more, and goes on behind it once it may again."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from inventory_grpc.domain.caller import Role
from inventory_grpc.v1.changes_pb2 import WatchChangesRequest
from inventory_grpc.v1.changes_pb2_grpc import ChangeServiceStub
from inventory_grpc.v1.products_pb2 import CreateProductRequest, Product
from inventory_grpc.v1.products_pb2_grpc import ProductServiceStub
from tests.conftest import Postgres, _made
from tests.identity.issuer import SigningKey, claims, jwks
from tests.server.access_table import CALLERS, CLIENTS, KEY, SERVERS, Sources, bearer
from tests.server.callers import PERMISSION_DENIED, UNAUTHENTICATED, CallerEntry, Metadata
from tests.server.harness import Server, detail, poll_until, reason_of, running

_URI: Final = "spiffe://shop.example/watcher"
WATCHER: Final = CallerEntry("watcher", "reader", uris=(_URI,), subjects=("subject-watcher",))
KEEPER: Final = CALLERS[Role.OPERATOR]
LEEWAY_SECONDS: Final = 30


class Stream:
    """One that has begun."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata, token: str = "") -> None:
        request = WatchChangesRequest(resume_token=token)
        self._call = ChangeServiceStub(channel).WatchChanges(request, metadata=metadata, timeout=60)
        self.token = next(self._call).resume_token

    def next_sku(self) -> str:
        """Of the next product that is told of."""
        for message in self._call:
            self.token = message.resume_token
            if message.change.HasField("product"):
                return message.change.product.sku
        raise AssertionError("the stream ended well")

    def refusal(self) -> grpc.RpcError:
        """How it ends; nothing happens before."""
        with pytest.raises(grpc.RpcError) as refused:
            self.next_sku()
        return refused.value


@dataclass(frozen=True)
class Shop:
    """A server that knows callers by all that there is."""

    server: Server
    sources: Sources

    def connect(self, *uris: str) -> grpc.Channel:
        """As whoever shows a certificate with these."""
        shown = SERVERS.trusted(CLIENTS.client(*uris))
        return Server(self.server.process, self.server.log, "", self.server.target, shown).connect()

    def create(self) -> str:
        """Make a product; its SKU."""
        sku = uuid4().hex
        with self.connect() as channel:
            ProductServiceStub(channel).CreateProduct(
                CreateProductRequest(product=Product(sku=sku, name=sku)),
                metadata=KEEPER.metadata,
                timeout=10,
            )
        return sku

    def list_watcher(self, *, known: bool) -> None:
        """Have it in the access file, or not."""
        self.sources.write(*([WATCHER] if known else []))

    def publish_key(self, *, known: bool) -> None:
        """Have the key that tokens are signed with among those they are verified with, or not."""
        keys = jwks(KEY if known else SigningKey("another"))
        (self.sources.directory / "jwks.json").write_bytes(keys)


@pytest.fixture(scope="module")
def shop(
    postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    sources = Sources(tmp_path_factory.mktemp("access"))
    sources.write(WATCHER)
    flags = (*sources.flags, *sources.tls)
    with (
        _made(postgres, f"TEMPLATE {template}") as database,
        running(sources.directory / "log", *flags, database_url=database.url) as server,
    ):
        yield Shop(server, sources)


@dataclass(frozen=True)
class Revocation:
    """How the watcher is known, and how it comes to be no longer."""

    metadata: Metadata
    certificate: tuple[str, ...]
    know: Callable[..., None]
    event: str
    """What the server says when it knows it again."""
    refusal: tuple[str, str]
    facts: dict[str, str]


def _token(**others: float) -> Metadata:
    return bearer(KEY.sign(claims("subject-watcher", **others)))


_LISTED: Final = (Shop.list_watcher, "access_file_read")
_PUBLISHED: Final = (Shop.publish_key, "jwks_read")
REVOCATIONS: Final = {
    "its API key is taken out": Revocation(
        WATCHER.metadata, (), *_LISTED, UNAUTHENTICATED, {}
    ),
    "the subject of its token is taken out": Revocation(
        _token(), (), *_LISTED, PERMISSION_DENIED,
        {"caller": "sub:subject-watcher", "needed": "reader"},
    ),
    "the URI of its certificate is taken out": Revocation(
        (), (_URI,), *_LISTED, PERMISSION_DENIED,
        {"caller": f"uri:{_URI}", "needed": "reader"},
    ),
    "the key of its token is withdrawn": Revocation(
        _token(), (), *_PUBLISHED, UNAUTHENTICATED, {}
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", REVOCATIONS)
def test_an_open_stream_ends_when(shop: Shop, how: str) -> None:
    revoked = REVOCATIONS[how]
    with shop.connect(*revoked.certificate) as channel, shop.connect() as others:
        stream, other = Stream(channel, revoked.metadata), Stream(others, KEEPER.metadata)
        before = shop.create()
        assert stream.next_sku() == before
        known = len(shop.server.events(revoked.event))
        revoked.know(shop, known=False)
        error = stream.refusal()
        assert (error.code().name, reason_of(error)) == revoked.refusal
        assert detail(error, error_details_pb2.ErrorInfo()).metadata == revoked.facts
        # Whoever still may has not noticed.
        after = shop.create()
        assert [other.next_sku(), other.next_sku()] == [before, after]
        revoked.know(shop, known=True)
        poll_until(lambda: len(shop.server.events(revoked.event)) >= known + 2)
        again = Stream(channel, revoked.metadata, stream.token)
        assert again.next_sku() == after


def test_an_open_stream_ends_when_its_token_expires(shop: Shop) -> None:
    nearly_over = _token(exp=int(time.time()) - LEEWAY_SECONDS + 6)
    with shop.connect() as channel:
        error = Stream(channel, nearly_over).refusal()
    assert (error.code().name, reason_of(error)) == UNAUTHENTICATED
    assert error.details() == "who calls is not known: the token has expired"


def test_a_stream_that_was_ended_is_in_the_log_as_its_callers(shop: Shop) -> None:
    with shop.connect() as channel:
        stream = Stream(channel, WATCHER.metadata)
        known = len(shop.server.events("access_file_read"))
        shop.list_watcher(known=False)
        stream.refusal()
        poll_until(lambda: _refused(shop, "watcher"))
        shop.list_watcher(known=True)
        poll_until(lambda: len(shop.server.events("access_file_read")) == known + 2)


def _refused(shop: Shop, caller: str) -> bool:
    """Whether the log has a call of that caller which is no longer known."""
    calls = shop.server.events("call")
    return ("UNAUTHENTICATED", caller) in {(call.get("reason"), call["caller"]) for call in calls}
