"""Ids and SKUs that were shown lately, for completion."""

from collections.abc import Iterator
from typing import Final

_KEPT_MAX: Final = 1_000


class Seen:
    """The latest ones, each once."""

    def __init__(self) -> None:
        self._words: dict[str, None] = {}

    def add(self, word: str) -> None:
        """The latest now."""
        self._words.pop(word, None)
        self._words[word] = None
        if len(self._words) > _KEPT_MAX:
            del self._words[next(iter(self._words))]

    def __iter__(self) -> Iterator[str]:
        """The latest first."""
        return reversed(self._words)
