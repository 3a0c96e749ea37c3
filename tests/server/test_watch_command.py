"""`inventory-grpc watch` in a terminal: one line per change, through restarts, until stopped."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inventory_grpc.v1.products_pb2 import CreateProductRequest, Product
from tests.conftest import Database
from tests.server.callers import CallerEntry, write_access
from tests.server.harness import Server, environment, read_line, running
from tests.server.watching import Watch, create, hold, order

_SECONDS_MAX = 30


def test_every_change_is_a_line(server: Server) -> None:
    token = Watch(server).token
    create(server, "MUG", quantity=10)
    placed = order(server, "MUG", quantity=3)
    held = hold(server, "MUG")
    with _following(server.target, "--resume-token", token) as process:
        lines = [read_line(process, _SECONDS_MAX).split(maxsplit=3) for _ in range(6)]
        err = _interrupted(process)
    assert sorted((kind, version) for _, kind, version, _ in lines) == [
        ("HOLD", "v1"), ("ORDER", "v1"), ("PRODUCT", "v1"), ("STOCK_LEVEL", "v1"),
        ("STOCK_LEVEL", "v2"), ("STOCK_LEVEL", "v3"),
    ]  # fmt: skip
    told = {(kind, version): rest.strip() for _, kind, version, rest in lines}
    assert told["ORDER", "v1"] == f"{placed.order_id} PENDING, 1 lines"
    assert told["HOLD", "v1"] == f"{held.hold_id} ACTIVE, 1 lines"
    assert told["STOCK_LEVEL", "v2"] == (
        "MUG at default: on hand 10, allocated 3, held 0, available 7 (ALLOCATED: allocated +3)"
    )
    Watch(server, _token(err)).call.cancel()


def test_only_some_kinds_as_json(server: Server) -> None:
    token = Watch(server).token
    create(server)
    placed = order(server)
    flags = ("--resume-token", token, "--kind", "order", "--kind", "HOLD", "--output", "json")
    with _following(server.target, *flags) as process:
        message = json.loads(read_line(process, _SECONDS_MAX))
        err = _interrupted(process)
    assert message["change"]["order"]["orderId"] == placed.order_id
    again = order(server)
    # Interrupted behind the line and before its token, it is told again.
    seen = (each.order for each in Watch(server, _token(err)).changes())
    assert next(each for each in seen if each != placed and each.order_id) == again


def test_it_goes_on_when_the_server_is_back(database: Database, tmp_path: Path) -> None:
    with running(tmp_path / "log-1", "--no-migrate", database_url=database.url) as first:
        target, token = first.target, Watch(first).token
        with _following(target, "--resume-token", token) as process:
            create(first, "ONE", quantity=0)
            assert " ONE " in read_line(process, _SECONDS_MAX)
            first.kill()
            flags = ("--no-migrate", "--listen", target)
            with running(tmp_path / "log-2", *flags, database_url=database.url) as second:
                create(second, "TWO", quantity=0)
                assert " TWO " in read_line(process, _SECONDS_MAX)
                assert "UNAVAILABLE" in _interrupted(process)


def test_it_goes_on_with_a_new_key_when_the_old_one_counts_no_more(
    database: Database, tmp_path: Path
) -> None:
    old, new = (CallerEntry("keeper", "operator") for _ in range(2))
    access, key = write_access(tmp_path / "access.toml", [old]), tmp_path / "key"
    key.write_text(old.key)
    flags = ("--no-migrate", "--access-file", str(access), "--watch-checkpoint-seconds", "0.05")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        token = _create_as(old, server, "ONE")
        with _following(
            server.target, "--resume-token", token, "--api-key-file", str(key)
        ) as process:
            assert " ONE " in read_line(process, _SECONDS_MAX)
            key.write_text(new.key)
            write_access(access, [new])
            assert process.stderr is not None
            assert "UNAUTHENTICATED: who calls is not known" in process.stderr.readline()
            _create_as(new, server, "TWO")
            assert " TWO " in read_line(process, _SECONDS_MAX)
            # Now it has the key of nobody.
            write_access(access, [old])
            assert process.wait(_SECONDS_MAX) == 1


def test_a_refusal_ends_it(server: Server) -> None:
    with _following(server.target, "--resume-token", "forged") as process:
        _, err = process.communicate(timeout=_SECONDS_MAX)
    assert process.returncode == 1
    assert "INVALID_ARGUMENT: resume_token: was not made by this service" in err


def test_an_unknown_kind_is_a_usage_error(server: Server) -> None:
    with _following(server.target, "--kind", "cup") as process:
        _, err = process.communicate(timeout=_SECONDS_MAX)
    assert process.returncode == 2
    assert "LOW_STOCK" in err


def _create_as(caller: CallerEntry, server: Server, sku: str) -> str:
    request = CreateProductRequest(product=Product(sku=sku, name=sku.title()))
    answer = server.products.CreateProduct(request, metadata=caller.metadata, timeout=10)
    return answer.resume_token


@contextmanager
def _following(target: str, *flags: str) -> Iterator["subprocess.Popen[str]"]:
    command = (sys.executable, "-m", "inventory_grpc", "watch", "--target", target, *flags)
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _interrupted(process: "subprocess.Popen[str]") -> str:
    """What it says on standard error once it was told to stop."""
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=_SECONDS_MAX)
    assert process.returncode == 0, err
    return err


def _token(err: str) -> str:
    assert "Traceback" not in err
    return err.splitlines()[-1].removeprefix("resume token: ")
