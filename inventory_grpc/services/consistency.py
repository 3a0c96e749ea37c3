"""Checking that counters, ledger, orders and holds agree, while traffic runs."""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final

from inventory_grpc.domain.consistency import Summary, Violation, violations
from inventory_grpc.domain.errors import ProductNotFound
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.queries import consistency
from inventory_grpc.store.queries.consistency import Looked, Range

STATEMENT_MS_MAX: Final = 60_000
"""For one product with a huge ledger, which is one statement; ranges of several stay far below."""

TimeLeft = Callable[[], float | None]
"""Seconds the next step may take; None = no limit."""


class Consistency:
    """Every step may raise DatabaseUnavailable and Overloaded."""

    def __init__(self, database: ReadDatabase) -> None:
        self._database = database
        self.checked = 0
        """Checks of all products that came to their end."""
        self.violations = 0
        """Found by checks, of all or of some products."""

    def check(
        self, keys: Sequence[ProductKey], time_left: TimeLeft
    ) -> Generator[Violation | Summary | None, None, None]:
        """What is wrong, as it is found, and at last the summary. No keys = all products.

        None after each range of products: no connection is held there. Raises ProductNotFound.
        """
        total: Summary | None = None
        for chosen in self._ranges(keys, time_left):
            with self._database.begin(time_left(), STATEMENT_MS_MAX) as conn:
                looked = consistency.look_at(conn, chosen)
            found = [each for level, facts in looked.suspects for each in violations(level, facts)]
            total = _added(total, looked, len(found))
            self.violations += len(found)
            yield from found
            yield None
        self.checked += not keys
        yield total

    def _ranges(self, keys: Sequence[ProductKey], time_left: TimeLeft) -> Iterator[Range]:
        if keys:
            ids = self._ids(keys, time_left)
            yield from (Range(product_id, product_id) for product_id in sorted(ids))
            return
        first = consistency.FIRST_ID
        while True:
            with self._database.begin(time_left()) as conn:
                chosen = consistency.range_from(conn, first)
            yield chosen
            if chosen.last == consistency.LAST_ID:
                return
            first = consistency.after(chosen.last)

    def _ids(self, keys: Sequence[ProductKey], time_left: TimeLeft) -> set[str]:
        with self._database.begin(time_left()) as conn:
            found = consistency.ids_of(conn, keys)
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        if missing:
            raise ProductNotFound.of(*missing)
        return set(found.values())


def _added(total: Summary | None, looked: Looked, found: int) -> Summary:
    moment = looked.moment
    if total is None:
        return Summary(looked.products, looked.levels, looked.movements, found, moment, moment)
    return Summary(
        total.products + looked.products,
        total.levels + looked.levels,
        total.movements + looked.movements,
        total.violations + found,
        total.start_time,
        moment,
    )
