"""The load generator: a process that takes orders on standard input until that is closed."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import uvloop

from tests.benchmarks.load.drive import Driver
from tests.benchmarks.load.protocol import Run, Seed, Tally
from tests.benchmarks.load.seeding import seed
from tests.benchmarks.load.workloads import Catalogue, requests_of
from tests.benchmarks.plan import Workload


class _Generator:
    """Connections and catalogue, kept from one run to the next."""

    def __init__(self) -> None:
        self._drivers: dict[str, Driver] = {}
        self._catalogue = Catalogue([], [])

    def seed(self, order: Seed) -> None:
        self._catalogue = seed(order.address, order.products, order.orders)

    async def run(self, run: Run) -> Tally:
        # gRPC wants channels to be made inside the loop that uses them.
        driver = self._drivers.get(run.address)
        if driver is None:
            driver = self._drivers[run.address] = Driver(run.address)
        return await driver.run(run, requests_of(run.workload, self._catalogue))

    async def close(self) -> None:
        for driver in self._drivers.values():
            await driver.close()


def _answer(
    generator: _Generator, runner: asyncio.Runner, message: Mapping[str, Any]
) -> Mapping[str, Any]:
    fields = {name: value for name, value in message.items() if name != "kind"}
    if message["kind"] == "seed":
        generator.seed(Seed(**fields))
        return {}
    run = Run(**{**fields, "workload": Workload(fields["workload"])})
    return asdict(runner.run(generator.run(run)))


def main() -> None:
    """Answer every line with a line."""
    generator = _Generator()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin:
            answer = _answer(generator, runner, json.loads(line))
            sys.stdout.write(f"{json.dumps(answer)}\n")
            sys.stdout.flush()
        runner.run(generator.close())


if __name__ == "__main__":
    main()
