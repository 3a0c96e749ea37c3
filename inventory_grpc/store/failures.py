"""What a failed attempt means: by SQLSTATE and constraint name, in one place."""

from enum import Enum
from typing import Final

import psycopg2

from inventory_grpc.domain.entries import StaleBooksError
from inventory_grpc.store.link import CommitUnknownError


class Failure(Enum):
    """What to do after a failed attempt."""

    CONFLICT = "another transaction was faster: run the whole attempt again"
    NAME_TAKEN = "the same, or commands of this batch take a SKU from one another"
    LOST = "the connection is gone, and with it the knowledge whether COMMIT landed: run again"
    BLOCKED = "somebody else holds a row for too long: find out who needs it"
    BUG = "neither: one of the commands breaks the batch"


_CONFLICTS: Final = {
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
    "22012",  # division_by_zero: an UPDATE's version guard found another version
}
_BLOCKED: Final = {
    "55P03",  # lock_not_available: lock_timeout
    "57014",  # query_canceled: statement_timeout
}
_UNIQUE_VIOLATION: Final = "23505"
_FOREIGN_KEY_VIOLATION: Final = "23503"
_LIVE_SKU: Final = "products_live_sku_key"
_CONTESTED: Final = {
    _LIVE_SKU,
    "stored_answers_pkey",
    "stock_movements_pkey",
    "stock_levels_pkey",
    "locations_pkey",
    "order_events_pkey",
    "hold_events_pkey",
    "hold_budgets_pkey",
    "stock_levels_product_id_fkey",
    "stock_levels_location_id_fkey",
}
"""Constraints that two honest transactions can meet at; the re-run reads who won."""


def failure_of(error: Exception) -> Failure:
    """What ``error``, raised by an attempt, means."""
    if isinstance(error, StaleBooksError):
        return Failure.CONFLICT
    if isinstance(error, CommitUnknownError):
        return Failure.LOST
    if not isinstance(error, psycopg2.Error):
        return Failure.BUG
    state = error.pgcode
    if state is None or state.startswith(("08", "57P", "53")) or state == "25006":
        # No SQLSTATE: libpq lost or never had the connection. 57P0x: shutting down or starting up;
        # 53xxx: out of connections, memory or disk; 25006: a standby, after a failover.
        return _without_state(error)
    if state in _CONFLICTS or _contested(state, error) or _replan(state, error):
        taken = error.diag.constraint_name == _LIVE_SKU
        return Failure.NAME_TAKEN if taken else Failure.CONFLICT
    return Failure.BLOCKED if state in _BLOCKED else Failure.BUG


def _without_state(error: psycopg2.Error) -> Failure:
    lost = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    return Failure.LOST if lost or error.pgcode else Failure.BUG


def _contested(state: str, error: psycopg2.Error) -> bool:
    named = error.diag.constraint_name in _CONTESTED
    return named and state in (_UNIQUE_VIOLATION, _FOREIGN_KEY_VIOLATION)


def _replan(state: str, error: psycopg2.Error) -> bool:
    # After a migration, prepared statements meet a changed table once.
    return state == "0A000" and "cached plan must not change result type" in str(error)
