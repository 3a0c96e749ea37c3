"""Expiring holds: the sweeper's commands, on the one write path like everybody else's."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from inventory_grpc.domain.commands import ExpireHolds
from inventory_grpc.domain.context import Ids
from inventory_grpc.domain.holds import EXPIRY_ACTOR
from inventory_grpc.domain.results import Result
from inventory_grpc.engine.request import Request
from inventory_grpc.services.mutations import Mutations

_FINGERPRINT: Final = b"\0" * 16
"""Nobody ever sends one of these requests again."""


async def expire_holds(
    mutations: Mutations, hold_ids: Sequence[str], time_left: float | None
) -> None:
    """Write the end of those of `hold_ids` that are due, in one transaction.

    `time_left` in seconds; cancelled when it is over before the write path began. Raises as
    `Mutations.execute`.
    """
    # Of this machine's clock: it only has to sort near its neighbours in the indexes.
    request_id = Ids(datetime.now(UTC), secrets.randbits(40)).next()
    command = ExpireHolds(tuple(hold_ids))
    answer = await mutations.execute(
        Request(EXPIRY_ACTOR, request_id, _FINGERPRINT, command, _nothing), time_left
    )
    assert answer.code == 0, "what is due is expired, and what is not is left alone"


def _nothing(_result: Result) -> bytes:
    return b""
