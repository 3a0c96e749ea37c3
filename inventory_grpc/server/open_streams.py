"""A limit on the streams that everybody may open, and keep open for as long as he likes.

Who opens them is not asked, so that they cannot be counted by caller.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import grpc

_FULL: Final = "the server has as many of these streams as it takes"

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class OpenStreams:
    """Of one service. Belongs to one event loop."""

    def __init__(self, streams_max: int) -> None:
        """None is open yet."""
        self._left = streams_max

    @asynccontextmanager
    async def one_more(
        self, context: grpc.aio.ServicerContext[Request, Answer]
    ) -> AsyncIterator[None]:
        """For as long as the stream lasts. Ends the call with RESOURCE_EXHAUSTED where there are
        too many."""
        if self._left == 0:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, _FULL)
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1
