"""Products with their stock summed over locations."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Numeric,
    Select,
    Subquery,
    and_,
    bindparam,
    cast,
    collate,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB

from inventory_grpc.domain.model import Money, Product, ProductKey, ProductStock
from inventory_grpc.domain.reads import ProductOrder, ProductQuery
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.prepared import Prepared, Row
from inventory_grpc.store.queries import rows
from inventory_grpc.store.queries.rows import (
    IDS,
    IN_ORDER,
    KEYS,
    ZERO,
    at_live_location,
    available_exceeds,
    held_now,
    is_low,
    money,
)
from inventory_grpc.store.statements import text_array
from inventory_grpc.store.tables import ID, KEY, MONEY, UNPRICED, products, stock_levels

_COLUMNS = (
    products.c.product_id,
    products.c.sku,
    products.c.name,
    products.c.description,
    products.c.price_amount,
    products.c.price_currency,
    products.c.labels,
    products.c.version,
    products.c.create_time,
    products.c.update_time,
    products.c.delete_time,
)
_LIVE = products.c.delete_time.is_(None)
# Exactly the expression of products_price_idx.
_price: ColumnElement[Decimal] = func.coalesce(
    products.c.price_amount, literal(UNPRICED, literal_execute=True)
)
_SORT: dict[ProductOrder, ColumnElement[Any] | None] = {
    ProductOrder.CREATE_TIME: None,
    ProductOrder.SKU: products.c.sku,
    ProductOrder.NAME: products.c.name,
    ProductOrder.PRICE: _price,
}
_level = stock_levels.c


def _with_stock(chosen: Subquery) -> Select[Any]:
    """Columns of the chosen products, then on_hand, allocated, held, safety_stock."""
    sums = (_level.on_hand, _level.allocated, held_now(), _level.safety_stock)
    stock = (
        select(
            *(
                cast(func.coalesce(func.sum(each), ZERO), _level.on_hand.type).label(f"sum_{index}")
                for index, each in enumerate(sums)
            )
        )
        .where(_level.product_id == chosen.c.product_id, at_live_location(_level.location_id))
        .lateral("stock")
    )
    columns = (chosen.c[column.key] for column in _COLUMNS)
    return select(*columns, *stock.c).select_from(chosen.join(stock, true()))


def _chosen(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*_COLUMNS).where(*conditions)


# Two lookups in a row rather than OR, which would read the whole table.
_SEVERAL = Prepared(
    "products_by_key",
    _with_stock(
        _chosen(products.c.product_id == bindparam("ids", type_=IDS).any_())
        .union_all(_chosen(products.c.sku == bindparam("skus", type_=KEYS).any_(), _LIVE))
        .subquery()
    ),
)


def batch_get(conn: Connection, keys: Sequence[ProductKey]) -> list[Product]:
    """Those that exist, in any order, as of one snapshot; twice if named by id and by SKU."""
    ids = [key.product_id for key in keys if key.product_id]
    skus = [key.sku for key in keys if not key.product_id]
    found = _SEVERAL.rows(conn, ids=text_array(ids), skus=text_array(skus))
    return [_product(row) for row in found]


def find_id(conn: Connection, key: ProductKey) -> str | None:
    """The id of a product named for a filter."""
    by_id = products.c.product_id == key.product_id
    statement = select(products.c.product_id).where(
        *([by_id] if key.product_id else [products.c.sku == key.sku, _LIVE])
    )
    return conn.execute(statement).scalar()


def page(
    conn: Connection, query: ProductQuery, after: Position | None, limit: int
) -> list[Product]:
    """At most ``limit`` products behind ``after`` in the order of the query."""
    first = _SORT[query.order_by]
    key = [first, products.c.product_id] if first is not None else [products.c.product_id]
    chosen = select(*_COLUMNS, key[0].label("sort_key")).where(*_conditions(query))
    if after is not None:
        here, there = tuple_(*key), tuple_(*_literals(query, after))
        chosen = chosen.where(here < there if query.descending else here > there)
    page_ = chosen.order_by(*_directed(query, key)).limit(limit).subquery("chosen")
    again = _directed(query, [page_.c.sort_key, page_.c.product_id][: len(key)])
    # Few products share a prefix: finding those and sorting them can be much the cheaper way.
    sorts = query.sku_prefix and query.order_by is not ProductOrder.SKU
    found = conn.execute(_with_stock(page_).order_by(*again), **({} if sorts else IN_ORDER))
    return [_product(tuple(row)) for row in found]


def position_of(query: ProductQuery, product: Product) -> Position:
    """Where ``product`` stands in the order of the query."""
    match query.order_by:
        case ProductOrder.SKU:
            return (product.sku, product.product_id)
        case ProductOrder.NAME:
            return (product.name, product.product_id)
        case ProductOrder.PRICE:
            return (str(product.price.amount if product.price else UNPRICED), product.product_id)
        case _:
            return (product.product_id,)


def count(conn: Connection, query: ProductQuery) -> int:
    """How many products the query finds."""
    return rows.count(conn, products, _conditions(query))


def _directed(query: ProductQuery, key: Iterable[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    return [column.desc() if query.descending else column.asc() for column in key]


def _literals(query: ProductQuery, after: Position) -> list[ColumnElement[Any]]:
    if query.order_by is ProductOrder.CREATE_TIME:
        return [literal(after[0], ID)]
    first, product_id = after
    is_price = query.order_by is ProductOrder.PRICE
    # UNPRICED is one digit too long for the column's type.
    value = literal(Decimal(first), Numeric()) if is_price else literal(first, KEY)
    return [value, literal(product_id, ID)]


def _conditions(query: ProductQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [] if query.show_deleted else [_LIVE]
    conditions += [_mentions(word) for word in query.words]
    if query.sku_prefix:
        # A range instead of LIKE: what an index on bytewise order can find.
        conditions += [
            products.c.sku >= query.sku_prefix,
            products.c.sku < _behind_prefix(query.sku_prefix),
        ]
    conditions += _priced(query.min_price, query.max_price)
    if query.labels:
        labels = literal(dict(query.labels), JSONB)
        conditions.append(products.c.labels.contains(labels))
    if query.in_stock is not None:
        conditions.append(_somewhere(available_exceeds(ZERO), wanted=query.in_stock))
    if query.low_stock is not None:
        low = (is_low(), _level.version > 0, at_live_location(_level.location_id))
        conditions.append(_somewhere(*low, wanted=query.low_stock))
    return conditions


def _mentions(word: str) -> ColumnElement[bool]:
    """``word`` in name, SKU or description, in either case.

    No index serves this: trigrams are an extension that a database may lack. It tests rows in the
    order of the page and stops when that is full, so common words are cheap and a word that no
    product has costs one pass over the products (1 µs each). The columns' own order is bytewise and
    knows the case of ASCII only, hence the database's for this.
    """
    columns = (products.c.name, products.c.sku, products.c.description)
    return or_(*(collate(each, "default").icontains(word, autoescape=True) for each in columns))


def _behind_prefix(prefix: str) -> str:
    # SKUs are ASCII below DEL.
    return prefix + "\x7f"


def _priced(least: Money | None, most: Money | None) -> Iterable[ColumnElement[bool]]:
    if least is not None:
        yield products.c.price_currency == least.currency
        yield _price >= literal(least.amount, MONEY)
    if most is not None:
        yield products.c.price_currency == most.currency
        yield _price <= literal(most.amount, MONEY)


def _somewhere(*conditions: ColumnElement[bool], wanted: bool) -> ColumnElement[bool]:
    """A value per product rather than EXISTS, which the planner takes for a join with all levels
    there are."""
    there = (
        select(func.bool_or(and_(*conditions), type_=Boolean))
        .where(_level.product_id == products.c.product_id)
        .correlate(products)
        .scalar_subquery()
    )
    return there.is_(true()) if wanted else there.is_not(true())


def _product(row: Row) -> Product:
    product_id, sku, name, description, amount, currency, labels, version, *times_and_stock = row
    created, updated, deleted, on_hand, allocated, held, safety_stock = times_and_stock
    return Product(
        product_id,
        sku,
        name,
        description,
        money(amount, currency),
        labels,
        version,
        created,
        updated,
        deleted,
        ProductStock(on_hand, allocated, held, on_hand - allocated - held - safety_stock),
    )
