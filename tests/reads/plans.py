"""Tables as large as two thousand pages, and what PostgreSQL does to read one of them."""

import json
import re
import time
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

from sqlalchemy import Connection, event

from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.prepared import Prepared

PAGE = 50
PAGES = 2_000
ROWS = PAGE * (PAGES + 20)
SECOND = 1_000
FIRST_MS = (int(time.time()) - 48 * 3600) * SECOND

Plan = dict[str, Any]
Run = Callable[[Connection], object]


def id_at(number: str, salt: int) -> str:
    """SQL for the UUIDv7 of the ``number``-th second."""
    milliseconds = f"lpad(to_hex({FIRST_MS} + ({number}) * {SECOND}), 12, '0')"
    return f"({milliseconds} || '70008' || lpad(to_hex({salt}), 15, '0'))::uuid"


def python_id_at(number: int, salt: int) -> str:
    digits = f"{FIRST_MS + number * SECOND:012x}70008{salt:015x}"
    groups = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return "-".join(groups)


def explained(reading: ReadDatabase, run: Run) -> Plan:
    """The plan of the one statement that ``run`` sends, as it was executed."""
    sent: list[str] = []

    def note(
        _conn: object, cursor: Any, statement: str, parameters: object, *_: object
    ) -> tuple[str, object]:
        sent.append(cursor.mogrify(statement, parameters).decode())
        return statement, parameters

    engine = reading._engine
    event.listen(engine, "before_cursor_execute", note, retval=True)
    try:
        with reading.begin(None) as conn:
            run(conn)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    (statement,) = sent
    explain = r"\1EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
    with reading.begin(None) as conn:
        cursor = conn.connection.cursor()
        cursor.execute(re.sub(r"^((?:SET LOCAL [^;]+; )*)", explain, statement))
        answer = cursor.fetchall()[0][0]
    return _plan(answer)


def explained_prepared(conn: Connection, prepared: Prepared, **parameters: object) -> Plan:
    """The plan of one of the prepared statements, as it is executed on this connection."""
    told = copy(prepared)
    told._execute = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {prepared._execute}"
    return _plan(told.rows(conn, **parameters)[0][0])


def _plan(answer: Any) -> Plan:
    plans = json.loads(answer) if isinstance(answer, str) else answer
    plan: Plan = plans[0]["Plan"]
    return plan


def nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def buffers(plan: Plan) -> int:
    hits: int = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return hits


def names(plan: Plan) -> set[str]:
    return {node["Node Type"] for node in nodes(plan)}
