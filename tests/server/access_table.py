"""Who calls what, for tests of every method by every credential."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from inventory_grpc.domain.caller import Role
from inventory_grpc.rpc.rights import needed_for
from tests.identity.issuer import AUDIENCE, ISSUER, SigningKey, claims, jwks
from tests.identity.test_rights import METHODS
from tests.server.callers import CallerEntry, Metadata, write_access
from tests.server.harness import Server, poll_until, reason_of, spawn, trailers
from tests.server.pki import Authority

NOWHERE: Final = "postgresql://nobody@127.0.0.1:1/none"
KEY: Final = SigningKey()
CLIENTS: Final = Authority("clients")
SERVERS: Final = Authority("servers")
CALLERS: Final = {
    role: CallerEntry(
        role.name.lower(),
        role.name.lower(),
        uris=(f"spiffe://shop.example/{role.name.lower()}",),
        subjects=(f"subject-{role.name.lower()}",),
    )
    for role in Role
}
RETIRED: Final = secrets.token_urlsafe()
"""An API key that was in the access file once."""

Present = Callable[[Role], Metadata | None]
"""What a caller of a role sends along; None if there is no such thing."""


@dataclass(frozen=True)
class Sources:
    """Files that servers are told of."""

    directory: Path

    @property
    def flags(self) -> tuple[str, ...]:
        path = self.directory / "jwks.json"
        path.write_bytes(jwks(KEY))
        return (
            *("--no-migrate", "--access-file", str(self.access), "--jwt-jwks", str(path)),
            *("--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE),
            *("--watch-checkpoint-seconds", "0.05"),
        )

    @property
    def tls(self) -> tuple[str, ...]:
        certificate, key = SERVERS.server().written(self.directory)
        clients = self.directory / "clients.pem"
        clients.write_bytes(CLIENTS.pem)
        return (
            *("--tls-certificate-file", str(certificate), "--tls-key-file", str(key)),
            *("--tls-client-ca-file", str(clients)),
        )

    @property
    def access(self) -> Path:
        return self.directory / "access.toml"

    def write(self, *more: CallerEntry) -> None:
        write_access(self.access, [*CALLERS.values(), *more])


@contextmanager
def without_database(sources: Sources, name: str, *flags: str) -> Iterator[Server]:
    """A server that serves and has no database: who gets past the door is told so."""
    retired = CallerEntry("retired", "admin", RETIRED)
    sources.write(retired)
    server = spawn(sources.directory / name, (*sources.flags, *flags), {"database_url": NOWHERE})
    try:
        poll_until(lambda: server.events("serving") != [], 30)
        server.target = str(server.events("serving")[0]["listen"])
        sources.write()
        poll_until(lambda: len(server.events("access_file_read")) == 2)
        yield server
    finally:
        server.close()


def ended(channel: grpc.Channel, method: str, metadata: Metadata, raw: bytes) -> tuple[str, str]:
    """Code and reason of a call."""
    try:
        if METHODS[method].server_streaming:
            stream: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)
            next(iter(stream(raw, timeout=10, metadata=metadata)), b"")
        else:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
            call(raw, timeout=10, metadata=metadata)
    except grpc.RpcError as error:
        rich = "grpc-status-details-bin" in trailers(error)
        return error.code().name, reason_of(error) if rich else ""
    return "OK", ""


def all_end(
    channel: grpc.Channel, present: Present, raw: bytes = b""
) -> dict[tuple[str, str], list[str]]:
    """Which methods end how, called by a caller of the least role that may."""
    ends: dict[tuple[str, str], list[str]] = {}
    for method in METHODS:
        needed = needed_for(method)
        assert needed is not None
        metadata = present(needed)
        if metadata is not None:
            ends.setdefault(ended(channel, method, metadata, raw), []).append(method)
    return ends


def bearer(token: str) -> Metadata:
    """A token as it is sent."""
    return (("authorization", f"Bearer {token}"),)


def token_of(needed: Role) -> Metadata:
    """That of the caller of a role."""
    return bearer(KEY.sign(claims(*CALLERS[needed].subjects)))


def below(role: Role) -> Role | None:
    """The next lesser role."""
    return Role(role - 1) if role > Role.READER else None
