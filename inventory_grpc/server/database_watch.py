"""Asks the database about once a second whether calls can succeed, and tells who wants to know."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from inventory_grpc.server.threads import in_thread
from inventory_grpc.store.background import background_engine, probe
from inventory_grpc.store.migrate import Servable, head

_log = structlog.stdlib.get_logger(__name__)

PERIOD_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 3.0
"""A probe that takes longer means that the database is away, even if no connection broke."""

_SILENT: Final = Servable(ok=False, database_revision="", reason="the database does not answer")


class DatabaseWatch:
    """Probes through a connection of its own; logs changes only."""

    def __init__(
        self, url: str, on_change: Callable[[bool], None], *, replica: bool = False
    ) -> None:
        """A ``replica`` does not have to be written to."""
        self._replica = replica
        self._engine = background_engine(url)
        self._on_change = on_change
        self._last: Servable | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; `on_change` is called in the running loop, with whether calls can succeed."""
        self._task = asyncio.create_task(self._run(), name="database-watch")

    async def stop(self) -> None:
        """End; a probe that hangs is left to its thread."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._engine.dispose()

    @property
    def servable(self) -> bool:
        """Whether calls can succeed, as far as is known."""
        return self._last is not None and self._last.ok

    @property
    def _name(self) -> str:
        return "replica" if self._replica else "database"

    async def _run(self) -> None:
        while True:
            answer = in_thread(
                lambda: probe(self._engine, to_write=not self._replica), "database-watch"
            )
            done, _ = await asyncio.wait({answer}, timeout=PATIENCE_SECONDS)
            if not done:
                self._settle(_SILENT)
            self._settle(await answer)
            await asyncio.sleep(PERIOD_SECONDS)

    def _settle(self, now: Servable) -> None:
        if now == self._last:
            return
        was, self._last = self._last, now
        if now.ok:
            _log.info(f"{self._name}_ready", revision=now.database_revision)
        else:
            _log.warning(
                f"{self._name}_not_ready",
                reason=now.reason,
                database_revision=now.database_revision,
                server_revision=head(),
            )
        if was is None or was.ok != now.ok:
            self._on_change(now.ok)
