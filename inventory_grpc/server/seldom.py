"""Log lines about strangers, who must not be able to fill the log."""

import time
from typing import Final

_PAUSE_SECONDS: Final = 1.0


class Seldom:
    """For one kind of line: at most one a second."""

    def __init__(self) -> None:
        """None was written."""
        self._last = -_PAUSE_SECONDS

    def is_due(self) -> bool:
        """Whether one may be written, which then counts as written."""
        now = time.monotonic()
        if now - self._last < _PAUSE_SECONDS:
            return False
        self._last = now
        return True
