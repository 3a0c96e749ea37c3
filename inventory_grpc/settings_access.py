"""The settings of who may call, and how much: a part of ``settings``, which see."""

import ipaddress
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

JWT_ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""Those whose keys can be published. A shared secret (HS…) would let every verifier sign."""

_DAY_SECONDS = 86_400
_CALLS_MAX = 1_000_000


class AccessSettings(BaseSettings):
    """Credentials: what is accepted, and where it is looked up. What one caller may do."""

    access_file: Path | None = Field(
        None,
        description="TOML file of the callers, their roles and credentials; read again when it "
        "changes. Without it everybody may do everything.",
    )
    jwt_jwks: str | None = Field(
        None,
        description="JWKS that bearer tokens are verified with: a file or an https URL (http on "
        "the loopback only), read again in the background. Without it tokens are refused.",
    )
    jwt_issuer: str | None = Field(None, description="The `iss` that a token must have.")
    jwt_audience: str | None = Field(None, description="The `aud` that a token must have.")
    jwt_algorithms: str = Field(
        ",".join(JWT_ALGORITHMS), description="Signatures accepted on tokens, comma separated."
    )
    jwt_jwks_refresh_seconds: float = Field(
        300.0,
        ge=1,
        le=_DAY_SECONDS,
        allow_inf_nan=False,
        description="How often a JWKS is fetched from a URL; a token with an unknown key has it "
        "fetched at once, every 10 seconds at most.",
    )

    # Each is per process, 0 = no limit, and the access file may say otherwise of a caller.
    caller_reads_per_second: int = Field(
        0,
        ge=0,
        le=_CALLS_MAX,
        description="What a caller may look up by its key, per process; a batch counts its keys; "
        "0 = no limit.",
    )
    caller_writes_per_second: int = Field(
        0,
        ge=0,
        le=_CALLS_MAX,
        description="Mutations of a caller, per process; a batch counts its rows; 0 = no limit.",
    )
    caller_scans_per_second: int = Field(
        0,
        ge=0,
        le=_CALLS_MAX,
        description="Pages of lists, proofs and streams of changes that a caller may begin, per "
        "process; 0 = no limit.",
    )
    caller_in_flight_max: int | None = Field(
        None,
        ge=0,
        le=_CALLS_MAX,
        description="RPCs in flight of a caller, per process; 0 = no limit. Unset: three quarters "
        "of --in-flight-max if there is an access file.",
    )
    caller_watch_streams_max: int | None = Field(
        None,
        ge=0,
        le=_CALLS_MAX,
        description="Streams of changes of a caller, per process; 0 = no limit. Unset: three "
        "quarters of --watch-streams-max if there is an access file.",
    )

    @property
    def jwt_signatures(self) -> frozenset[str]:
        """The names in `jwt_algorithms`."""
        return frozenset(name.strip() for name in self.jwt_algorithms.split(","))

    @field_validator("access_file")
    @classmethod
    def _file_is_absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().absolute()

    @field_validator("jwt_jwks")
    @classmethod
    def _is_a_file_or_a_safe_url(cls, source: str | None) -> str | None:
        if source is None:
            return source
        if source.startswith(("https://", "http://")):
            _check_url(source)
            return source
        if "://" in source:
            raise ValueError("must be a file or an https URL")
        return str(Path(source).expanduser().absolute())

    @field_validator("jwt_algorithms")
    @classmethod
    def _are_asymmetric(cls, names: str) -> str:
        wrong = sorted({name.strip() for name in names.split(",")} - set(JWT_ALGORITHMS))
        if wrong:
            raise ValueError(f"each must be one of {', '.join(JWT_ALGORITHMS)}")
        return names

    @model_validator(mode="after")
    def _tokens_are_fully_described(self) -> Self:
        described = ("jwt_issuer", "jwt_audience")
        if self.jwt_jwks is not None:
            missing = [name for name in (*described, "access_file") if getattr(self, name) is None]
            if missing:
                raise ValueError(f"--jwt-jwks needs --{missing[0].replace('_', '-')} beside it")
        elif given := [name for name in described if getattr(self, name) is not None]:
            raise ValueError(f"--{given[0].replace('_', '-')} needs --jwt-jwks beside it")
        return self


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("the https URL has no host")
    if parts.username is not None or parts.password is not None:
        # They would not be sent as such, but be part of a host name that complaints quote.
        raise ValueError("an https URL with a user or a password in it is not supported")
    # Whoever sits in between could put keys of their own in place of the issuer's.
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("http is for the loopback only: use https")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
