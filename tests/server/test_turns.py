"""Who has little to read does not wait behind everything that another caller reads."""

from pathlib import Path
from typing import Any

from inventory_grpc.v1 import products_pb2
from tests.conftest import Database
from tests.server.callers import CallerEntry, outcome, write_access
from tests.server.harness import blocked_statements, locked, poll_until, running


def test_reads_of_different_callers_take_turns_at_the_database(
    database: Database, tmp_path: Path
) -> None:
    greedy, late = (
        CallerEntry("greedy", "reader"),
        CallerEntry("late", "reader", limits={"in_flight": 1}),
    )
    path = write_access(tmp_path / "access.toml", [greedy, late])
    flags = ("--no-migrate", "--access-file", str(path), "--read-pool-size", "1")
    answered: list[str] = []

    with running(
        tmp_path / "log", *flags, "--statement-timeout-ms", "60000", database_url=database.url
    ) as server:

        def listing(caller: CallerEntry) -> Any:
            request = products_pb2.ListProductsRequest()
            stub = server.products.ListProducts
            return stub.future(request, metadata=caller.metadata, timeout=60)

        with locked(database, "products"):
            calls = [(greedy, listing(greedy)) for _ in range(50)]
            blocked_statements(database, 1)
            calls.append((late, listing(late)))
            for caller, call in calls:
                call.add_done_callback(lambda _, name=caller.name: answered.append(name))
            # It has come in when there is no room for another.
            poll_until(
                lambda: outcome(listing(late).result) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
            )
        poll_until(lambda: len(answered) == 51, seconds_max=60)
    assert answered.index(late.name) < 10
