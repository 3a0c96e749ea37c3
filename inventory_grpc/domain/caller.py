"""Who calls, and what a caller may do."""

from enum import IntEnum
from typing import Final

from inventory_grpc.domain.record import record


class Role(IntEnum):
    """What a caller may do; each role may do all that those before it may."""

    READER = 1
    """Look at everything."""
    WRITER = 2
    """Sell: hold and order, ship, cancel, return."""
    OPERATOR = 3
    """Run a warehouse: change products, stock and policies, and prove the books."""
    ADMIN = 4
    """Change which locations there are."""


@record
class Limits:
    """What a caller may do, where that is its own: None = what the settings say, 0 = no limit."""

    reads_per_second: int | None = None
    writes_per_second: int | None = None
    scans_per_second: int | None = None
    in_flight: int | None = None
    """Calls at the same time, streams of changes aside."""
    watch_streams: int | None = None
    """At the same time."""


NO_LIMITS_OF_ITS_OWN: Final = Limits()


@record
class Caller:
    """An authenticated caller: the ledger's actor, and whose request ids and quotas these are."""

    name: str
    role: Role
    limits: Limits = NO_LIMITS_OF_ITS_OWN


ANONYMOUS: Final = Caller("anonymous", Role.ADMIN)
"""Everybody, where no identity is asked for."""
