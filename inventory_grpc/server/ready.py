"""The one line on standard output that says: ready, paste this."""

import json
import os
import shlex
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inventory_grpc.server.address import Address
from inventory_grpc.server.errors import TlsFileError
from inventory_grpc.server.tls import name_in
from inventory_grpc.settings import Settings

_ORDER: Final = "inventory.v1.OrderService/CreateOrder"
_LIST: Final = "inventory.v1.ProductService/ListProducts"
_KEY: Final = "x-api-key: KEY"
_CLIENT: Final = {"cert": "CLIENT.pem", "key": "CLIENT.key"}


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a caller has to bring along; nothing by default."""

    certificate: Path | None = None
    """The server's, when it speaks TLS: to be trusted."""
    name: str | None = None
    """One that this certificate has."""
    shows_certificate: bool = False
    shows_key: bool = False


def entrance(settings: Settings) -> Entrance:
    """That of a server with these settings."""
    certificate, name = settings.tls_certificate_file, None
    if certificate is not None:
        # Somebody may be about to replace it; the server goes on with what it has.
        with suppress(TlsFileError):
            name = name_in(certificate)
    return Entrance(
        certificate,
        name,
        shows_certificate=settings.tls_client_ca_file is not None,
        shows_key=settings.access_file is not None and settings.tls_client_ca_file is None,
    )


def command_line(address: Address, *, demo_sku: str | None, entrance: Entrance = Entrance()) -> str:
    """A shell command that calls the server at `address`, with a tool this machine has.

    It orders one unit of `demo_sku`, or lists the products when there is no demo. What only the
    caller can know stands there in capitals.
    """
    method = _LIST if demo_sku is None else _ORDER
    line = {"product": {"sku": demo_sku}, "quantity": 1}
    data = json.dumps({} if demo_sku is None else {"lines": [line]}, separators=(",", ":"))
    target = str(address.client)
    grpcurl = _on_path("grpcurl") or _beside_interpreter("grpcurl")
    buf = _on_path("buf") or _beside_interpreter("buf")
    if grpcurl is None and buf is not None:
        return _joined(buf, *_buf_arguments(address, method, data, entrance))
    options = (*_grpcurl_options(entrance), *(("-unix",) if address.path else ()), "-d", data)
    return _joined(grpcurl or "grpcurl", *options, target.removeprefix("unix:"), method)


def _grpcurl_options(entrance: Entrance) -> tuple[str, ...]:
    key = ("-H", _KEY) if entrance.shows_key else ()
    if entrance.certificate is None:
        return ("-plaintext", *key)
    name = () if entrance.name is None else ("-authority", entrance.name)
    shown = _CLIENT if entrance.shows_certificate else {}
    pair = tuple(word for flag, file in shown.items() for word in (f"-{flag}", file))
    return ("-cacert", str(entrance.certificate), *name, *pair, *key)


def _buf_arguments(address: Address, method: str, data: str, entrance: Entrance) -> tuple[str, ...]:
    secure = entrance.certificate is not None
    options = ("curl", "--protocol", "grpc", *_buf_options(entrance), "-d", data)
    scheme = "https" if secure else "http"
    if address.path:
        return (*options, "--unix-socket", address.path, f"{scheme}://localhost/{method}")
    return (*options, f"{scheme}://{address.client}/{method}")


def _buf_options(entrance: Entrance) -> tuple[str, ...]:
    key = ("--header", _KEY) if entrance.shows_key else ()
    if entrance.certificate is None:
        return ("--http2-prior-knowledge", *key)
    name = () if entrance.name is None else ("--servername", entrance.name)
    shown = _CLIENT if entrance.shows_certificate else {}
    pair = tuple(word for flag, file in shown.items() for word in (f"--{flag}", file))
    return ("--cacert", str(entrance.certificate), *name, *pair, *key)


def _on_path(name: str) -> str | None:
    return name if shutil.which(name) else None


def _beside_interpreter(name: str) -> str | None:
    # Not resolved: the interpreter of a virtual environment is a link out of it.
    program = Path(sys.executable).parent / name
    if not os.access(program, os.X_OK):
        return None
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)


def _joined(*words: str) -> str:
    return " ".join(shlex.quote(word) for word in words)
