"""TLS: what the server shows, whose clients it takes, and both exchanged while it serves.

The files are read again before every handshake, 30 microseconds beside the millisecond that a
handshake costs: however they are replaced (renamed, written over, a symbolic link of their
directory turned), the next connection gets what is there. While one of them is new and the other
is not yet, the pair that served last goes on.

gRPC for Python knows two modes: clients are not asked for a certificate, or none gets in without a
valid one. Callers with and without certificates need servers of their own. It offers TLS 1.2 and
1.3 only.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self, cast

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from inventory_grpc.server.errors import TlsFileError
from inventory_grpc.settings import Settings

_log = structlog.stdlib.get_logger(__name__)

Fetcher = Callable[[], grpc.ServerCertificateConfiguration]
"""As gRPC's types see it; they do not know that None stands for no change."""

_NO_CERTIFICATE: Final = "it holds no PEM certificate"


@dataclass(frozen=True, slots=True)
class _Files:
    certificate: Path
    key: Path
    client_ca: Path | None


@dataclass(frozen=True, slots=True)
class _Material:
    """What the files held at one moment, not yet looked at."""

    chain: bytes
    key: bytes
    client_ca: bytes | None

    @classmethod
    def read(cls, files: _Files) -> Self:
        """Raises TlsFileError."""
        client_ca = None if files.client_ca is None else _read(files.client_ca)
        return cls(_read(files.certificate), _read(files.key), client_ca)

    def checked(self, files: _Files) -> x509.Certificate:
        """The server's own certificate. Raises TlsFileError unless all of it fits together."""
        own = _certificates(self.chain, files.certificate)[0]
        try:
            key = load_pem_private_key(self.key, None)
        except TypeError:
            raise TlsFileError(files.key, "it is protected by a passphrase") from None
        except (ValueError, UnsupportedAlgorithm):
            raise TlsFileError(files.key, "it holds no PEM private key") from None
        if key.public_key() != own.public_key():
            raise TlsFileError(files.key, f"it is not the key of {files.certificate}")
        if files.client_ca is not None:
            _certificates(self.client_ca or b"", files.client_ca)
        return own

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """The same for gRPC."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.chain)], self.client_ca)


class Certificates:
    """The files of one server, and what of them serves now. Safe for any thread."""

    def __init__(self, files: _Files) -> None:
        """Raises TlsFileError when there is nothing to begin with."""
        self._files = files
        self._lock = threading.Lock()
        self._serving = _Material.read(files)
        self._told = ""
        self._first = self._serving.checked(files)
        self.expires = self._first.not_valid_after_utc
        """When the certificate that is served runs out."""

    def credentials(self) -> grpc.ServerCredentials:
        """For `add_secure_port`; those of one port, which is told once of every exchange."""
        if problem := _untimely(self._first):
            # Callers may not mind, and nothing better is at hand.
            reason = f"{self._files.certificate}: {problem}"
            _log.warning("tls_certificate_invalid", reason=reason)
        _log.info("tls_certificate", **_described(self._first))
        return grpc.dynamic_ssl_server_credentials(
            self._serving.configuration(),
            cast("Fetcher", self.exchanged),
            require_client_authentication=self._files.client_ca is not None,
        )

    def exchanged(self) -> grpc.ServerCertificateConfiguration | None:
        """What to serve from now on, or None for no change. Never raises."""
        with self._lock:
            try:
                return self._exchange()
            except TlsFileError as error:
                self._keep(str(error))
            except Exception as error:  # noqa: BLE001 - gRPC's thread has nobody to tell
                self._keep(repr(error))
            return None

    def _exchange(self) -> grpc.ServerCertificateConfiguration | None:
        found = _Material.read(self._files)
        if found == self._serving:
            self._told = ""
            return None
        own = found.checked(self._files)
        if problem := _untimely(own):
            raise TlsFileError(self._files.certificate, problem)
        self._serving, self._told = found, ""
        self.expires = own.not_valid_after_utc
        _log.info("tls_certificate", **_described(own))
        return found.configuration()

    def _keep(self, reason: str) -> None:
        """Go on with what there is; every handshake finds it so, and one line is enough."""
        if reason != self._told:
            self._told = reason
            _log.warning("tls_certificate_kept", reason=reason)


def tls_certificates(settings: Settings) -> Certificates | None:
    """Those of the settings; None without TLS. Raises TlsFileError."""
    if settings.tls_certificate_file is None or settings.tls_key_file is None:
        return None
    files = _Files(
        settings.tls_certificate_file, settings.tls_key_file, settings.tls_client_ca_file
    )
    return Certificates(files)


def name_in(certificate_file: Path) -> str | None:
    """A name that a caller can expect in the certificate. Raises TlsFileError."""
    own = _certificates(_read(certificate_file), certificate_file)[0]
    try:
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    hosts = [
        *names.get_values_for_type(x509.DNSName),
        *(str(ip) for ip in names.get_values_for_type(x509.IPAddress)),
    ]
    # Whatever stands there matches a wildcard.
    return hosts[0].replace("*", "any") if hosts else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsFileError(path, error.strerror or str(error)) from None


def _certificates(pem: bytes, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise TlsFileError(path, _NO_CERTIFICATE) from None


def _untimely(certificate: x509.Certificate) -> str:
    """Why nobody should trust it now; empty if they may."""
    now = datetime.now(UTC)
    if now > certificate.not_valid_after_utc:
        return f"it expired at {certificate.not_valid_after_utc.isoformat()}"
    if now < certificate.not_valid_before_utc:
        return f"it is valid from {certificate.not_valid_before_utc.isoformat()} on"
    return ""


def _described(certificate: x509.Certificate) -> dict[str, str]:
    return {
        "serial": f"{certificate.serial_number:x}",
        "expire_time": certificate.not_valid_after_utc.isoformat(),
    }
