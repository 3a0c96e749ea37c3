"""Keeps what callers are identified by up to date: the access file and the keys of tokens.

Both are read in threads. What cannot be read or understood is logged once, and what was read before
stays in use.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Generic, Self, TypeVar

import structlog

from inventory_grpc.identity.access import Access, parse_access
from inventory_grpc.identity.authenticator import Authenticator
from inventory_grpc.identity.errors import SourceError
from inventory_grpc.identity.jwks import KeySet, parse_jwks
from inventory_grpc.identity.sources import fetch, is_url, read_file
from inventory_grpc.identity.tokens import TokenRules, TokenVerifier
from inventory_grpc.server.errors import AccessFileError
from inventory_grpc.server.threads import in_thread
from inventory_grpc.settings import Settings

T = TypeVar("T")

_log = structlog.stdlib.get_logger(__name__)

FILE_PERIOD_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 10.0
"""Between two fetches, however many tokens come with unknown keys."""


class Followed(Generic[T]):
    """One source, read again and again; told whenever it reads differently."""

    def __init__(
        self,
        name: str,
        read: Callable[[], bytes],
        parse: Callable[[bytes], T],
        use: Callable[[T], None],
    ) -> None:
        """``read`` and ``parse`` may block and raise SourceError."""
        self._name = name
        self._read = read
        self._parse = parse
        self._use = use
        self._seen: bytes | None = None
        self._told = ""

    async def must_read(self) -> None:
        """Use it as it is now. Raises SourceError."""
        new = await in_thread(self._load, self._name)
        if new is not None:
            self._use(new)

    async def look(self) -> bool:
        """Use it if it has changed; what is wrong with it is logged once. Whether it is well."""
        try:
            await self.must_read()
        except SourceError as error:
            if str(error) != self._told:
                self._told = str(error)
                _log.warning(f"{self._name}_not_usable", reason=self._told)
            return False
        except Exception as bug:  # noqa: BLE001 - else nobody would look again, and keys stay for ever
            if repr(bug) != self._told:
                self._told = repr(bug)
                _log.error(f"{self._name}_not_usable", exc_info=bug)
            return False
        self._told = ""
        return True

    def _load(self) -> T | None:
        # By what it holds: times and inodes say little on some file systems.
        raw = self._read()
        if raw == self._seen:
            return None
        self._seen = raw
        return self._parse(raw)


class Identifying:
    """The authenticator of one server, kept up to date."""

    def __init__(self, settings: Settings, path: Path) -> None:
        """Use `start`."""
        self._refresh_seconds = settings.jwt_jwks_refresh_seconds
        self._fetch_wanted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.authenticator = Authenticator(_verifier(settings, self._fetch_wanted.set))
        self._access = Followed(
            "access_file", partial(read_file, path), parse_access, self._use_access
        )

    @classmethod
    async def start(cls, settings: Settings) -> Self | None:
        """Read everything and begin to follow it; None where no identity is asked for.

        Raises StartError for a file that cannot be used. A URL may be away: until it was there for
        the first time tokens are refused.
        """
        if settings.access_file is None:
            return None
        self = cls(settings, settings.access_file)
        await _must_read(self._access, settings.access_file)
        if settings.jwt_jwks is not None:
            await self._start_keys(settings.jwt_jwks)
        self._follow(self._access, _until_next_look)
        return self

    async def stop(self) -> None:
        """End; a read that hangs is left to its thread."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _start_keys(self, source: str) -> None:
        if is_url(source):
            keys = Followed("jwks", partial(fetch, source), parse_jwks, self._use_keys)
            well = await keys.look()
            self._follow(keys, self._until_next_fetch, well=well)
        else:
            path = Path(source)
            keys = Followed("jwks", partial(read_file, path), parse_jwks, self._use_keys)
            await _must_read(keys, path)
            self._follow(keys, _until_next_look)

    def _follow(
        self, source: Followed[T], pause: Callable[[bool], Awaitable[None]], *, well: bool = True
    ) -> None:
        async def run() -> None:
            is_well = well
            while True:
                await pause(is_well)
                is_well = await source.look()

        self._tasks.append(asyncio.create_task(run(), name="identifying"))

    async def _until_next_fetch(self, well: bool) -> None:  # noqa: FBT001 - its only fact
        """Until it is time, or a token with an unknown key has come: it may have a new one."""
        seconds = self._refresh_seconds if well else min(self._refresh_seconds, PAUSE_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.sleep(PAUSE_SECONDS)
                await self._fetch_wanted.wait()
        self._fetch_wanted.clear()

    def _use_access(self, access: Access) -> None:
        self.authenticator.use_access(access)
        _log.info("access_file_read", callers=len(access.callers))

    def _use_keys(self, keys: KeySet) -> None:
        self.authenticator.use_keys(keys)
        log = _log.info if len(keys) else _log.warning
        log("jwks_read", keys=len(keys), ignored=keys.ignored)


def check_access(settings: Settings) -> None:
    """See that the files can be used, for a process that does not serve itself. Raises StartError.

    Workers that find it out for themselves would be started again for ever.
    """
    if settings.access_file is not None:
        _checked(settings.access_file, parse_access)
    if settings.jwt_jwks is not None and not is_url(settings.jwt_jwks):
        _checked(Path(settings.jwt_jwks), parse_jwks)


def _checked(path: Path, parse: Callable[[bytes], object]) -> None:
    try:
        parse(read_file(path))
    except SourceError as error:
        raise AccessFileError(path, str(error)) from None


async def _must_read(source: Followed[T], path: Path) -> None:
    try:
        await source.must_read()
    except SourceError as error:
        raise AccessFileError(path, str(error)) from None


async def _until_next_look(_well: bool) -> None:  # noqa: FBT001 - see the other pause
    await asyncio.sleep(FILE_PERIOD_SECONDS)


def _verifier(settings: Settings, on_unknown_key: Callable[[], None]) -> TokenVerifier | None:
    if settings.jwt_jwks is None:
        return None
    issuer, audience = settings.jwt_issuer, settings.jwt_audience
    assert issuer is not None, "the settings ask for it"
    assert audience is not None, "the settings ask for it"
    rules = TokenRules(issuer, audience, settings.jwt_signatures)
    return TokenVerifier(rules, on_unknown_key)
