"""A connection keeps its plans: what was planned before the first hold must not scan all holds.

PostgreSQL plans again once somebody analyzes, which may be some minutes after a rush of holds.
"""

# ruff: noqa: S608 - the statements are built from constants of this file

from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.prepared import Prepared
from inventory_grpc.store.queries import holds, products, stock
from tests.reads.plans import Plan, buffers, explained_prepared, id_at, nodes, python_id_at
from tests.reads.shop import COMMIT, Shop

ROWS = 5_000
SERIES = f"generate_series(1, {ROWS}) n"
PRODUCT_AT, HOLD_AT = id_at("n", 1), id_at("n", 2)
PRODUCT, HOLD = python_id_at(1, 1), python_id_at(1, 2)
READS: dict[Prepared, dict[str, str]] = {
    stock._LEVELS: {
        "ids": f"{{{PRODUCT}}}", "id_places": "{default}", "skus": "{}", "sku_places": "{}",
    },
    stock._AVAILABILITY: {"ids": f"{{{PRODUCT}}}", "skus": "{}", "location_ids": "{}"},
    products._SEVERAL: {"ids": f"{{{PRODUCT}}}", "skus": "{}"},
    holds._BY_ID: {"hold_ids": f"{{{HOLD}}}"},
}  # fmt: skip


def test_the_first_holds_are_found_by_index_even_if_reads_were_planned_before(
    shop: Shop, read_database: ReadDatabase
) -> None:
    stock_up(shop)
    for table in ("holds", "hold_lines"):
        shop.run(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        # Only of a table that nobody has analyzed does the planner expect more than it sees.
        shop.run(f"ANALYZE {table}")
    with read_database.begin(None) as conn:

        def plans() -> list[Plan]:
            return [explained_prepared(conn, read, **keys) for read, keys in READS.items()]

        plans()
        hold_all(shop)
        for plan in plans():
            assert plan["Actual Rows"] == 1
            assert "hold_lines" not in {
                node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"
            }
            assert buffers(plan) <= 30


def stock_up(shop: Shop) -> None:
    shop.run(
        f"INSERT INTO products SELECT {PRODUCT_AT}, 'SKU-' || n, '', '', n, 'EUR', '{{}}', 1,"
        f" now(), now(), NULL, '{COMMIT}' FROM {SERIES}"
    )
    shop.run(
        "INSERT INTO stock_levels (product_id, location_id, on_hand, held, version)"
        f" SELECT {PRODUCT_AT}, 'default', 9, 5, 1 FROM {SERIES}"
    )


def hold_all(shop: Shop) -> None:
    shop.run(
        f"INSERT INTO holds SELECT {HOLD_AT}, 1, 'anonymous', '', now() + interval '1 h', 5, 1,"
        f" now(), now(), '{COMMIT}' FROM {SERIES}"
    )
    shop.run(
        f"INSERT INTO hold_lines SELECT {HOLD_AT}, 1, 0, {PRODUCT_AT}, 'default', 5, 5, 0, 0, 0,"
        f" now() + interval '1 h' FROM {SERIES}"
    )
