"""Whether a bad request is answered as it must be, and what the database holds afterwards."""

from typing import Final

import grpc
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from psycopg2 import sql

from tests.conftest import Database
from tests.server.bad_requests import Bad
from tests.server.harness import Server, rich_status


def send(
    server: Server,
    method: str,
    raw: bytes,
    timeout: float = 10,
    metadata: tuple[tuple[str, str], ...] = (),
) -> bytes:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = server.channel.unary_unary(method)
    return call(raw, timeout=timeout, metadata=metadata)


def mismatch(server: Server, bad: Bad) -> str:
    """What the answer has otherwise than expected; empty if nothing."""
    raw = bad.request if isinstance(bad.request, bytes) else bad.request.SerializeToString()
    try:
        send(server, bad.method, raw)
    except grpc.RpcError as error:
        raised = error
    else:
        return "was answered OK"
    if raised.code() is not bad.code:
        return f"{raised.code()} {raised.details()}"
    status = rich_status(raised)
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    status.details[0].Unpack(info)
    fields = []
    for each in status.details[1:]:
        if each.Unpack(request):
            fields = [violation.field for violation in request.field_violations]
    types = [each.type_url.rsplit(".")[-1] for each in status.details]
    expected = ["ErrorInfo", *(["BadRequest"] if bad.fields else [])]
    expected += [bad.detail] if bad.detail else []
    seen = (info.domain, info.reason, fields, types, {**info.metadata, **bad.facts})
    wanted = ("inventory.v1", bad.reason, list(bad.fields), expected, dict(info.metadata))
    return "" if seen == wanted else f"{seen} instead of {wanted}"


_BACKGROUND: Final = {"leases", "stream_head"}
"""Who sweeps, and how far positions are given; the positions themselves are left out, too."""


def contents(database: Database) -> dict[str, str]:
    """Every table's rows, as text, but for what servers note down without being asked."""
    conn = database.connect("superuser")
    with conn, conn.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        contents = {}
        for (table,) in cursor.fetchall():
            if table in _BACKGROUND:
                continue
            rows = sql.SQL(
                "SELECT string_agg(t.row::text, chr(10) ORDER BY t.row::text)"
                " FROM (SELECT to_jsonb(r) - 'position' AS row FROM {} r) t"
            )
            cursor.execute(rows.format(sql.Identifier(table)))
            (contents[table],) = cursor.fetchone() or (None,)
    conn.close()
    return contents
