"""The one line on standard output that says: ready, paste this."""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

from inventory_grpc.server.address import Address

_ORDER: Final = "inventory.v1.OrderService/CreateOrder"
_LIST: Final = "inventory.v1.ProductService/ListProducts"


def command_line(address: Address, *, demo_sku: str | None) -> str:
    """A shell command that calls the server at `address`, with a tool this machine has.

    It orders one unit of `demo_sku`, or lists the products when there is no demo.
    """
    method = _LIST if demo_sku is None else _ORDER
    line = {"product": {"sku": demo_sku}, "quantity": 1}
    data = json.dumps({} if demo_sku is None else {"lines": [line]}, separators=(",", ":"))
    target = str(address.client)
    grpcurl = _on_path("grpcurl") or _beside_interpreter("grpcurl")
    buf = _on_path("buf") or _beside_interpreter("buf")
    if grpcurl is None and buf is not None:
        return _joined(buf, *_buf_arguments(address, method, data))
    plain = ("-plaintext", *(("-unix",) if address.path else ()))
    return _joined(grpcurl or "grpcurl", *plain, "-d", data, target.removeprefix("unix:"), method)


def _buf_arguments(address: Address, method: str, data: str) -> tuple[str, ...]:
    options = ("curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", data)
    if address.path:
        return (*options, "--unix-socket", address.path, f"http://localhost/{method}")
    return (*options, f"http://{address.client}/{method}")


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
