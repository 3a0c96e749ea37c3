"""How the commands that call a server reach it: with TLS or without, and as whom."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import grpc

Metadata = tuple[tuple[str, str | bytes], ...]


class DialError(Exception):
    """A file is missing, or a flag lacks another; the text is one line without credentials."""


@dataclass(frozen=True, slots=True)
class Dial:
    """What a call needs beside the address. Files are read when they are used."""

    tls: bool | None = field(
        default=None, metadata={"help": "Use TLS; any other flag about it does so, too."}
    )
    tls_ca: Path | None = field(
        default=None,
        metadata={
            "help": "PEM certificates of authorities to trust. [default: those that gRPC knows]"
        },
    )
    tls_certificate: Path | None = field(
        default=None, metadata={"help": "PEM certificate to show to the server."}
    )
    tls_key: Path | None = field(
        default=None, metadata={"help": "PEM private key of that certificate."}
    )
    tls_server_name: str | None = field(
        default=None,
        metadata={
            "help": "Name that the server's certificate must have. [default: the host dialled]"
        },
    )
    api_key_file: Path | None = field(
        default=None, metadata={"help": "File with an API key to call with."}
    )
    token_file: Path | None = field(
        default=None, metadata={"help": "File with a bearer token to call with."}
    )

    @property
    def secure(self) -> bool:
        """Whether TLS is wanted."""
        files = (self.tls_ca, self.tls_certificate, self.tls_key)
        return bool(self.tls or self.tls_server_name or any(files))

    def or_else(self, other: "Dial") -> "Dial":
        """Itself, and TLS of `other` where it says nothing about TLS."""
        if self.secure or self.tls is False:
            return self
        return replace(other, api_key_file=self.api_key_file, token_file=self.token_file)

    def channel(self, target: str) -> grpc.Channel:
        """To the server at `target`. Raises DialError."""
        if not self.secure:
            return grpc.insecure_channel(target)
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise DialError("--tls-certificate and --tls-key need each other")
        credentials = grpc.ssl_channel_credentials(
            *(_read(file) for file in (self.tls_ca, self.tls_key, self.tls_certificate))
        )
        name = self.tls_server_name
        options = [("grpc.ssl_target_name_override", name)] if name else []
        return grpc.secure_channel(target, credentials, options)

    def metadata(self) -> Metadata:
        """What to call as, to be sent with every call. Raises DialError."""
        if self.api_key_file is not None and self.token_file is not None:
            raise DialError("--api-key-file and --token-file exclude each other")
        if self.token_file is not None:
            return (("authorization", f"Bearer {_credential(self.token_file)}"),)
        if self.api_key_file is not None:
            return (("x-api-key", _credential(self.api_key_file)),)
        return ()


def _credential(file: Path) -> str:
    words = (_read(file) or b"").decode("ascii", errors="replace").split()
    if len(words) != 1 or not words[0].isprintable() or not words[0].isascii():
        raise DialError(f"{file} does not hold one credential")
    return words[0]


def _read(file: Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        return file.read_bytes()
    except OSError as error:
        raise DialError(f"cannot read {file}: {error.strerror}") from None
