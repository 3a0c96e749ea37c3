"""Columns that several tables share."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from inventory_grpc.domain.model import Labels, Money
from inventory_grpc.store.statements import array

_FEW_PAIRS: Final = 4


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all rows of one transaction share."""

    now: str
    commit_id: str


def amounts(prices: Sequence[Money | None]) -> tuple[list[str | None], list[str | None]]:
    """The values of two columns: amounts and currencies."""
    return (
        [None if price is None else str(price.amount) for price in prices],
        [None if price is None else price.currency for price in prices],
    )


def times(moments: Sequence[datetime | None]) -> str:
    """A column of timestamps."""
    return array([None if time is None else f'"{time.isoformat()}"' for time in moments])


def labels_json(labels: Labels) -> str:
    """One value of a jsonb column."""
    return json.dumps(dict(labels)) if labels else "{}"


def pairs_json(pairs: tuple[tuple[int, int], ...]) -> str:
    """What json.dumps would write of pairs of numbers, at a quarter of its cost."""
    return _few_pairs_json(pairs) if len(pairs) <= _FEW_PAIRS else _pairs_json(pairs)


def _pairs_json(pairs: tuple[tuple[int, int], ...]) -> str:
    return f"[{','.join([f'[{first},{second}]' for first, second in pairs])}]"


_few_pairs_json = lru_cache(maxsize=4096)(_pairs_json)
"""Most orders are of a few products, one unit of each. Longer ones hardly ever come again, and
would be kept at up to 100 bytes a pair."""
