"""Random batches through the write path, audited against a serial model after every one.

INVENTORY_MODEL_SEED repeats a random run, INVENTORY_MODEL_EXAMPLES makes it longer.
"""

import asyncio
import os
from collections import Counter
from contextlib import closing
from random import SystemRandom

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from inventory_grpc.rpc.errors import encode_refusal
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.settings import Settings
from tests.concurrency.harness import audit
from tests.conftest import Database
from tests.model.holds import CALLER_UNITS_MAX, HOLD_UNITS_MAX
from tests.model.machine import Machine

pytestmark = pytest.mark.timeout(600)
"""A failure is made small before it is shown, which can take minutes."""


def audit_random_batches(database: Database, chosen: int, examples: int) -> Counter[str]:
    """Seeded, so that what it prints repeats it. Returns how often each reason was given."""
    print(f"INVENTORY_MODEL_SEED={chosen}")
    with asyncio.Runner() as runner, closing(database.connect("superuser")) as watch:

        async def start() -> Mutations:
            settings = Settings(
                database_url=database.url,
                hold_units_max=HOLD_UNITS_MAX,
                hold_units_per_caller_max=CALLER_UNITS_MAX,
            )
            return Mutations.start(settings, encode_refusal)

        server = runner.run(start())
        watch.autocommit = True
        seen: Counter[tuple[str, str]] = Counter()
        attributes = {"seen": seen, "server": server, "runner": runner, "database": watch}
        machine = seed(chosen)(type("SeededMachine", (Machine,), attributes))
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=25,
                deadline=None,
                database=None,
                verbosity=Verbosity.normal,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )
        runner.run(server.close())
        print(server.counters, *sorted(seen.items()), sep="\n")
    audit(database)
    reasons: Counter[str] = Counter()
    for (_, reason), times in seen.items():
        reasons[reason] += times
    return reasons


def test_the_write_path_agrees_with_the_model(database: Database) -> None:
    """The same batches every time."""
    reasons = audit_random_batches(database, 20250301, 80)
    assert set(reasons) == {
        "OK", "INSUFFICIENT_STOCK", "INVALID_TRANSITION", "QUANTITY_EXCEEDED", "VERSION_MISMATCH",
        "PRODUCT_NOT_FOUND", "LOCATION_NOT_FOUND", "ORDER_NOT_FOUND", "REQUEST_ID_REUSED",
        "HOLD_NOT_FOUND", "HOLD_EXPIRED", "HOLD_CONVERTED", "HOLD_RELEASED", "HOLD_BUDGET_EXCEEDED",
        "SKU_TAKEN", "LOCATION_TAKEN", "PRODUCT_NOT_DELETED", "PRODUCT_IN_USE", "LOCATION_IN_USE",
    }  # fmt: skip
    assert reasons["OK"] > 2000


def test_the_write_path_agrees_with_the_model_on_new_batches(database: Database) -> None:
    chosen = int(os.environ.get("INVENTORY_MODEL_SEED") or SystemRandom().randrange(2**32))
    audit_random_batches(database, chosen, int(os.environ.get("INVENTORY_MODEL_EXAMPLES") or 30))
