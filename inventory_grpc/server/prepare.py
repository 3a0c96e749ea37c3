"""What happens to the database before the first call: its schema, and sample data if asked for."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import structlog
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from inventory_grpc import demo
from inventory_grpc.domain.errors import Unavailable
from inventory_grpc.rpc.errors import encode_refusal
from inventory_grpc.server.errors import StartError
from inventory_grpc.server.threads import in_thread
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.settings import Settings
from inventory_grpc.store.background import background_engine, ledger_is_protected
from inventory_grpc.store.migrate import upgrade

T = TypeVar("T")

_log = structlog.stdlib.get_logger(__name__)

WAIT_SECONDS_MAX: Final = 60.0
"""How long a database may take to appear, when everything was started at once."""

_RETRY_SECONDS: Final = 0.5
_INSUFFICIENT_PRIVILEGE: Final = "42501"


async def prepare_database(settings: Settings) -> None:
    """Migrate and fill, as far as the settings say so. Raises StartError."""
    if settings.migrate:
        await _migrate(settings)
    if settings.demo:
        await _fill(settings)


async def _migrate(settings: Settings) -> None:
    assert settings.database_url is not None, "the caller knows the database"
    role = make_url(settings.database_url).username
    url = settings.migration_database_url or settings.database_url
    try:
        revision = await _once_reachable(lambda: upgrade(url, role))
        protected = await _once_reachable(partial(_ledger_is_protected, settings.database_url))
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) != _INSUFFICIENT_PRIVILEGE:
            raise StartError(f"cannot migrate the database: {_text(error)}") from None
        # Somebody else may migrate; until then the server is alive and not ready.
        _log.warning("not_migrated", reason=_text(error))
        return
    _log.info("migrated", revision=revision)
    if not protected:
        _log.warning("ledger_not_protected", reason="the service's role may change its rows")


async def _once_reachable(work: Callable[[], T]) -> T:
    """Run `work`, again and again while the database is away. Raises DBAPIError."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    told = ""
    while True:
        try:
            return await in_thread(work, "migration")
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise
            if _text(error) != told:
                told = _text(error)
                _log.warning("waiting_for_database", reason=told)
        await asyncio.sleep(_RETRY_SECONDS)


def _ledger_is_protected(url: str) -> bool:
    engine = background_engine(url)
    try:
        return ledger_is_protected(engine)
    finally:
        engine.dispose()


async def _fill(settings: Settings) -> None:
    mutations = Mutations.start(settings, encode_refusal)
    try:
        await demo.load(mutations)
    except Unavailable as error:
        _log.warning("demo_not_loaded", reason=error.message)
    finally:
        await mutations.close()


def _text(error: DBAPIError) -> str:
    # One line, of the server's or libpq's making: no statement, no parameters, no password.
    return " ".join(str(error.orig).split())
