"""Counts and deliveries of products that are there, each once.

A stored answer protects a row for as long as it is kept, the ledger for ever: every movement has
the request id that caused it, and is asked for before a row is sent.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor

from inventory_grpc.client import InventoryClient, InventoryError, rows
from inventory_grpc.client.batches import Row
from inventory_grpc.commands.transfer.calling import is_of_the_row, settled
from inventory_grpc.commands.transfer.entries import StockRow
from inventory_grpc.commands.transfer.verdicts import DONE, THERE, Fate, Verdict, rejection
from inventory_grpc.v1.stock_pb2 import AdjustStockRequest, AdjustStockResponse


class Stocktaking:
    """Counts replace what is on hand; deliveries add to it."""

    def __init__(self, client: InventoryClient, calls: Executor, *, received: bool) -> None:
        """`calls` is where single calls wait for their answers side by side."""
        self._client = client
        self._calls = calls
        self._received = received

    def check(self, payloads: Sequence[StockRow]) -> Sequence[Verdict]:
        """By the server, which keeps nothing of it."""
        if self._received:
            return self._receive(payloads, validate_only=True)
        return self._each(lambda row: self._count(row, validate_only=True), payloads)

    def send(self, payloads: Sequence[StockRow]) -> Sequence[Verdict]:
        """What the ledger does not have yet."""
        found = list(self._each(self._looked_up, payloads))
        missing = [index for index, verdict in enumerate(found) if verdict is DONE]
        wanted = [payloads[index] for index in missing]
        sent = self._receive(wanted) if self._received else self._each(self._count, wanted)
        for index, verdict in zip(missing, sent, strict=True):
            found[index] = verdict
        return found

    def has(self, sku: str, request_id: str) -> bool:
        """Whether the ledger knows the request."""
        del sku
        asked = self._client.list_stock_movements(request_id=request_id, page_size=1)
        return bool(asked.first_page().movements)

    def _each(
        self, call: Callable[[StockRow], Verdict], payloads: Iterable[StockRow]
    ) -> Sequence[Verdict]:
        return list(self._calls.map(lambda row: _judged(call, row), payloads))

    def _looked_up(self, row: StockRow) -> Verdict:
        """DONE if it can be; raises what would be refused."""
        asked = self._client.list_stock_movements(
            product=row.sku, location_id=row.location_id, request_id=row.request_id, page_size=1
        )
        return THERE if asked.first_page().movements else DONE

    def _count(self, row: StockRow, *, validate_only: bool = False) -> Verdict:
        self._client.set_stock(
            row.sku,
            row.quantity,
            unchecked=True,
            location_id=row.location_id,
            request_id=row.request_id,
            validate_only=validate_only,
        )
        return DONE

    def _receive(
        self, payloads: Sequence[StockRow], *, validate_only: bool = False
    ) -> Sequence[Verdict]:
        def batch(part: Sequence[AdjustStockRequest]) -> list[Row[AdjustStockResponse]]:
            return self._client.batch_adjust_stock(
                part, mode="INDEPENDENT", validate_only=validate_only
            )

        sent = [
            rows.adjustment(
                each.sku,
                each.quantity,
                "RECEIVED",
                location_id=each.location_id,
                request_id=each.request_id,
            )
            for each in payloads
        ]
        answers = settled(batch, sent) if sent else []
        return [_received(each.error, replayed=each.replayed) for each in answers]


def _judged(call: Callable[[StockRow], Verdict], row: StockRow) -> Verdict:
    try:
        return call(row)
    except InventoryError as error:
        if not is_of_the_row(error):
            raise
        return rejection(error)


def _received(error: InventoryError | None, *, replayed: bool) -> Verdict:
    if error is None:
        return THERE if replayed else DONE
    if not replayed:
        return rejection(error)
    # Another id could double it, should this one have been done by then.
    told = rejection(error).reason
    return Verdict(Fate.REJECTED, f"{told} (the stored answer of an earlier run: import it later)")
