"""Where the servers are, and what a connection to them is made with."""

import ipaddress
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc

Target = str | Sequence[str]
"""`host:port`, a gRPC name (`dns:///inventory:50051`, `unix:/path`), or several `ip:port`."""
ChannelOptions = Sequence[tuple[str, Any]]
Pem = str | Path | bytes
"""The path of a PEM file, or its content as bytes."""

_SERVICE_CONFIG: Final[Mapping[str, object]] = {
    # Calls go to all servers that the name stands for, in turn, and to none that is draining or
    # without its database. No retryPolicy: see `policy`.
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": ""},
}
_ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024

OPTIONS: Final[ChannelOptions] = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    # Whoever owns the DNS shall not add a second loop of retries.
    ("grpc.service_config_disable_resolution", 1),
    # Answers of INDEPENDENT batches may exceed the default of 4 MiB.
    ("grpc.max_receive_message_length", _ANSWER_BYTES_MAX),
    # Finds servers that vanished without a word; no more often than the server allows.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A restart takes seconds; gRPC's defaults would come back a second later and then ever more
    # rarely, up to every two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),
)
"""What every channel is made with; options of the caller's win."""


@dataclass(frozen=True, slots=True)
class Tls:
    """An encrypted connection.

    `ca` are the roots to trust (default: the system's). `certificate` and `key` say who the client
    is, where the server asks (mTLS). `server_name` is the name in the server's certificate, where
    that is not the host of the target.
    """

    ca: Pem | None = None
    certificate: Pem | None = None
    key: Pem | None = None
    server_name: str = ""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate needs its key, and a key its certificate")

    def credentials(self) -> grpc.ChannelCredentials:
        """What gRPC makes a channel with; reads the files."""
        return grpc.ssl_channel_credentials(_pem(self.ca), _pem(self.key), _pem(self.certificate))


Secret = str | Callable[[], str | Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, such as a JWT; a function is asked before every attempt of every call."""

    token: Secret = field(repr=False)
    """Only `AsyncInventoryClient` takes one that is awaited."""

    def metadata(self, secret: str) -> tuple[str, str]:
        """What travels with the call."""
        return "authorization", f"Bearer {secret}"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key; a function is asked before every attempt of every call."""

    key: Secret = field(repr=False)

    def metadata(self, secret: str) -> tuple[str, str]:
        """What travels with the call."""
        return "x-api-key", secret


Credentials = Token | ApiKey


def secret_of(credentials: Credentials) -> Secret:
    """The token or key, or what gives it."""
    return credentials.token if isinstance(credentials, Token) else credentials.key


def address(target: Target) -> str:
    """The target as gRPC wants it. Raises ValueError for several targets that are no IP addresses.

    A plain `host:port` is resolved by DNS, and calls go to all addresses found in turn.
    """
    if isinstance(target, str):
        return target
    if len(target) == 1:
        return target[0]
    versions = {_ip_version(each) for each in target}
    if len(versions) != 1:
        raise ValueError("several targets must all be IPv4 or all IPv6 addresses with ports")
    return f"ipv{versions.pop()}:{','.join(target)}"


def channel_options(tls: Tls | None, given: ChannelOptions) -> ChannelOptions:
    """All channel options, the caller's last."""
    named: ChannelOptions = ()
    if tls is not None and tls.server_name:
        named = (
            ("grpc.ssl_target_name_override", tls.server_name),
            ("grpc.default_authority", tls.server_name),
        )
    return list({**dict(OPTIONS), **dict(named), **dict(given)}.items())


def check_secrecy(target: str, tls: Tls | None, credentials: Credentials | None) -> None:
    """Raises ValueError when a credential would cross a network in the clear."""
    if credentials is not None and tls is None and not _stays_here(target):
        raise ValueError(
            "a credential to another machine needs tls=Tls(…); behind a proxy that encrypts, "
            "connect to the proxy on this machine"
        )


def _stays_here(target: str) -> bool:
    scheme, _, rest = target.partition(":")
    if scheme in {"unix", "unix-abstract"}:
        return True
    places = rest.split(",") if scheme in {"ipv4", "ipv6"} else [target.rpartition("/")[2]]
    return all(_is_loopback(place) for place in places)


def _is_loopback(place: str) -> bool:
    host = place.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ip_version(target: str) -> int:
    host, _, port = target.rpartition(":")
    if not port.isdigit():
        raise ValueError(f"{target!r} is no address with a port")
    try:
        return ipaddress.ip_address(host.strip("[]")).version
    except ValueError:
        raise ValueError(
            f"{target!r}: of several targets each must be an IP address with a port; give one name "
            "that stands for all of them instead, such as dns:///inventory:50051"
        ) from None


def _pem(source: Pem | None) -> bytes | None:
    return Path(source).read_bytes() if isinstance(source, str | Path) else source
