"""What only this machine can reach may be open; anything else is, only when somebody said so."""

import structlog

from inventory_grpc.server.address import Address
from inventory_grpc.server.errors import ExposedError
from inventory_grpc.settings import Settings

_log = structlog.stdlib.get_logger(__name__)


def check_exposure(settings: Settings) -> None:
    """Raise ExposedError if strangers could listen in, or call whatever they like."""
    address = Address.parse(settings.listen)
    missing = _missing(settings)
    if not missing or address.is_local:
        return
    if not settings.insecure:
        raise ExposedError(str(address), *missing)
    _log.warning("insecure", listen=str(address), reason=missing[0])


def knows_callers(settings: Settings) -> bool:
    """A client certificate is an identity, even where no access file says what its owner may do."""
    return settings.access_file is not None or settings.tls_client_ca_file is not None


def _missing(settings: Settings) -> tuple[str, str] | None:
    """What a server that others can reach lacks, and the flags against it."""
    if settings.tls_certificate_file is None:
        return "there is no TLS", "--tls-certificate-file and --tls-key-file"
    if not knows_callers(settings):
        return "everybody may do everything", "--access-file or --tls-client-ca-file"
    return None
