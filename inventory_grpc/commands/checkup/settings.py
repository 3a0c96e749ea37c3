"""The settings: what is risky about them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from inventory_grpc.commands.checkup.finding import Finding, fail, ok, warn
from inventory_grpc.identity.access import parse_access
from inventory_grpc.identity.errors import SourceError
from inventory_grpc.identity.sources import read_file
from inventory_grpc.server.address import Address
from inventory_grpc.server.exposure import knows_callers
from inventory_grpc.settings import Settings

_AREA: Final = "settings"


def looked_at(settings: Settings) -> Iterator[Finding]:
    """All of them; that they are within their bounds is known."""
    yield ok(_AREA, "all settings are within their bounds")
    yield _exposure(settings)
    if settings.access_file is not None:
        yield _access(settings.access_file)
    yield from _risks(settings)


def _exposure(settings: Settings) -> Finding:
    """The rule of the server's own, which refuses to start."""
    missing = []
    if settings.tls_certificate_file is None:
        missing.append("there is no TLS (--tls-certificate-file, --tls-key-file)")
    if not knows_callers(settings):
        missing.append("everybody may do everything (--access-file)")
    where = f"listens on {settings.listen}"
    if not missing:
        return ok(_AREA, f"{where}, with TLS and known callers")
    if Address.parse(settings.listen).is_local:
        return ok(_AREA, f"{where}, which only this machine can reach; {missing[0]}")
    told = f"{where}, where others can reach it: {'; '.join(missing)}"
    if settings.insecure:
        return warn(_AREA, told, "set those flags instead of --insecure")
    return fail(_AREA, told, "it will not start: set those flags, or --insecure")


def _access(path: Path) -> Finding:
    try:
        parse_access(read_file(path))
    except SourceError as error:
        return fail(_AREA, f"the access file {path}: {error}", "correct it: it will not start")
    return ok(_AREA, f"the access file {path} is understood")


def _risks(settings: Settings) -> Iterator[Finding]:
    if settings.hold_sweep_seconds == 0:
        yield warn(
            _AREA,
            "this server does not sweep up holds that are due",
            "make sure that another one does, or unset --hold-sweep-seconds",
        )
    if settings.answers_kept_hours < 24:
        yield warn(
            _AREA,
            f"answers are kept for {settings.answers_kept_hours} h: a call that is repeated later "
            "has a second effect",
            "keep them at least as long as callers may retry: --answers-kept-hours",
        )
    if settings.demo and settings.database_url is not None:
        yield warn(_AREA, "a sample catalogue is added to the database", "unset --demo")
    if settings.database_url is not None and settings.migrate and not _two_roles(settings):
        yield warn(
            _AREA,
            "the server migrates as the role that it serves as",
            "name the owner of the schema with --migration-database-url, or set --no-migrate and "
            "run `inventory-grpc migrate`",
        )
    if settings.drain_seconds < 5:
        yield warn(
            _AREA,
            f"a stopping server waits {settings.drain_seconds} s for what is in flight",
            "give it longer: --drain-seconds",
        )


def _two_roles(settings: Settings) -> bool:
    return settings.migration_database_url is not None
