"""The load generator: a process that takes orders on standard input until that is closed."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import uvloop

from inventory_grpc.v1 import holds_pb2
from tests.benchmarks.load.drive import Driver
from tests.benchmarks.load.paced import Paced, PacedCaller
from tests.benchmarks.load.protocol import Run, Seed, Tally, Watch
from tests.benchmarks.load.seeding import seed
from tests.benchmarks.load.watching import Watchers
from tests.benchmarks.load.workloads import Catalogue, requests_of
from tests.benchmarks.plan import PREPARED_BY, Workload


class _Generator:
    """Connections and catalogue, kept from one run to the next."""

    def __init__(self) -> None:
        self._drivers: dict[tuple[str, ...], Driver] = {}
        self._catalogue = Catalogue([], [])
        self._watchers = Watchers()
        self._paced: PacedCaller | None = None

    def seed(self, order: Seed) -> None:
        self._catalogue = seed(order.address, order.products, order.orders)

    async def prepare(self, run: Run) -> Tally:
        """Make holds for the run to convert, as fast as they can be made by so many callers."""
        made = PREPARED_BY[run.workload]
        hold_ids = self._catalogue.hold_ids[run.workload]

        def keep(response: bytes) -> None:
            hold_ids.append(holds_pb2.CreateHoldResponse.FromString(response).hold.hold_id)

        preparation = Run(run.addresses, made, run.in_flight, run.seconds)
        return await self._driver(run).run(preparation, requests_of(made, self._catalogue), keep)

    async def run(self, run: Run) -> Tally:
        watchers = self._watchers
        start, before = time.perf_counter(), watchers.events
        tally = await self._driver(run).run(run, requests_of(run.workload, self._catalogue))
        await watchers.told(before + tally.calls * run.events_per_call)
        return replace(
            tally,
            failures={**tally.failures, **watchers.failures},
            events=watchers.events - before,
            events_seconds=time.perf_counter() - start,
        )

    async def watch(self, order: Watch) -> None:
        await self._watchers.open(order, self._catalogue.product_ids)

    async def paced(self, order: Paced) -> Tally:
        self._paced = self._paced or PacedCaller(order.address)
        return await self._paced.run(order)

    def _driver(self, run: Run) -> Driver:
        # gRPC wants channels to be made inside the loop that uses them.
        addresses = tuple(run.addresses)
        if addresses not in self._drivers:
            self._drivers[addresses] = Driver(addresses)
        return self._drivers[addresses]

    async def close(self) -> None:
        await self._watchers.close()
        if self._paced is not None:
            await self._paced.close()
        for driver in self._drivers.values():
            await driver.close()


def _answer(
    generator: _Generator, runner: asyncio.Runner, message: Mapping[str, Any]
) -> Mapping[str, Any]:
    match message["kind"]:
        case "seed":
            generator.seed(Seed(**message))
            return {}
        case "prepare":
            return asdict(runner.run(generator.prepare(_run(message["run"]))))
        case "watch":
            runner.run(generator.watch(Watch(**message)))
            return {}
        case "paced":
            return asdict(runner.run(generator.paced(Paced(**message))))
        case _:
            return asdict(runner.run(generator.run(_run(message))))


def _run(fields: Mapping[str, Any]) -> Run:
    return Run(**{**fields, "workload": Workload(fields["workload"])})


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
