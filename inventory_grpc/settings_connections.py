"""The settings of connections: a part of ``settings``, which see."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

_DAY_SECONDS = 86_400


class ConnectionSettings(BaseSettings):
    """How they are secured, how many there may be, and for how long."""

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

    connections_max: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="Client connections per process; more are closed as soon as they come.",
    )
    connection_age_seconds_max: float = Field(
        1_800.0,
        ge=0,
        le=_DAY_SECONDS,
        allow_inf_nan=False,
        description="After how long, give or take a tenth, a client is asked to connect again, so "
        "that balancers can send it elsewhere; 0 never.",
    )
    connection_grace_seconds: float = Field(
        900.0,
        ge=0,
        le=_DAY_SECONDS,
        allow_inf_nan=False,
        description="How long its calls may still go on before the old connection is cut.",
    )
    connection_idle_seconds_max: float = Field(
        600.0,
        ge=0,
        le=_DAY_SECONDS,
        allow_inf_nan=False,
        description="How long a connection without a call is kept; 0 for ever.",
    )
    handshake_seconds_max: float = Field(
        10.0,
        ge=0.1,
        le=120,
        allow_inf_nan=False,
        description="How long a client may take until TLS and HTTP/2 are agreed on.",
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
