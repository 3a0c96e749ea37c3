"""The server as it would be if every read were a query of its own: what gathering is compared with.

`python -m tests.benchmarks.ungathered serve …`
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from inventory_grpc.cli import main
from inventory_grpc.services.coalesce import Gatherer


async def _ask_alone(
    self: Gatherer[Any, Any], keys: Sequence[Any], answer: Callable[[Any], Any], time_left: float
) -> Any:
    expires = time.monotonic() + time_left

    def look() -> Any:
        return answer(self._read(list(keys), expires - time.monotonic()))

    return await asyncio.wrap_future(self._threads.submit(look))


if __name__ == "__main__":
    Gatherer.ask = _ask_alone  # type: ignore[method-assign]
    main()
