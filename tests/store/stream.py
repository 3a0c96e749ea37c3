"""Writers that change products step by step as the write path does, and who reads what they did."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from psycopg2.extensions import connection
from sqlalchemy import Engine

from inventory_grpc.domain.changes import Change, Cursor
from inventory_grpc.domain.context import Ids
from inventory_grpc.store.background import background_engine
from inventory_grpc.store.changes import read_changes
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.sequencer import assign_positions
from tests.conftest import Database

Event = tuple[str, int]
"""(product_id, version)"""

NEW_PRODUCT = """
    INSERT INTO products (product_id, sku, name, description, version, create_time, update_time,
                          commit_id)
    VALUES (%s, %s, 'n', '', 0, now(), now(), %s)"""
LOCK = "SELECT version FROM products WHERE product_id = %s FOR NO KEY UPDATE"
CHANGE = """
    UPDATE products SET version = %(version)s WHERE product_id = %(product)s;
    INSERT INTO product_events (product_id, product_version, event_id, kind, sku, name, description,
                                create_time, actor, request_id, occur_time, commit_id)
    VALUES (%(product)s, %(version)s, %(event)s, 2, 's', 'n', '', now(), 'a', %(event)s, now(),
            %(commit)s);
    INSERT INTO commits (commit_id, commit_seq) VALUES (%(commit)s, nextval('commit_seq'))"""


def new_product(database: Database) -> str:
    """At version 0, of which the stream knows nothing."""
    product_id = str(uuid4())
    with closing(database.connect()) as conn, conn, conn.cursor() as cursor:
        cursor.execute(NEW_PRODUCT, (product_id, product_id, product_id))
    return product_id


@dataclass
class Writer:
    """One transaction at a time, which the test takes as far as it wants."""

    conn: connection

    def begin_early(self) -> None:
        """It has an xid before it has locked anything."""
        self._run("SELECT pg_current_xact_id()")

    def change(self, product_id: str) -> Event:
        """Everything but COMMIT: the lock, the next version, the number of the commit."""
        ids = Ids(datetime.now(UTC), secrets.randbits(40))
        with self.conn.cursor() as cursor:
            cursor.execute(LOCK, (product_id,))
            version = (cursor.fetchone() or (0,))[0] + 1
            values = {"product": product_id, "version": version}
            cursor.execute(CHANGE, values | {"commit": ids.next(), "event": ids.next()})
        return product_id, version

    def commit(self) -> None:
        self.conn.commit()

    def _run(self, sql: str) -> None:
        with self.conn.cursor() as cursor:
            cursor.execute(sql)


@contextmanager
def writers(database: Database, count: int) -> Iterator[list[Writer]]:
    conns = [database.connect() for _ in range(count)]
    try:
        yield [Writer(conn) for conn in conns]
    finally:
        for conn in conns:
            conn.close()


@contextmanager
def sequencer(database: Database) -> Iterator[Engine]:
    engine = background_engine(database.url)
    try:
        yield engine
    finally:
        engine.dispose()


def sequence(engine: Engine, commits_max: int = 1_000) -> int:
    with engine.begin() as conn:
        return assign_positions(conn, commits_max)


def sequence_all(database: Database) -> int:
    with sequencer(database) as engine:
        return sequence(engine)


def event_of(change: Change) -> Event:
    product = change.resource
    assert hasattr(product, "product_id")
    return product.product_id, change.version


@dataclass
class Follower:
    """Reads on from where it was."""

    reading: ReadDatabase
    cursor: Cursor = field(default_factory=lambda: Cursor(0))
    seen: list[Event] = field(default_factory=list)

    def read(self, commits_max: int = 100) -> list[Event]:
        with self.reading.begin(None) as conn:
            changes, self.cursor = read_changes(conn, self.cursor, commits_max)
        events = [event_of(change) for change in changes]
        self.seen += events
        return events


@dataclass
class Planted:
    """A reader that believes in an order which is not that of commits: ``sql`` says which."""

    database: Database
    sql: str
    last: int = 0
    seen: list[Event] = field(default_factory=list)

    def read(self) -> list[Event]:
        with closing(self.database.connect()) as conn, conn.cursor() as cursor:
            cursor.execute(self.sql, (self.last,))
            rows = cursor.fetchall()
        self.last = max([self.last, *(row[0] for row in rows)])
        events = [(row[1], row[2]) for row in rows]
        self.seen += events
        return events


BY_NUMBER = """
    SELECT c.commit_seq, e.product_id::text, e.product_version
      FROM commits c JOIN product_events e USING (commit_id)
     WHERE c.commit_seq > %s ORDER BY c.commit_seq"""
BY_OLDEST_XID = """
    SELECT e.xmin::text::bigint, e.product_id::text, e.product_version
      FROM product_events e
     WHERE e.xmin::text::bigint > %s
       AND e.xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
     ORDER BY e.xmin::text::bigint"""


def out_of_order(seen: list[Event]) -> list[Event]:
    """Events that came before or after their turn; repeats too."""
    wrong: list[Event] = []
    last: dict[str, int] = {}
    for product_id, version in seen:
        if version != last.get(product_id, 0) + 1:
            wrong.append((product_id, version))
        last[product_id] = version
    return wrong
