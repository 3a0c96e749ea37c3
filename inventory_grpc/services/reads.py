"""Everything that can be read, over one pool of connections, and one to a replica."""

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Self

from inventory_grpc.services.consistency import Consistency
from inventory_grpc.services.holds import Holds
from inventory_grpc.services.locations import Locations
from inventory_grpc.services.orders import Orders
from inventory_grpc.services.paging import PageTokens
from inventory_grpc.services.products import Products
from inventory_grpc.services.stock import Stock
from inventory_grpc.settings import Settings
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.replica import ReplicaFirst


class Reads:
    """The read side; safe to use from as many threads as the pool has connections."""

    def __init__(
        self, database: ReadDatabase, threads: Executor, replica: ReadDatabase | None = None
    ) -> None:
        """``threads`` runs the queries that answer several calls, a thread per connection.

        From a ``replica`` plain reads are answered while it is well. What is checked is the
        database that decisions are made on.
        """
        tokens = PageTokens()
        self._database = database
        self._databases = {"primary": database}
        if replica is not None:
            self._databases["replica"] = replica
        self._replica = None if replica is None else ReplicaFirst(replica, database)
        source = self._replica or database
        self.products = Products(source, tokens, threads)
        self.locations = Locations(source, tokens)
        self.stock = Stock(source, tokens, threads)
        self.orders = Orders(source, tokens, threads)
        self.holds = Holds(source, tokens)
        self.consistency = Consistency(database)

    @classmethod
    def start(cls, settings: Settings, threads: Executor) -> Self:
        """Connects lazily: works while the database is away. Needs ``database_url``."""
        if settings.database_url is None:
            raise ValueError("database_url is not set")
        replica_url = settings.read_database_url
        replica = None if replica_url is None else _database(settings, replica_url)
        return cls(_database(settings, settings.database_url), threads, replica)

    def use_replica(self, *, well: bool) -> None:
        """Whether the replica can be read now; until it is said, nothing is read from it."""
        assert self._replica is not None, "there is one"
        self._replica.replica_is_well = well

    @property
    def connections(self) -> Mapping[str, tuple[int, int]]:
        """How many are in use and how many idle, to the primary and to the replica if any."""
        return {name: each.connections for name, each in self._databases.items()}

    def close(self) -> None:
        """Closes the connections that are idle; call it when no read is running."""
        source = self._replica or self._database
        source.close()


def _database(settings: Settings, url: str) -> ReadDatabase:
    return ReadDatabase(
        url,
        pool_size=settings.read_pool_size,
        statement_timeout_ms=settings.statement_timeout_ms,
        pooler=settings.pooler,
    )
