"""Imports go down: which layer may know which, and which libraries each may know."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.tidy.sources import PACKAGE, parsed, place, python_files


@dataclass(frozen=True)
class Layer:
    """What a layer may import beside the standard library and itself."""

    ours: frozenset[str] = frozenset()
    libraries: frozenset[str] = frozenset()


def _layer(*ours: str, libraries: str = "") -> Layer:
    return Layer(frozenset(ours), frozenset(libraries.split()))


LAYERS: Final = {
    "__init__": _layer(),
    "__main__": _layer("cli"),
    "cli": _layer("commands", libraries="typer"),
    # Each is a program of its own; `lazy` sees to it that none needs what another does.
    "commands": _layer(
        *("client", "dial", "domain", "embedded", "flags", "health", "identity", "server"),
        *("services", "settings", "signatures", "store", "v1"),
        libraries="cryptography google grpc prompt_toolkit pydantic rich sqlalchemy typer yaml",
    ),
    "dial": _layer(libraries="grpc"),
    "flags": _layer("settings", "signatures", libraries="pydantic typer"),
    "signatures": _layer(),
    "settings": _layer(
        *("settings_access", "settings_connections"), libraries="pydantic pydantic_settings"
    ),
    "settings_access": _layer(libraries="pydantic pydantic_settings"),
    "settings_connections": _layer(libraries="pydantic pydantic_settings"),
    "health": _layer("dial", libraries="grpc grpc_health"),
    "embedded": _layer(),
    "server": _layer(
        *("demo", "domain", "engine.committer", "engine.observer", "engine.request"),
        *("engine.ticket", "identity", "rpc", "services", "settings", "store"),
        libraries="cryptography google grpc grpc_channelz grpc_health grpc_reflection "
        "opentelemetry prometheus_client sqlalchemy structlog uvloop",
    ),
    "identity": _layer("domain", "settings", libraries="cryptography jwt pydantic"),
    "demo": _layer("domain", "engine.request", "services"),
    "rpc": _layer(
        *("domain", "engine.request", "services", "v1"), libraries="google grpc uuid_utils"
    ),
    "services": _layer("domain", "engine", "settings", "store", libraries="sqlalchemy"),
    "engine": _layer("domain", "store"),
    "store": _layer("domain", libraries="alembic psycopg2 sqlalchemy"),
    "domain": _layer(),
    # The stubs, and what is built on them, install without the server.
    "client": _layer("v1", libraries="google grpc"),
    "v1": _layer(libraries="google grpc"),
}

_MODULES = python_files("inventory_grpc")
_PSYCOPG2_MODULES = {"store/engine.py", "store/failures.py", "store/link.py"}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_what_lies_below_it(layer: str) -> None:
    allowed = LAYERS[layer]
    wrong = [
        f"{where} imports {name}"
        for path in _MODULES
        if _layer_of(path) == layer
        for where, name in _imports(path)
        if not _is_allowed(name, layer, allowed)
    ]
    assert wrong == []


def test_every_module_belongs_to_a_layer() -> None:
    assert {_layer_of(path) for path in _MODULES} <= set(LAYERS)


def test_the_domain_knows_the_standard_library_alone() -> None:
    assert LAYERS["domain"] == Layer()


def test_the_driver_is_known_to_the_connection_and_to_who_reads_its_errors() -> None:
    knowing = {
        path.relative_to(PACKAGE).as_posix()
        for path in _MODULES
        for _, name in _imports(path)
        if name.split(".")[0] == "psycopg2"
    }
    assert knowing == _PSYCOPG2_MODULES


def test_no_import_is_relative() -> None:
    wrong = [
        place(path, node)
        for path in python_files("inventory_grpc", "tests", "migrations")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert wrong == []


def _layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    """Where, and the dotted name of everything imported, wherever the import stands."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for each in node.names:
                yield place(path, node), each.name
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for each in node.names:
                yield place(path, node), f"{node.module}.{each.name}"


def _is_allowed(name: str, layer: str, allowed: Layer) -> bool:
    top, _, rest = name.partition(".")
    if top != "inventory_grpc":
        return top in sys.stdlib_module_names or top in allowed.libraries
    # The root package is a name and a version; nothing hides in it.
    return not rest or any(
        rest == below or rest.startswith(f"{below}.") for below in {layer, *allowed.ours}
    )
