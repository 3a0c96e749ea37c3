"""All looks, one after the other; whatever cannot be looked at is a finding, too."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from inventory_grpc.commands.checkup import database, replica, serving, stream
from inventory_grpc.commands.checkup import settings as own
from inventory_grpc.commands.checkup.embedded import url_of
from inventory_grpc.commands.checkup.finding import Finding, fail, warn
from inventory_grpc.settings import Settings
from inventory_grpc.store.background import background_engine, bound

_STATEMENT_MS: Final = 10_000
_REACH: Final = "is it running, and are host, port, name, role and password in its URL right?"


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything there is to say."""
    yield from own.looked_at(settings)
    url = settings.database_url or url_of(settings.data_dir)
    if url is None:
        yield warn(
            "database",
            f"no --database-url is set, and no embedded database runs in {settings.data_dir}",
            "start the server, or set --database-url as it is told",
        )
    else:
        yield from _of_database(url, settings)
    yield from serving.looked_at(settings)


def _of_database(url: str, settings: Settings) -> Iterator[Finding]:
    with _engine(url) as engine:
        found = list(_tried("database", engine, lambda conn: database.looked_at(conn, settings)))
        yield from found
        if not any(each.area == "schema" and each.verdict != "fail" for each in found):
            return
        yield from _tried("stream", engine, stream.looked_at)
        if settings.read_database_url is not None:
            yield from _of_replica(settings.read_database_url, engine)


def _of_replica(url: str, primary: Engine) -> Iterator[Finding]:
    with _engine(url) as engine, primary.begin() as conn:
        # Without it reads go to the primary.
        yield from _tried("replica", engine, lambda own: replica.looked_at(own, conn), warn)


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = background_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def _tried(
    area: str,
    engine: Engine,
    look: Callable[[Connection], Iterator[Finding]],
    judge: Callable[[str, str, str], Finding] = fail,
) -> Iterator[Finding]:
    """What was found in one transaction; that it failed, if it did."""
    found: list[Finding] = []
    try:
        with engine.begin() as conn:
            bound(conn, statement_ms=_STATEMENT_MS, lock_ms=_STATEMENT_MS)
            found.extend(look(conn))
    except DBAPIError as error:
        # libpq names hosts, users and databases, never passwords.
        why = " ".join(str(error.orig).split()) or type(error.orig).__name__
        found.append(judge(area, why, _REACH))
    yield from found
