"""What the tests of the embedded PostgreSQL share: real processes, watched by events."""

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection

from inventory_grpc.embedded import EmbeddedPostgres, Role

FAST = {"fsync": "off"}

# Stands for the server process: holds an embedded PostgreSQL until its standard input closes.
_HOLDER = """
import json, sys
from pathlib import Path
from inventory_grpc.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), {"fsync": "off"}) as pg:
    print(json.dumps({"pid": pg.pid, "url": pg.url(role="owner")}), flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Held:
    pid: int
    url: str


@contextmanager
def holder(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], Held]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        yield process, Held(**json.loads(process.stdout.readline()))
        process.kill()


@contextmanager
def watched(pid: int) -> Iterator[Callable[[float], bool]]:
    """A function that tells whether the process ended within some seconds."""
    descriptor = os.pidfd_open(pid)
    try:
        yield lambda seconds: bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


@contextmanager
def connected(pg: EmbeddedPostgres, role: Role) -> Iterator[connection]:
    with closing(psycopg2.connect(dsn(pg.url(role=role)))) as conn:
        yield conn


def dsn(url: str) -> str:
    return url.replace("postgresql+psycopg2://", "postgresql://")


def run(conn: connection, statement: str) -> None:
    with conn.cursor() as cursor:
        cursor.execute(statement)


def value(conn: connection, query: str) -> object:
    with conn.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    assert row is not None
    return row[0]


def write_row(pg: EmbeddedPostgres) -> None:
    with connected(pg, "owner") as conn:
        run(conn, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
        conn.commit()


def rows(pg: EmbeddedPostgres) -> object:
    with connected(pg, "owner") as conn:
        return value(conn, "SELECT count(*) FROM kept")


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("did not happen in time")
