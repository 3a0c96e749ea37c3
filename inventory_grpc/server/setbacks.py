"""What a sweeper remembers of holds that were sent and are due all the same.

The longest due come first, so without a memory the same few that cannot be expired, because
somebody keeps their rows locked, would be all that a sweeper ever sends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HOLDS_MAX: Final = 500
"""Most holds that one pass sends."""
CHUNK_HOLDS: Final = 20
"""Most holds of one command, all of which wait when one has to."""
PAUSE_SECONDS: Final = 5.0
"""After a hold was sent alone to no effect; twice as long the next time, and so on, ..."""
PAUSE_SECONDS_MAX: Final = 320.0
"""... up to this."""

Chunk = tuple[str, ...]


@dataclass(slots=True)
class _Sent:
    times: int = 0
    rests_until: float = 0.0


class Setbacks:
    """By hold; times are monotonic seconds. Knows no hold that was not due at the last look."""

    def __init__(self) -> None:
        self._sent: dict[str, _Sent] = {}

    def resting(self, now: float) -> int:
        """How many are left alone now: so many more than a pass takes are to be looked for."""
        return sum(sent.rests_until > now for sent in self._sent.values())

    def chunks(self, due: Sequence[str], now: float) -> list[Chunk]:
        """What to send of all that is due, the longest due first; forgets what is due no more.

        What was sent before goes alone: its chunk may have failed for another hold in it.
        """
        self._sent = {hold_id: self._sent[hold_id] for hold_id in due if hold_id in self._sent}
        ready = [hold_id for hold_id in due if not self._rests(hold_id, now)][:HOLDS_MAX]
        fresh = [hold_id for hold_id in ready if hold_id not in self._sent]
        alone = [(hold_id,) for hold_id in ready if hold_id in self._sent]
        starts = range(0, len(fresh), CHUNK_HOLDS)
        return [tuple(fresh[start : start + CHUNK_HOLDS]) for start in starts] + alone

    def note(self, chunk: Chunk, now: float) -> bool:
        """Remember that it was sent; whether this is the first time that its hold went alone.

        Whatever came of it: a hold that is expired is due no more, and any other must not be sent
        again and again.
        """
        for hold_id in chunk:
            sent = self._sent.setdefault(hold_id, _Sent())
            sent.times += 1
            sent.rests_until = now + _pause(sent.times)
        return self._sent[chunk[0]].times == 2

    def _rests(self, hold_id: str, now: float) -> bool:
        sent = self._sent.get(hold_id)
        return sent is not None and sent.rests_until > now


def _pause(times: int) -> float:
    """In company it may have failed for another's sake: then it is sent again at once."""
    if times == 1:
        return 0.0
    return min(PAUSE_SECONDS * 2.0 ** min(times - 2, 10), PAUSE_SECONDS_MAX)
