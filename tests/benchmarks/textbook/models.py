"""The tables as mapped classes, the way an ordinary service has them.

They stand on the very tables of the service that is measured: same columns, indexes, constraints.
"""

from typing import TYPE_CHECKING

from sqlalchemy.orm import DeclarativeBase, Mapped, relationship

from inventory_grpc.store import tables

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


class Base(DeclarativeBase):
    metadata = tables.metadata


class Product(Base):
    __table__ = tables.products

    if TYPE_CHECKING:
        product_id: Mapped[str]
        sku: Mapped[str]
        price_amount: Mapped[Decimal | None]
        price_currency: Mapped[str | None]
        delete_time: Mapped[datetime | None]


class StockLevel(Base):
    __table__ = tables.stock_levels

    if TYPE_CHECKING:
        product_id: Mapped[str]
        location_id: Mapped[str]
        on_hand: Mapped[int]
        allocated: Mapped[int]
        held: Mapped[int]
        safety_stock: Mapped[int]
        shortfall: Mapped[int]
        version: Mapped[int]
        update_time: Mapped[datetime | None]

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated - self.held - self.safety_stock


class StockMovement(Base):
    __table__ = tables.stock_movements


class OrderLine(Base):
    __table__ = tables.order_lines

    if TYPE_CHECKING:
        line_number: Mapped[int]
        requested_line: Mapped[int]
        product_id: Mapped[str]
        location_id: Mapped[str]
        quantity: Mapped[int]
        unit_price_amount: Mapped[Decimal | None]
        unit_price_currency: Mapped[str | None]


class Order(Base):
    __table__ = tables.orders

    lines: Mapped[list[OrderLine]] = relationship(OrderLine)

    if TYPE_CHECKING:
        order_id: Mapped[str]
        status: Mapped[int]
        total_amount: Mapped[Decimal | None]
        total_currency: Mapped[str | None]
        version: Mapped[int]
        create_time: Mapped[datetime]
        update_time: Mapped[datetime]
        commit_id: Mapped[str]


class OrderEvent(Base):
    __table__ = tables.order_events


class StoredAnswer(Base):
    __table__ = tables.stored_answers

    if TYPE_CHECKING:
        fingerprint: Mapped[bytes]
        answer: Mapped[bytes]
