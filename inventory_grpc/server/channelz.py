"""channelz, on a port of its own: gRPC's connections, streams and counters, for who debugs them.

It shows who is connected from where and lets nobody be kept out, so that only this machine may
reach it. On the server's own port everybody who may call anything would see it.
"""

from typing import Final, Self

import grpc
import structlog
from grpc_channelz.v1.channelz import add_channelz_servicer  # type: ignore[import-untyped]

from inventory_grpc.server.address import Address
from inventory_grpc.server.errors import AddressTakenError, NotPrivateError
from inventory_grpc.settings import Settings

_log = structlog.stdlib.get_logger(__name__)

_CALLS_MAX: Final = 8
"""At once; each holds up the loop for as long as gRPC takes to write it down."""


class Channelz:
    """A second server in the process of the first."""

    def __init__(self, server: grpc.aio.Server) -> None:
        """Use `start`."""
        self._server = server

    @classmethod
    async def start(cls, settings: Settings) -> Self | None:
        """None unless it is set. Raises StartError."""
        if settings.channelz_listen is None:
            return None
        wanted = private(settings.channelz_listen)
        server = grpc.aio.server(
            options=[("grpc.so_reuseport", 0), ("grpc.enable_channelz", 0)],
            maximum_concurrent_rpcs=_CALLS_MAX,
        )
        add_channelz_servicer(server)
        try:
            port = server.add_insecure_port(str(wanted))
        except RuntimeError:
            await server.stop(None)
            raise AddressTakenError(str(wanted)) from None
        await server.start()
        _log.info("channelz", listen=str(wanted if wanted.path else wanted.with_port(port)))
        return cls(server)

    async def stop(self) -> None:
        """Answers nobody any more."""
        await self._server.stop(None)


def private(listen: str) -> Address:
    """The address. Raises NotPrivateError if others than this machine can reach it."""
    address = Address.parse(listen)
    if not address.is_local:
        raise NotPrivateError(str(address), "channelz")
    return address


def check_channelz(settings: Settings) -> None:
    """Raise NotPrivateError if it is to be served where others can reach it."""
    if settings.channelz_listen is not None:
        private(settings.channelz_listen)
