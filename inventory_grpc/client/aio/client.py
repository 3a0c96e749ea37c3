"""The client: all services of the API on one connection."""

from types import TracebackType
from typing import Self

from inventory_grpc.client import wire_aio as wire
from inventory_grpc.client.aio.changes import AsyncChanges
from inventory_grpc.client.aio.holds import AsyncHolds
from inventory_grpc.client.aio.locations import AsyncLocations
from inventory_grpc.client.aio.orders import AsyncOrders
from inventory_grpc.client.aio.products import AsyncProducts
from inventory_grpc.client.aio.stock import AsyncStock
from inventory_grpc.client.connect import (
    ChannelOptions,
    Credentials,
    Target,
    Tls,
    address,
    channel_options,
    check_secrecy,
)
from inventory_grpc.client.policy import Policy

_POLICY = Policy()


class AsyncInventoryClient(
    AsyncProducts, AsyncLocations, AsyncStock, AsyncHolds, AsyncOrders, AsyncChanges
):
    """Products, stock, holds, orders and changes, with all that a careful caller would add.

    - A mutation gets a request_id once and keeps it in every attempt: one effect, whatever broke.
    - Calls have deadlines and are repeated while that helps, as `Policy` says.
    - Refusals are exceptions of their own, such as `InsufficientStock`; see `refusals`.
    - Several servers take turns, and those that are not serving are left out.

    `target` is `host:port`, a gRPC name or several `ip:port`. Without `tls` the connection is not
    encrypted. `credentials` say who calls. With `read_your_writes`, reads include what the same
    thread or task has written before, also where a replica answers. `options` are gRPC's channel
    options, which win over those of this library. Raises ValueError for a target that cannot be,
    and for credentials that would cross a network in the clear.
    """

    def __init__(
        self,
        target: Target,
        *,
        tls: Tls | None = None,
        credentials: Credentials | None = None,
        policy: Policy = _POLICY,
        read_your_writes: bool = False,
        options: ChannelOptions = (),
    ) -> None:
        check_secrecy(address(target), tls, credentials)
        channel = wire.open_channel(address(target), tls, channel_options(tls, options))
        super().__init__(channel, credentials, policy, read_your_writes=read_your_writes)

    @classmethod
    def over(
        cls,
        channel: wire.Channel,
        *,
        credentials: Credentials | None = None,
        policy: Policy = _POLICY,
        read_your_writes: bool = False,
    ) -> Self:
        """A client on a channel of the caller's, with interceptors for example."""
        client = cls.__new__(cls)
        super(AsyncInventoryClient, client).__init__(
            channel, credentials, policy, read_your_writes=read_your_writes
        )
        return client

    async def close(self) -> None:
        """End the calls in flight and the connections."""
        await wire.close_channel(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
