"""Everything that can be set, read once into one frozen object.

A field `lock_timeout_ms` is the variable `INVENTORY_LOCK_TIMEOUT_MS` and the
flag `--lock-timeout-ms`; a flag wins over the variable, which wins over the
default. An empty variable counts as unset. Units stand last in the name.
"""

import os
import re
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from inventory_grpc.settings_access import AccessSettings
from inventory_grpc.settings_connections import ConnectionSettings

ENV_PREFIX: Final = "INVENTORY_"

_POSTGRES_URL = re.compile(r"postgres(?:ql)?(?:\+psycopg2)?://", re.IGNORECASE)
_TCP_ADDRESS = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:\[\]/]+):(?P<port>\d{1,5})")
_PORT_MAX = 65_535

_MIB = 1024 * 1024
_DAY_SECONDS = 86_400
_UNITS_MAX = 10**15
"""What a counter may hold."""


def _is_tcp(address: str) -> bool:
    tcp = _TCP_ADDRESS.fullmatch(address)
    return tcp is not None and int(tcp["port"]) <= _PORT_MAX


def default_data_dir() -> Path:
    """Where the embedded database lives: the XDG data directory of the user."""
    data_home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data_home) / "inventory_grpc"


class Settings(AccessSettings, ConnectionSettings):
    """The settings of one server process; raises `ValidationError` when out of bounds."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    # The URLs carry passwords: never part of a repr that may be logged.
    database_url: str | None = Field(
        None,
        repr=False,
        description="PostgreSQL URL of the service role, with rights on rows only. "
        "Without it the server starts an embedded PostgreSQL.",
    )
    migration_database_url: str | None = Field(
        None,
        repr=False,
        description="PostgreSQL URL of the role that owns the schema. Without it migrations run "
        "as the service role, and the ledger is not protected from it.",
    )
    read_database_url: str | None = Field(
        None,
        repr=False,
        description="PostgreSQL URL of a streaming replica for plain reads, while it is well. "
        "Without it they go to the database, as decisions and checks always do.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Directory of the embedded database; made when missing.",
    )
    listen: str = Field(
        "127.0.0.1:50051",
        description="Address to serve on: HOST:PORT, [IPv6]:PORT or unix:PATH; "
        "port 0 takes a free one.",
    )
    workers: int = Field(
        1, ge=1, le=64, description="Server processes that share the listening port."
    )
    worker_cpu_affinity: Literal["off", "auto"] = Field(
        "off",
        description="Keep each server process on one CPU: auto takes those that may be used in "
        "turn. Not for several servers that share CPUs. Linux only.",
    )
    migrate: bool = Field(default=True, description="Bring the schema up to date before serving.")
    pooler: Literal["none", "transaction"] = Field(
        "none",
        description="What stands between the server and PostgreSQL: nothing, or a connection "
        "pooler in transaction mode (no prepared statements, nothing SET per session).",
    )
    committers: int = Field(
        1, ge=1, le=16, description="Connections of one process that commit batches side by side."
    )
    batch_lines_max: int = Field(
        1_000, ge=1, le=10_000, description="Lines that one write transaction may touch."
    )
    queue_commands_max: int = Field(
        10_000, ge=1, le=1_000_000, description="Commands of one process waiting for their batch."
    )
    in_flight_max: int = Field(
        4_096, ge=1, le=1_000_000, description="RPCs in flight per process; health checks exempt."
    )
    lock_timeout_ms: int = Field(
        500, ge=1, le=60_000, description="How long a batch waits for one row lock."
    )
    statement_timeout_ms: int = Field(
        5_000, ge=10, le=600_000, description="How long one statement of a batch may run."
    )
    bulk_statement_timeout_ms: int = Field(
        60_000,
        ge=10,
        le=3_600_000,
        description="How long a statement may run that locks all stock levels of a location; "
        "deleting one runs beside the batches.",
    )
    lock_wait_ms_max: int = Field(
        5_000,
        ge=0,
        le=600_000,
        description="How long a command waits in the side queue for a blocked row.",
    )
    hold_lines_max: int = Field(100, ge=1, le=100, description="Lines that one hold may have.")
    hold_units_max: int = Field(
        1_000_000, ge=1, le=_UNITS_MAX, description="Units that one hold may set aside."
    )
    hold_lifetime_seconds_max: int = Field(
        60 * _DAY_SECONDS,
        ge=1,
        le=3_650 * _DAY_SECONDS,
        description="How long a hold may last from its creation, however often it is extended.",
    )
    hold_units_per_caller_max: int = Field(
        10_000_000,
        ge=1,
        le=_UNITS_MAX,
        description="Units that the active holds of one caller may set aside together.",
    )
    hold_sweep_seconds: float = Field(
        1.0,
        ge=0,
        le=3_600,
        allow_inf_nan=False,
        description="Pause between two passes over the holds that have expired; 0 leaves them to "
        "other servers, of which one at least has to look, or new holds get slower.",
    )
    read_pool_size: int = Field(
        8, ge=1, le=256, description="Database connections (and threads) for reads per process."
    )
    message_bytes_max: int = Field(
        4 * _MIB, ge=1_024, le=64 * _MIB, description="Largest message received or sent."
    )
    metadata_bytes_max: int = Field(
        16 * 1_024, ge=1_024, le=_MIB, description="Largest metadata of one call."
    )
    streams_max: int = Field(
        100, ge=1, le=10_000, description="Concurrent streams of one client connection."
    )
    watch_streams_max: int = Field(
        2_000, ge=0, le=1_000_000, description="Streams of changes per process."
    )
    watch_queue_max: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="Changes that a stream may fall behind before it is cut off.",
    )
    watch_seconds_max: float = Field(
        600.0,
        ge=0.1,
        le=86_400,
        allow_inf_nan=False,
        description="How long a stream of changes lasts, give or take a fifth; its client resumes.",
    )
    watch_checkpoint_seconds: float = Field(
        10.0,
        ge=0.01,
        le=3_600,
        allow_inf_nan=False,
        description="After how long without a message a stream of changes gets a fresh token.",
    )
    drain_seconds: int = Field(
        30, ge=0, le=3_600, description="How long a stopping server finishes what is in flight."
    )
    drain_notice_ms: int = Field(
        0,
        ge=0,
        le=60_000,
        description="How long a stopping server still takes calls while its health says "
        "NOT_SERVING, so that balancers that poll it can notice.",
    )
    answers_kept_hours: int = Field(
        24, ge=1, le=8_760, description="How long the answer to a request_id can be replayed."
    )
    changes_kept_days: int = Field(
        7,
        ge=1,
        le=3_650,
        description="How long a stream of changes can be resumed; a token of before is refused.",
    )
    reflection: bool = Field(default=True, description="Serve gRPC reflection, v1 and v1alpha.")
    demo: bool = Field(default=False, description="Add a small sample catalogue.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line written."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="Shape of log lines; auto: console on a terminal, JSON otherwise."
    )
    access_log: Literal["all", "errors", "off"] = Field(
        "all", description="Calls with a log line each: all, those that were not OK, or none."
    )

    metrics_listen: str | None = Field(
        None,
        description="HOST:PORT to serve metrics for Prometheus on, as plain HTTP; of several "
        "workers the first takes it, each other one the next port. Without it there are none.",
    )

    traces: Literal["off", "otlp"] = Field(
        "off",
        description="Send traces by OTLP; OpenTelemetry's OTEL_ variables say where to and how "
        "many. Needs the extra otel.",
    )
    channelz_listen: str | None = Field(
        None,
        description="Address to serve gRPC's channelz on, which only this machine may reach; "
        "several workers share it out as they do --metrics-listen. Without it there is none.",
    )

    @field_validator("database_url", "migration_database_url", "read_database_url")
    @classmethod
    def _name_the_driver(cls, url: str | None) -> str | None:
        # A bare postgresql:// means another driver in SQLAlchemy 2.1, one that is not installed.
        if url is None:
            return None
        scheme = _POSTGRES_URL.match(url)
        if scheme is None:
            raise ValueError("must be a URL that starts with postgresql://")
        return "postgresql+psycopg2://" + url[scheme.end() :]

    @model_validator(mode="after")
    def _other_urls_are_of_the_same_database(self) -> Self:
        if self.database_url is None:
            for name in ("migration_database_url", "read_database_url"):
                if getattr(self, name) is not None:
                    flag = name.replace("_", "-")
                    raise ValueError(f"--{flag} needs --database-url beside it")
        return self

    @field_validator("listen", "channelz_listen")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        if address is None or (address.startswith("unix:") and len(address) > len("unix:")):
            return address
        if not _is_tcp(address):
            raise ValueError("must be HOST:PORT, [IPv6]:PORT or unix:PATH")
        return address

    @field_validator("metrics_listen")
    @classmethod
    def _is_a_tcp_address(cls, address: str | None) -> str | None:
        if address is not None and not _is_tcp(address):
            raise ValueError("must be HOST:PORT or [IPv6]:PORT")
        return address

    @field_validator("data_dir")
    @classmethod
    def _is_absolute(cls, path: Path) -> Path:
        # A daemon may change its directory; the data must not move with it.
        return path.expanduser().absolute()
