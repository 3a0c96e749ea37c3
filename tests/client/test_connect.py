"""Targets, and secrets that stay on the machine unless they are encrypted."""

from pathlib import Path

import pytest

from inventory_grpc.client import ApiKey, InventoryClient, Tls, Token
from inventory_grpc.client.connect import address, channel_options


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("shop:50051", "shop:50051"),
        ("dns:///shop:50051", "dns:///shop:50051"),
        (["shop:50051"], "shop:50051"),
        (["10.0.0.1:1", "10.0.0.2:2"], "ipv4:10.0.0.1:1,10.0.0.2:2"),
        (["[::1]:1", "[::2]:2"], "ipv6:[::1]:1,[::2]:2"),
    ],
)
def test_one_or_several_servers_become_one_name(target: str | list[str], expected: str) -> None:
    assert address(target) == expected


@pytest.mark.parametrize(
    "target", [[], ["shop:1", "10.0.0.1:1"], ["10.0.0.1:1", "[::1]:1"], ["10.0.0.1", "10.0.0.2"]]
)
def test_several_servers_that_gRPC_cannot_take_are_refused(target: list[str]) -> None:  # noqa: N802
    with pytest.raises(ValueError, match=r"must|no address"):
        address(target)


@pytest.mark.parametrize("credentials", [Token("secret"), ApiKey("secret")])
@pytest.mark.parametrize("target", ["shop:50051", "dns:///shop:50051", "10.0.0.1:50051"])
def test_a_secret_does_not_cross_a_network_in_the_clear(
    target: str, credentials: Token | ApiKey
) -> None:
    with pytest.raises(ValueError, match="tls="):
        InventoryClient(target, credentials=credentials)
    InventoryClient(target, credentials=credentials, tls=Tls()).close()


@pytest.mark.parametrize(
    "target",
    [
        "localhost:50051",
        "127.0.0.1:50051",
        "[::1]:50051",
        "unix:/run/inventory",
        "dns:///localhost:1",
    ],
)
def test_on_the_same_machine_it_may(target: str) -> None:
    InventoryClient(target, credentials=Token("secret")).close()


def test_a_secret_is_not_shown() -> None:
    assert "sesame" not in repr(Token("sesame"))
    assert "sesame" not in repr(ApiKey("sesame"))


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="key"):
        Tls(certificate=tmp_path / "client.pem")


def test_options_of_the_caller_win() -> None:
    given = dict(channel_options(None, [("grpc.keepalive_time_ms", 1)]))
    assert given["grpc.keepalive_time_ms"] == 1
    assert "round_robin" in given["grpc.service_config"]
