"""channelz: what gRPC knows of connections and calls, for this machine alone."""

import subprocess
from pathlib import Path

import grpc
import pytest
from grpc_channelz.v1 import (  # type: ignore[import-untyped]
    channelz_pb2,
    channelz_pb2_grpc,
)

from inventory_grpc.server.address import Address
from inventory_grpc.server.app import Application
from inventory_grpc.server.errors import NotPrivateError
from inventory_grpc.settings import Settings
from inventory_grpc.v1 import products_pb2
from tests.conftest import Database
from tests.server.harness import Server, command, environment, running


@pytest.mark.parametrize("where", ["127.0.0.1:0", "unix:{}/channelz"])
def test_it_shows_the_server_its_calls_and_who_is_connected(
    database: Database, tmp_path: Path, where: str
) -> None:
    with (
        running(
            tmp_path / "log", "--no-migrate", "--channelz-listen", where.format(tmp_path),
            database_url=database.url,
        ) as server,
        _channelz(server) as private,
    ):  # fmt: skip
        channelz = channelz_pb2_grpc.ChannelzStub(private)
        before = _only_server(channelz)
        for _ in range(3):
            server.products.ListProducts(products_pb2.ListProductsRequest())
        after = _only_server(channelz)
        assert after.data.calls_started - before.data.calls_started == 3
        of_server = channelz_pb2.GetServerSocketsRequest(server_id=after.ref.server_id)
        (client,) = channelz.GetServerSockets(of_server).socket_ref
        socket = channelz.GetSocket(channelz_pb2.GetSocketRequest(socket_id=client.socket_id))
        assert socket.socket.data.streams_started >= 3
        # The server calls nobody.
        assert not channelz.GetTopChannels(channelz_pb2.GetTopChannelsRequest()).channel


def test_nobody_finds_it_on_the_port_of_the_server(server: Server) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        _only_server(channelz_pb2_grpc.ChannelzStub(server.channel))
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_it_is_not_served_where_others_can_reach_it(database: Database) -> None:
    with pytest.raises(NotPrivateError, match="channelz"):
        await Application.start(
            Settings(database_url=database.url, listen="127.0.0.1:0", channelz_listen="0.0.0.0:0")
        )


def test_a_server_that_would_show_it_to_others_does_not_start(database: Database) -> None:
    # --insecure is about calls, each of which can be refused; here nobody could be.
    ended = subprocess.run(
        command("--no-migrate", "--insecure", "--channelz-listen", "0.0.0.0:0"),
        env=environment(database_url=database.url),
        check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr == "will not serve channelz on 0.0.0.0:0, where others can reach it\n"


def test_each_of_several_workers_has_a_place_of_its_own() -> None:
    ports = [str(Address.parse("[::1]:7001").nth(number)) for number in (1, 2, 3)]
    assert ports == ["[::1]:7001", "[::1]:7002", "[::1]:7003"]
    files = [str(Address.parse("unix:/run/channelz").nth(number)) for number in (1, 2, 3)]
    assert files == ["unix:/run/channelz", "unix:/run/channelz.2", "unix:/run/channelz.3"]


def _channelz(server: Server) -> grpc.Channel:
    (told,) = server.events("channelz")
    return grpc.insecure_channel(str(told["listen"]))


def _only_server(channelz: channelz_pb2_grpc.ChannelzStub) -> channelz_pb2.Server:
    # That of channelz itself is not among them.
    (server,) = channelz.GetServers(channelz_pb2.GetServersRequest()).server
    return server
