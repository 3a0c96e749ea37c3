"""Which server a command means that is told none: the one that listens on this machine."""

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from inventory_grpc.commands.bundles import CONNECTION
from inventory_grpc.dial import Dial

if TYPE_CHECKING:
    from inventory_grpc.settings import Settings

_WILDCARD_HOSTS: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104
_LISTEN: Final = "127.0.0.1:50051"

Target = Annotated[
    str | None,
    typer.Option(
        envvar="INVENTORY_CLIENT_TARGET",
        help="HOST:PORT of a server. [default: where one listens here]",
        rich_help_panel=CONNECTION,
    ),
]
"""The flag of it."""


def dial_target(listen: str) -> str:
    """The address a client on the same machine dials for a server that listens there."""
    host, separator, port = listen.rpartition(":")
    return _WILDCARD_HOSTS.get(host, host) + separator + port


def reached(target: str | None, dial: Dial) -> tuple[str, Dial]:
    """The server that is meant, and how to call it: by its own settings if it listens here.

    Exits with 2 on settings that are no good.
    """
    if target is not None:
        return target, dial
    if not any(os.environ.get(f"INVENTORY_{name}") for name in ("LISTEN", "TLS_CERTIFICATE_FILE")):
        return _LISTEN, dial
    from inventory_grpc.flags import read_settings  # noqa: PLC0415

    settings = read_settings({})
    return dial_target(settings.listen), dial.or_else(own(settings))


def own(settings: "Settings") -> Dial:
    """TLS as a server with these settings wants it; it shows its own certificate if it has to.

    Exits with 1 if its files are no good.
    """
    certificate, key = settings.tls_certificate_file, settings.tls_key_file
    if certificate is None:
        return Dial()
    from inventory_grpc.server.errors import TlsFileError  # noqa: PLC0415
    from inventory_grpc.server.tls import name_in  # noqa: PLC0415

    try:
        trusting = Dial(tls_ca=certificate, tls_server_name=name_in(certificate))
    except TlsFileError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from None
    if settings.tls_client_ca_file is None:
        return trusting
    return replace(trusting, tls_certificate=certificate, tls_key=key)
