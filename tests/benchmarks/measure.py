"""Rounds of all scenarios, interleaved, each with the CPU time it cost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from inventory_grpc.embedded import EmbeddedPostgres
from tests.benchmarks import databases, processes
from tests.benchmarks.cpu import tree_seconds
from tests.benchmarks.load.protocol import Run, Seed, Tally
from tests.benchmarks.plan import (
    ORDERS_SEEDED,
    PREPARED_BY,
    PRODUCTS,
    Pace,
    Scenario,
    Target,
)
from tests.benchmarks.processes import Load, Server

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sample:
    """One scenario in one round."""

    tally: Tally
    server_seconds: float
    postgres_seconds: float
    client_seconds: float


Samples = Mapping[Scenario, Sequence[Sample]]
"""In the order of the rounds."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that runs while it is measured."""

    postgres: EmbeddedPostgres
    servers: Mapping[Target, Sequence[Server]]
    load: Load

    def sample(self, scenario: Scenario, seconds: float, events_per_call: int = 0) -> Sample:
        """Run the scenario once, until everybody who watches has been told of it."""
        servers = self.servers[scenario.target]
        addresses = [server.address for server in servers]
        run = Run(
            addresses,
            scenario.workload,
            scenario.in_flight,
            seconds,
            events_per_call=events_per_call,
        )
        if scenario.workload in PREPARED_BY:
            self.load.prepare(run)
        pids = ([server.pid for server in servers], [self.postgres.pid], [self.load.pid])
        before = [sum(map(tree_seconds, each)) for each in pids]
        tally = self.load.run(run)
        after = [sum(map(tree_seconds, each)) for each in pids]
        return Sample(tally, *(end - start for start, end in zip(before, after, strict=True)))


@contextmanager
def bench(directory: Path) -> Iterator[Bench]:
    """All servers on one PostgreSQL, seeded alike."""
    with ExitStack() as stack:
        postgres = stack.enter_context(databases.postgres(directory))
        load = stack.enter_context(processes.load_generator(directory / "load.log"))
        with inventory(postgres, directory) as server:
            load.seed(Seed(server.address, PRODUCTS, ORDERS_SEEDED))
        databases.clone_for_textbook(postgres)
        two = [stack.enter_context(inventory(postgres, directory)) for _ in range(2)]
        servers = {
            Target.INVENTORY: two[:1],
            Target.TWO_INVENTORIES: two,
            Target.AFFINE: [
                stack.enter_context(inventory(postgres, directory, worker_cpu_affinity="auto"))
            ],
            Target.UNGATHERED: [
                stack.enter_context(
                    inventory(postgres, directory, module="tests.benchmarks.ungathered")
                )
            ],
            Target.TEXTBOOK: [stack.enter_context(_textbook(postgres, directory))],
        }
        yield Bench(postgres, servers, load)


def measure(running: Bench, scenarios: Sequence[Scenario], pace: Pace, say: Say) -> Samples:
    """Every scenario in every round, so that what disturbs the machine disturbs all alike.

    Every other round goes backwards: none always runs behind the same other, whose writes
    PostgreSQL may still be flushing.
    """
    for scenario in scenarios:
        say(f"warming up: {scenario.name}, {scenario.in_flight} in flight")
        running.sample(scenario, pace.warm_up_seconds)
    samples: dict[Scenario, list[Sample]] = {scenario: [] for scenario in scenarios}
    for number in range(pace.rounds):
        for scenario in scenarios[:: -1 if number % 2 else 1]:
            place = f"round {number + 1} of {pace.rounds}"
            say(f"{place}: {scenario.name}, {scenario.in_flight} in flight")
            samples[scenario].append(running.sample(scenario, pace.seconds))
    return samples


@contextmanager
def inventory(
    postgres: EmbeddedPostgres, directory: Path, module: str = "inventory_grpc", **settings: str
) -> Iterator[Server]:
    """One more server on the database that was seeded; it logs no calls unless told to."""
    settings = {"access_log": "off"} | settings
    with processes.server(
        module,
        *("serve", "--listen", "127.0.0.1:0"),
        log=directory / "inventory.log",
        database_url=postgres.url(databases.INVENTORY),
        migration_database_url=postgres.url(databases.INVENTORY, "owner"),
        **settings,
    ) as server:
        yield server


@contextmanager
def _textbook(postgres: EmbeddedPostgres, directory: Path) -> Iterator[Server]:
    with processes.server(
        "tests.benchmarks.textbook",
        log=directory / "textbook.log",
        database_url=postgres.url(databases.TEXTBOOK),
    ) as server:
        yield server
