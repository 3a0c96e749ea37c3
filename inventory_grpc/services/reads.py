"""Everything that can be read, over one pool of connections."""

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


class Reads:
    """The read side; safe to use from as many threads as the pool has connections."""

    def __init__(self, database: ReadDatabase, threads: Executor) -> None:
        """``threads`` runs the queries that answer several calls, a thread per connection."""
        tokens = PageTokens()
        self._database = database
        self.products = Products(database, tokens, threads)
        self.locations = Locations(database, tokens)
        self.stock = Stock(database, tokens, threads)
        self.orders = Orders(database, tokens, threads)
        self.holds = Holds(database, tokens)
        self.consistency = Consistency(database)

    @classmethod
    def start(cls, settings: Settings, threads: Executor) -> Self:
        """Connects lazily: works while the database is away. Needs ``database_url``."""
        if settings.database_url is None:
            raise ValueError("database_url is not set")
        database = ReadDatabase(
            settings.database_url,
            pool_size=settings.read_pool_size,
            statement_timeout_ms=settings.statement_timeout_ms,
            pooler=settings.pooler,
        )
        return cls(database, threads)

    def close(self) -> None:
        """Closes the connections that are idle; call it when no read is running."""
        self._database.close()
