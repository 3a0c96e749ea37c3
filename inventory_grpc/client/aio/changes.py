"""ChangeService."""

from typing import Unpack

from inventory_grpc.client import wire_aio as wire
from inventory_grpc.client.aio.caller import AsyncCaller
from inventory_grpc.client.aio.watch import AsyncWatch, Stream
from inventory_grpc.client.filters import WatchFilter, split
from inventory_grpc.client.options import fill
from inventory_grpc.v1.changes_pb2 import ChangeFilter, WatchChangesRequest


class AsyncChanges(AsyncCaller):
    """Tells every committed change."""

    def watch(
        self,
        resume_token: str = "",
        *,
        give_up_after: float | None = None,
        **matching: Unpack[WatchFilter],
    ) -> AsyncWatch:
        """Iterate over changes as they are committed: `async for change in client.watch(): …`.

        From now on, or from what a token stands for: that of a watch, of a mutation or of a list.
        It resumes by itself for as long as it takes, or until nothing could be reached for
        `give_up_after` seconds. See `AsyncWatch` for how to go on after a restart of the caller,
        and `WatchFilter` for what can be left out. Raises ResumeTokenExpired while it is iterated.
        """
        filtered, rest = split(ChangeFilter(), matching)
        request = WatchChangesRequest(filter=filtered)
        fill(request, rest)

        async def connect(token: str) -> Stream:
            asked = WatchChangesRequest(resume_token=token, filter=filtered)
            sent = await wire.metadata(self._credentials)
            return wire.Stream(self._changes.WatchChanges, asked, None, sent)

        return AsyncWatch(connect, resume_token, self._policy, give_up_after)
