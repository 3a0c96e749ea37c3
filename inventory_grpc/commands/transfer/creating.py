"""Products with their initial stock, created in batches, each once."""

from collections.abc import Sequence

from inventory_grpc.client import InventoryClient, SkuTaken, new_request_id
from inventory_grpc.client.batches import Row
from inventory_grpc.commands.transfer.calling import in_parts, settled
from inventory_grpc.commands.transfer.verdicts import DONE, THERE, Fate, Verdict, rejection
from inventory_grpc.v1.products_pb2 import CreateProductRequest, CreateProductResponse, Product

Rows = list[Row[CreateProductResponse]]


class Creating:
    """Initial stock is part of a product's creation, so none comes twice unless the product does,
    and that its SKU prevents, also when stored answers are no longer kept."""

    def __init__(self, client: InventoryClient) -> None:
        self._client = client

    def check(self, payloads: Sequence[CreateProductRequest]) -> Sequence[Verdict]:
        """By the server, which keeps nothing of it."""
        return self._verdicts(payloads, self._rows(payloads, validate_only=True))

    def send(self, payloads: Sequence[CreateProductRequest]) -> Sequence[Verdict]:
        """Create what is not there yet."""
        rows = self._rows(payloads)
        # A refusal of an earlier run may be out of date: the location may be there by now. What
        # was refused has had no effect, so that it can be sent anew, under another id.
        stale = [i for i, row in enumerate(rows) if row.error is not None and row.replayed]
        again = [_renewed(payloads[index]) for index in stale]
        for index, row in zip(stale, self._rows(again), strict=True):
            rows[index] = row
        return self._verdicts(payloads, rows)

    def has(self, sku: str, request_id: str) -> bool:
        """Whether there is such a product."""
        del request_id
        return bool(self._client.batch_get_products([sku]).products)

    def _rows(
        self, payloads: Sequence[CreateProductRequest], *, validate_only: bool = False
    ) -> Rows:
        if not payloads:
            return []

        def batch(part: Sequence[CreateProductRequest]) -> Rows:
            return self._client.batch_create_products(
                part, mode="INDEPENDENT", validate_only=validate_only
            )

        return settled(batch, payloads)

    def _verdicts(self, payloads: Sequence[CreateProductRequest], rows: Rows) -> Sequence[Verdict]:
        taken = [
            payload.product.sku
            for payload, row in zip(payloads, rows, strict=True)
            if isinstance(row.error, SkuTaken)
        ]
        there = {each.sku: each for each in self._products(taken)}
        return [
            _verdict(payload, row, there.get(payload.product.sku))
            for payload, row in zip(payloads, rows, strict=True)
        ]

    def _products(self, skus: Sequence[str]) -> Sequence[Product]:
        if not skus:
            return []
        return in_parts(lambda part: list(self._client.batch_get_products(part).products), skus)


def _renewed(payload: CreateProductRequest) -> CreateProductRequest:
    renewed = CreateProductRequest()
    renewed.CopyFrom(payload)
    renewed.request_id = new_request_id()
    return renewed


def _verdict(
    payload: CreateProductRequest, row: Row[CreateProductResponse], there: Product | None
) -> Verdict:
    if row.error is None:
        return THERE if row.replayed else DONE
    if there is None:
        return rejection(row.error)
    differing = _differing(payload.product, there)
    if not differing:
        return THERE
    return Verdict(
        Fate.REJECTED,
        f"SKU_TAKEN: the product that has it differs in {', '.join(differing)}",
    )


def _differing(wanted: Product, there: Product) -> list[str]:
    names = ("name", "description", "price", "labels")
    return [name for name in names if getattr(wanted, name) != getattr(there, name)]
