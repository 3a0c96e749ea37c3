"""The schema: one truth in SQLAlchemy Core, which the migrations must arrive at exactly.

Text keys and text that is sorted by are COLLATE "C": bytewise order, the same on every machine, so
that keyset pages and index ranges never depend on a locale. Ids are ``uuid`` columns and lower-case
text in Python. Times are the database's.
"""

from inventory_grpc.store.tables.catalogue import UNPRICED, locations, product_events, products
from inventory_grpc.store.tables.columns import ID, KEY, MONEY, NAMES, TIME, metadata
from inventory_grpc.store.tables.holds import hold_budgets, hold_events, hold_lines, holds
from inventory_grpc.store.tables.orders import order_events, order_lines, orders
from inventory_grpc.store.tables.service import (
    commit_seq,
    commits,
    leases,
    schema_revision,
    service_identity,
    stored_answers,
    stream_head,
)
from inventory_grpc.store.tables.stock import ledger_repairs, stock_levels, stock_movements

__all__ = [
    "ID",
    "KEY",
    "MONEY",
    "NAMES",
    "TIME",
    "UNPRICED",
    "commit_seq",
    "commits",
    "hold_budgets",
    "hold_events",
    "hold_lines",
    "holds",
    "leases",
    "ledger_repairs",
    "locations",
    "metadata",
    "order_events",
    "order_lines",
    "orders",
    "product_events",
    "products",
    "schema_revision",
    "service_identity",
    "stock_levels",
    "stock_movements",
    "stored_answers",
    "stream_head",
]
