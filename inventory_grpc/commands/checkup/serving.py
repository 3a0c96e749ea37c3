"""The server itself: does it answer, and for how long is its certificate good?"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from inventory_grpc.commands.checkup.finding import Finding, fail, ok, warn
from inventory_grpc.commands.target import dial_target, own
from inventory_grpc.dial import DialError
from inventory_grpc.health import check
from inventory_grpc.settings import Settings

_ANSWER_SECONDS_MAX: Final = 3.0
_SOON: Final = timedelta(days=14)


def looked_at(settings: Settings) -> Iterator[Finding]:
    """The files first: without them nothing can be called."""
    files = (settings.tls_certificate_file, settings.tls_client_ca_file)
    found = [_certificate(path) for path in files if path is not None]
    yield from found
    if all(each.verdict != "fail" for each in found):
        yield _health(settings)


def _certificate(path: Path) -> Finding:
    try:
        (first, *_) = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no PEM certificate"
        return fail("tls", f"{path}: {why}", "the server will not start without it")
    end = first.not_valid_after_utc
    left = end - datetime.now(UTC)
    told = f"{path} is valid until {end:%Y-%m-%d %H:%M}Z"
    renew = "renew it and put it in its place: the server takes it without a restart"
    if left < timedelta():
        return fail("tls", told, renew)
    return warn("tls", told, renew) if left < _SOON else ok("tls", told)


def _health(settings: Settings) -> Finding:
    target = dial_target(settings.listen)
    try:
        status = check(target, own(settings), _ANSWER_SECONDS_MAX)
    except DialError as error:
        return fail("server", f"{target}: {error}", "correct the files of TLS")
    if status == "SERVING":
        return ok("server", f"{target} is serving")
    if status == "UNAVAILABLE":
        advice = "start it with `inventory-grpc serve`, or set --listen as it was told"
        return warn("server", f"nothing answers at {target}", advice)
    advice = "look above for what it needs, then into its log"
    return fail("server", f"{target} answers {status}", advice)
