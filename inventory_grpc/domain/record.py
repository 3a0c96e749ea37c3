"""Immutable data, cheap to make."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[_T]) -> type[_T]:
    """A slotted dataclass whose fields mypy refuses to assign.

    ``frozen=True`` would refuse it at run time too, but sets every field through
    ``object.__setattr__``: 5 µs instead of 0.4 for a movement, of which each order line makes one.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
