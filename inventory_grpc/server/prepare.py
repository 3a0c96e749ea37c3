"""What happens to the database before the first call: its schema, and sample data if asked for."""

import asyncio
import time
from typing import Final

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
from inventory_grpc.store.migrate import upgrade

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
    if settings.migration_database_url is None:
        _log.warning("ledger_not_protected", reason="no migration_database_url: one role does all")
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    told = ""
    while True:
        try:
            revision = await in_thread(lambda: upgrade(url, role), "migration")
        except DBAPIError as error:
            if _is_denied(error):
                # Somebody else may migrate; until then the server is alive and not ready.
                _log.warning("not_migrated", reason=_text(error))
                return
            if not isinstance(error, OperationalError) or time.monotonic() > deadline:
                raise StartError(f"cannot migrate the database: {_text(error)}") from None
            if _text(error) != told:
                told = _text(error)
                _log.warning("waiting_for_database", reason=told)
        else:
            _log.info("migrated", revision=revision)
            return
        await asyncio.sleep(_RETRY_SECONDS)


async def _fill(settings: Settings) -> None:
    mutations = Mutations.start(settings, encode_refusal)
    try:
        await demo.load(mutations)
    except Unavailable as error:
        _log.warning("demo_not_loaded", reason=error.message)
    finally:
        await mutations.close()


def _is_denied(error: DBAPIError) -> bool:
    return getattr(error.orig, "pgcode", None) == _INSUFFICIENT_PRIVILEGE


def _text(error: DBAPIError) -> str:
    # One line, of the server's or libpq's making: no statement, no parameters, no password.
    return " ".join(str(error.orig).split())
