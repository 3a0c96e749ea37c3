"""A large catalogue is checked in ranges; none is left out and none is too large."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

import pytest

from inventory_grpc.domain.errors import ProductNotFound
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.queries.consistency import (
    FIRST_ID,
    LAST_ID,
    PRODUCTS_MAX,
    ROWS_MAX,
    Range,
    after,
    look_at,
    range_from,
)
from tests.concurrency.harness import query, run
from tests.conftest import Database
from tests.consistency.history import check, named

PRODUCTS: Final = 2 * PRODUCTS_MAX + 7
LARGE: Final = 3
"""Products with a ledger of half a range each."""

_FILL: Final = f"""
    CREATE TEMP TABLE made AS
    SELECT md5(i::text)::uuid AS product_id, i AS number,
           CASE WHEN i <= {LARGE} THEN {ROWS_MAX // 2} ELSE 2 END AS versions
      FROM generate_series(1, {PRODUCTS}) i;
    INSERT INTO products (product_id, sku, name, description, version, create_time, update_time,
                          commit_id)
    SELECT product_id, 'P' || number, 'n', '', 1, now(), now(), product_id FROM made;
    INSERT INTO stock_levels (product_id, location_id, on_hand, version)
    SELECT product_id, 'default', versions, versions FROM made;
    INSERT INTO stock_movements
    SELECT product_id, 'default', v, product_id, 1, 1, 0, 0, v, 0, 0, 0, 0, NULL, NULL, NULL,
           product_id, 'a', 1, '', now(), product_id
      FROM made, generate_series(1, versions) v;
"""  # noqa: S608 - numbers of this file


@pytest.fixture
def reading(database: Database) -> Iterator[ReadDatabase]:
    with closing(ReadDatabase(database.url, pool_size=1, statement_timeout_ms=60_000)) as each:
        yield each


def _ranges(reading: ReadDatabase) -> list[Range]:
    ranges = [Range("", "")]
    with reading.begin(None) as conn:
        while ranges[-1].last != LAST_ID:
            first = after(ranges[-1].last) if ranges[-1].last else FIRST_ID
            ranges.append(range_from(conn, first))
    return ranges[1:]


def test_an_empty_database_is_one_range(reading: ReadDatabase, database: Database) -> None:
    assert _ranges(reading) == [Range(FIRST_ID, LAST_ID)]
    found, summary = check(database)
    assert (found, summary.products, summary.levels, summary.movements) == ([], 0, 0, 0)


def test_ranges_join_without_a_gap_and_are_bounded_in_products_and_rows(
    reading: ReadDatabase, database: Database
) -> None:
    run(database, _FILL)
    ranges = _ranges(reading)
    assert ranges[0].first == FIRST_ID
    assert [each.first for each in ranges[1:]] == [after(each.last) for each in ranges[:-1]]
    with reading.begin(None) as conn:
        looked = [look_at(conn, each) for each in ranges]
    assert max(each.products for each in looked) <= PRODUCTS_MAX
    assert max(each.movements for each in looked) <= ROWS_MAX
    _, summary = check(database)
    [(movements,)] = query(database, "SELECT count(*) FROM stock_movements")
    assert (summary.products, summary.levels) == (PRODUCTS, PRODUCTS)
    assert summary.movements == movements == sum(each.movements for each in looked)


def test_damage_is_found_at_both_ends_of_every_range(
    reading: ReadDatabase, database: Database
) -> None:
    run(database, _FILL)
    ends = {
        product_id
        for each in _ranges(reading)
        for [product_id] in query(
            database,
            "(SELECT product_id::text FROM products WHERE product_id BETWEEN %s AND %s"
            " ORDER BY product_id LIMIT 1) UNION (SELECT product_id::text FROM products"
            " WHERE product_id BETWEEN %s AND %s ORDER BY product_id DESC LIMIT 1)",
            *each,
            *each,
        )
    }
    listed = ",".join(f"'{each}'" for each in ends)
    run(database, f"UPDATE stock_levels SET on_hand = on_hand + 1 WHERE product_id IN ({listed})")  # noqa: S608
    found, summary = check(database)
    assert {each.product_id for each in found} == ends
    assert {each.invariant for each in found} == {"ON_HAND"}
    assert summary.violations == len(ends)


def test_one_product_whose_ledger_is_larger_than_a_range_is_a_range_of_its_own(
    reading: ReadDatabase, database: Database
) -> None:
    run(database, _FILL.replace(f"THEN {ROWS_MAX // 2}", f"THEN {ROWS_MAX + 1}"))
    ranges = _ranges(reading)
    with reading.begin(None) as conn:
        looked = [look_at(conn, each) for each in ranges]
    assert sorted(each.products for each in looked if each.movements > ROWS_MAX) == [1] * LARGE
    assert check(database)[0] == []


def test_products_asked_for_are_checked_alone_and_once(database: Database) -> None:
    run(database, _FILL)
    run(database, "UPDATE stock_levels SET version = 1 WHERE version = 2")
    [(product,)] = query(database, "SELECT product_id::text FROM products WHERE sku = 'P9'")
    keys = [ProductKey(sku="P9"), ProductKey(sku="P8"), ProductKey(product), ProductKey(sku="P9")]
    found, summary = check(database, *keys)
    assert named(found) == [("VERSIONS", 2)] * 2
    assert (summary.products, summary.levels, summary.movements) == (2, 2, 4)


def test_every_unknown_product_is_named_and_a_deleted_one_is_known_by_its_id(
    database: Database,
) -> None:
    run(database, _FILL)
    run(database, "UPDATE products SET delete_time = now() WHERE sku = 'P9'")
    [(product,)] = query(database, "SELECT product_id::text FROM products WHERE sku = 'P9'")
    assert check(database, ProductKey(product))[1].products == 1
    with pytest.raises(ProductNotFound) as refused:
        check(database, ProductKey(sku="P9"), ProductKey(sku="P8"), ProductKey(LAST_ID))
    assert refused.value.missing == ["sku:P9", f"product_id:{LAST_ID}"]
