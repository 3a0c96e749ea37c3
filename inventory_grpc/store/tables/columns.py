"""Names, types and columns that the tables share."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    MetaData,
    Numeric,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

# The names PostgreSQL itself would give, so that no constraint depends on who created it.
NAMES = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}

metadata = MetaData(naming_convention=NAMES)

ID = Uuid(as_uuid=False)
KEY = Text(collation="C")
MONEY = Numeric(16, 4)
TIME = DateTime(timezone=True)


def required(name: str, type_: Text | Uuid[str] | DateTime | BigInteger) -> Column[object]:
    """NOT NULL, without a default."""
    return Column(name, type_, nullable=False)


def labels() -> Column[object]:
    """A map of texts, empty by default."""
    return Column("labels", JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def counter(name: str) -> Column[int]:
    """Units, from 0."""
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def in_range(name: str) -> CheckConstraint:
    """Not negative, at most 10^15."""
    return CheckConstraint(f"{name} >= 0 AND {name} <= 1000000000000000", name=name)
