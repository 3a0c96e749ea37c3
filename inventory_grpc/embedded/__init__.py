"""An embedded PostgreSQL: server programs, one data directory, one supervisor."""

from inventory_grpc.embedded.errors import (
    BinariesNotFoundError,
    DataDirInUseError,
    EmbeddedPostgresError,
    ProgramFailedError,
    StartFailedError,
)
from inventory_grpc.embedded.supervisor import EmbeddedPostgres, Role

__all__ = [
    "BinariesNotFoundError",
    "DataDirInUseError",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "ProgramFailedError",
    "Role",
    "StartFailedError",
]
