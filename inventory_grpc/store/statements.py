"""Statements of the write path: written once, prepared on a direct connection, inlined elsewhere.

Rows travel as one array per column, each array as one text literal: PostgreSQL parses that cheaper
than a Python list of adapted values can be built. A column in which all rows have the same value
travels as that value.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

_PARAMETER: Final = re.compile(r"(?<!:):([a-z_]+)")

Value = str | int | None

_V = TypeVar("_V", bound=Value)


@dataclass(frozen=True, slots=True)
class Alike:
    """A column whose rows are often alike: an array of its values, or else the one they share."""

    values: str
    shared: Value


Column = str | Alike
"""As an ``insert_rows`` takes it: an array, or what is often alike."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with ``:name`` parameters and their types, in the order they are handed over."""

    name: str
    sql: str
    types: Mapping[str, str]

    @property
    def prepare(self) -> str:
        """PREPARE, for a connection that is ours alone."""
        number = {name: f"${index}" for index, name in enumerate(self.types, start=1)}
        sql = _PARAMETER.sub(lambda match: number[match[1]], self.sql)
        types = f" ({', '.join(self.types.values())})" if self.types else ""
        return f"PREPARE {self.name}{types} AS {sql}"

    @property
    def execute(self) -> str:
        """EXECUTE, with %s for each parameter in order."""
        if not self.types:
            return f"EXECUTE {self.name}"
        return f"EXECUTE {self.name} ({', '.join(['%s'] * len(self.types))})"

    def inline(self, arguments: Sequence[Value]) -> tuple[str, list[Value]]:
        """The statement itself, for a connection behind a transaction pooler."""
        by_name = dict(zip(self.types, arguments, strict=True))
        order: list[Value] = []

        def place(match: re.Match[str]) -> str:
            order.append(by_name[match[1]])
            return f"%s::{self.types[match[1]]}"

        sql = _PARAMETER.sub(place, self.sql.replace("%", "%%"))
        return sql, order


def array(values: Iterable[str | int | None]) -> str:
    """An array literal of values that need no quoting: ids, numbers, currencies; None is NULL."""
    items = list(values)
    try:
        # Ids alone, which most columns are, take a tenth of what the other way does.
        return f"{{{','.join(items)}}}"  # type: ignore[arg-type]
    except TypeError:
        # No id, number or currency holds the letters of None; a test per value costs more.
        return f"{{{','.join(map(str, items))}}}".replace("None", "NULL")


def text_array(values: Iterable[str]) -> str:
    """An array literal of any text (never NUL, which no valid request holds)."""
    texts = list(values)
    if not texts:
        return "{}"
    plain = '","'.join(texts)
    if "\\" in plain or plain.count('"') != 2 * (len(texts) - 1):
        plain = '","'.join(text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return f'{{"{plain}"}}'


def alike(values: Sequence[_V], encode: Callable[[Sequence[_V]], str] = array) -> Alike:
    """Of rows, of which there has to be one. To compare a value takes a hundredth of the time that
    it takes to write and read it."""
    first = values[0]
    if values[-1] == first and values.count(first) == len(values):
        return Alike("{}", first)
    return Alike(encode(values), None)


def parameters(columns: Sequence[Column]) -> tuple[Value, ...]:
    """The columns of an ``insert_rows``, in their order."""
    return (
        *(each.values if isinstance(each, Alike) else each for each in columns),
        *(each.shared for each in columns if isinstance(each, Alike)),
    )


def bytes_array(values: Iterable[bytes]) -> str:
    """An array literal of byte strings."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"


def column_types(table: Table, columns: Iterable[str]) -> dict[str, str]:
    """The SQL types of the named columns."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return {
        name: table.c[name].type.compile(dialect=dialect).split(" COLLATE")[0] for name in columns
    }


def insert_rows(
    name: str,
    table: Table,
    columns: Sequence[str],
    same: Sequence[str] = (),
    order_by: str = "",
    often_alike: Collection[str] = (),
) -> Statement:
    """INSERT of many rows: an array per column, but one value for the columns in ``same``.

    Those ``often_alike``, which cannot be all of them, take an ``Alike``.
    """
    types = column_types(table, [*columns, *same])
    # A one-letter prefix keeps parameters apart from columns of the same name.
    arrays = ", ".join(f":v_{column}" for column in columns)
    # An array that is shorter than the others goes on with NULL.
    chosen = [
        f"coalesce(v.{column}, :s_{column})" if column in often_alike else f"v.{column}"
        for column in columns
    ]
    chosen += [f":v_{column}" for column in same]
    sql = (
        f"INSERT INTO {table.name} ({', '.join([*columns, *same])}) "  # noqa: S608
        f"SELECT {', '.join(chosen)} FROM unnest({arrays}) AS v ({', '.join(columns)})"
    )
    if order_by:
        sql += f" ORDER BY {order_by}"
    of_columns = {f"v_{column}": f"{types[column]}[]" for column in columns}
    of_columns |= {f"s_{column}": types[column] for column in columns if column in often_alike}
    return Statement(name, sql, of_columns | {f"v_{column}": types[column] for column in same})


def update_rows(
    name: str,
    table: Table,
    keys: Sequence[str],
    columns: Sequence[str],
    same: Sequence[str] = (),
    guard: str = "",
    also: str = "",
) -> Statement:
    """UPDATE of many rows by key; with ``guard``, only rows whose guard column is as it was read;
    with ``also``, only where this holds between the row ``t`` and its new values ``v``.

    PostgreSQL stops with division_by_zero (22012) unless every row was found: the statement
    travels with COMMIT in one string, so it has to fail by itself.
    """
    guards = [guard] if guard else []
    types = column_types(table, [*keys, *columns, *same, *guards])
    read = [f"{guard}_read"] if guard else []
    arrays = ", ".join(f":v_{column}" for column in [*keys, *columns, *read])
    assign = [f"{column} = v.{column}" for column in columns]
    assign += [f"{column} = :v_{column}" for column in same]
    match = [f"t.{key} = v.{key}" for key in keys]
    match += [f"t.{column} = v.{column}_read" for column in guards]
    match += [also] if also else []
    sql = (
        f"WITH done AS (UPDATE {table.name} AS t SET {', '.join(assign)} "  # noqa: S608
        f"FROM unnest({arrays}) AS v ({', '.join([*keys, *columns, *read])}) "
        f"WHERE {' AND '.join(match)} RETURNING 1) "
        "SELECT 1 / (count(*) = :rows_expected)::int FROM done"
    )
    parameters = {f"v_{column}": f"{types[column]}[]" for column in [*keys, *columns]}
    parameters |= {f"v_{column}_read": f"{types[column]}[]" for column in guards}
    parameters |= {f"v_{column}": types[column] for column in same}
    return Statement(name, sql, {**parameters, "rows_expected": "bigint"})
