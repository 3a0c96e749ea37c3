"""Certificate authorities of a test's own, and what they sign."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)
_LOOPBACK = (x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1")))


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, both as PEM."""

    certificate: bytes
    key: bytes

    def written(self, directory: Path, name: str = "server") -> tuple[Path, Path]:
        """The paths of both in files, which are written over when they are there."""
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        certificate.write_bytes(self.certificate)
        key.write_bytes(self.key)
        return certificate, key

    @property
    def serial(self) -> int:
        return x509.load_pem_x509_certificate(self.certificate).serial_number


class Authority:
    """Signs certificates."""

    def __init__(self, name: str = "authority") -> None:
        self._name = _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def pem(self) -> bytes:
        """Its own certificate."""
        builder = self._builder(self._name, self._key.public_key(), _DAY)
        ca = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return ca.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def server(self, *, lasts: timedelta = _DAY) -> Pair:
        """For a server on the loopback; one that `lasts` a negative time has expired."""
        return self._issue(x509.SubjectAlternativeName(_LOOPBACK), lasts)

    def client(
        self,
        *uris: str,
        dns: Iterable[str] = (),
        common_name: str = "anybody",
        lasts: timedelta = _DAY,
    ) -> Pair:
        """For a caller with these URIs; the other names say nothing."""
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
        names += [x509.DNSName(name) for name in dns]
        san = x509.SubjectAlternativeName(names) if names else None
        return self._issue(san, lasts, common_name)

    def trusted(self, client: Pair | None = None) -> grpc.ChannelCredentials:
        """Of a caller that trusts servers of this authority, and shows a certificate if it has."""
        if client is None:
            return grpc.ssl_channel_credentials(self.pem)
        return grpc.ssl_channel_credentials(self.pem, client.key, client.certificate)

    def _issue(
        self,
        names: x509.SubjectAlternativeName | None,
        lasts: timedelta,
        common_name: str = "anybody",
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_named(common_name), key.public_key(), lasts)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return Pair(
            builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, lasts: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * _DAY)
            .not_valid_after(now + lasts)
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
