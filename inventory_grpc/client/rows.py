"""Rows of batches, from plain Python values: `rows.order([("MUG", 2)])`."""

from inventory_grpc.client.requests import adjustment, order, product, status

__all__ = ["adjustment", "order", "product", "status"]
