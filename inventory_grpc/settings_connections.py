"""The settings of connections: a part of ``settings``, which see."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings


class ConnectionSettings(BaseSettings):
    """How they are secured."""

    tls_certificate_file: Path | None = Field(
        None,
        description="PEM certificate of the server and those between it and its authority; read "
        "again when it changes. Without it there is no TLS.",
    )
    tls_key_file: Path | None = Field(None, description="PEM private key of that certificate.")
    tls_client_ca_file: Path | None = Field(
        None,
        description="PEM certificates of authorities; every client then has to show a "
        "certificate that one of them signed.",
    )
    insecure: bool = Field(
        default=False,
        description="Listen beyond this machine also without TLS, or without knowing callers.",
    )

    @field_validator("tls_certificate_file", "tls_key_file", "tls_client_ca_file")
    @classmethod
    def _tls_file_is_absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().absolute()

    @model_validator(mode="after")
    def _tls_is_complete(self) -> Self:
        needed = {
            "tls_certificate_file": "tls_key_file",
            "tls_key_file": "tls_certificate_file",
            "tls_client_ca_file": "tls_certificate_file",
        }
        for name, other in needed.items():
            if getattr(self, name) is not None and getattr(self, other) is None:
                flag, missing = name.replace("_", "-"), other.replace("_", "-")
                raise ValueError(f"--{flag} needs --{missing} beside it")
        return self
