"""The books: what one transaction has locked and read, and what its decisions change.

Every change is journaled, so that a command's effect is all or nothing: a refusal, or a bug in a
decision, rolls the books back to the mark set before it and harms no neighbour.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from inventory_grpc.domain.consistency import LedgerFacts
from inventory_grpc.domain.entries import (
    AnswerKey,
    DueLine,
    Item,
    LedgerRepair,
    LevelKey,
    LineChange,
    Site,
    StaleBooksError,
    StoredAnswer,
)
from inventory_grpc.domain.model import (
    Hold,
    HoldEvent,
    HoldEventKind,
    HoldLine,
    Location,
    Order,
    OrderEvent,
    Product,
    ProductEvent,
    ProductKey,
    StockLevel,
    StockMovement,
)
from inventory_grpc.domain.status import HoldStatus

_MISSING: Final = object()

_K = TypeVar("_K")
_V = TypeVar("_V")


class Books:
    """Mutable state of one attempt; everything in it is immutable data."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.skus: dict[str, str] = {}
        self.sites: dict[str, Site] = {}
        self.levels: dict[str, dict[str, StockLevel]] = {}
        self.products: dict[str, Product] = {}
        self.locations: dict[str, Location] = {}
        self.orders: dict[str, Order] = {}
        self.holds: dict[str, Hold] = {}
        self.due: list[DueLine] = []
        """Of all levels read; their expiry is posted before anything is decided."""
        self.more_due = False
        """There may be more: too many to end in one transaction."""
        self.next_expiries: dict[LevelKey, datetime] = {}
        """When the next line ends of those holds that are not in the books."""
        self.held_by_caller: dict[str, int] = {}
        """Units in active holds, of callers who ask for more."""
        self.caller_limits: dict[str, int] = {}
        """Up to what, of callers who got more: others may have given them some meanwhile."""
        self.ledger_facts: dict[LevelKey, LedgerFacts] = {}
        """Of levels to repair."""
        self.answers: dict[AnswerKey, StoredAnswer] = {}
        """Of earlier transactions."""
        self.movements: list[StockMovement] = []
        self.product_events: list[ProductEvent] = []
        self.events: list[OrderEvent] = []
        self.hold_events: list[HoldEvent] = []
        self.line_changes: dict[tuple[str, int], LineChange] = {}
        """Lines of holds that exist, by (hold_id, line_number)."""
        self.budget_changes: dict[str, int] = {}
        """Units by caller to add to what its holds count."""
        self.repairs: list[LedgerRepair] = []
        self.new_answers: dict[AnswerKey, StoredAnswer] = {}
        self.versions_read: dict[object, int] = {}
        """Version of every changed row as it was read; 0 for a row this transaction makes."""
        self.new_levels: dict[LevelKey, None] = {}
        self.unsettled: set[str] = set()
        """Products made since ``settle``: whether they will exist is not known yet."""
        self._journal: list[tuple[dict[Any, Any], Any, Any] | list[Any]] = []
        """A dict, its key and what was there before, or a list that got longer by one."""

    # -- what was read -------------------------------------------------------------------------

    def open_item(self, item: Item) -> None:
        """Enter a product as read."""
        self.items[item.product_id] = item
        self.levels.setdefault(item.product_id, {})
        if not item.deleted:
            self.skus[item.sku] = item.product_id

    def open_level(self, level: StockLevel) -> None:
        """Enter a stock level as read."""
        self.levels[level.product_id][level.location_id] = level

    def open_ledger(self, key: LevelKey, facts: LedgerFacts) -> None:
        """Enter what the ledger and the lines of a level to repair say."""
        self.ledger_facts[key] = facts

    # -- all or nothing ------------------------------------------------------------------------

    def mark(self) -> int:
        """A point to roll back to."""
        return len(self._journal)

    def settle(self) -> None:
        """What has been decided so far stands or falls with the whole transaction alone."""
        self.unsettled.clear()

    def rollback(self, mark: int) -> None:
        """Undo everything since ``mark``."""
        journal = self._journal
        while len(journal) > mark:
            entry = journal.pop()
            if isinstance(entry, list):
                entry.pop()
                continue
            holder, key, before = entry
            if before is _MISSING:
                del holder[key]
            else:
                holder[key] = before

    def _set(self, holder: dict[_K, _V], key: _K, value: _V) -> None:
        self._journal.append((holder, key, holder.get(key, _MISSING)))
        holder[key] = value

    def _append(self, holder: list[_V], value: _V) -> None:
        self._journal.append(holder)
        holder.append(value)

    def _changed(self, key: object, version_read: int) -> None:
        if key not in self.versions_read:
            self._set(self.versions_read, key, version_read)

    # -- changes -------------------------------------------------------------------------------

    def put_level(self, before: StockLevel, after: StockLevel, movement: StockMovement) -> None:
        """The one way a counter changes: with the movement that changes it."""
        levels = self.levels[after.product_id]
        key = (after.product_id, after.location_id)
        if after.location_id not in levels:
            self._set(self.new_levels, key, None)
        self._changed(key, before.version)
        self._set(levels, after.location_id, after)
        self._append(self.movements, movement)

    def put_repair(self, level: StockLevel, repair: LedgerRepair) -> None:
        """Before the movements of a repair are posted to ``level``, whose version may be damaged
        too: it is guarded by the one that was read."""
        self._changed((level.product_id, level.location_id), level.version)
        self._append(self.repairs, repair)

    def put_order(self, order: Order, event: OrderEvent) -> None:
        """A new or changed order, with the event that made this version."""
        self._changed(order.order_id, order.version - 1)
        self._set(self.orders, order.order_id, order)
        self._append(self.events, event)

    def put_hold(self, hold: Hold, event: HoldEvent) -> None:
        """A new or changed hold, with the event that made this version."""
        before = self.holds.get(hold.hold_id)
        self._changed(hold.hold_id, hold.version - 1)
        self._set(self.holds, hold.hold_id, hold)
        self._append(self.hold_events, event)
        units = hold.counted - (before.counted if before else 0)
        caller = hold.caller
        self._set(self.budget_changes, caller, self.budget_changes.get(caller, 0) + units)
        # What is due counts no more for anybody, written or not.
        if caller in self.held_by_caller and event.kind is not HoldEventKind.EXPIRED:
            self._set(self.held_by_caller, caller, self.held_by_caller[caller] + units)
        if before is not None:
            for line in hold.lines:
                self._change_line(hold, line)

    def limit_caller(self, caller: str, units: int) -> None:
        """``caller`` gets more, which others must not have made too much when it is written."""
        self._set(self.caller_limits, caller, units)

    def expire_line(self, due: DueLine) -> None:
        """A line's time is over; its hold, which may be anybody's, is changed by the sweeper."""
        change = LineChange(due.converted, due.released, due.expired + due.units, due.expire_time)
        self._set(self.line_changes, (due.hold_id, due.line_number), change)
        hold = self.holds.get(due.hold_id)
        if hold is not None:
            lines = tuple(
                replace(line, expired=line.expired + line.open)
                if line.line_number == due.line_number
                else line
                for line in hold.lines
            )
            self._set(self.holds, hold.hold_id, replace(hold, lines=lines))

    def _change_line(self, hold: Hold, line: HoldLine) -> None:
        change = LineChange(line.converted, line.released, line.expired, hold.expire_time)
        self._set(self.line_changes, (hold.hold_id, line.line_number), change)

    def put_product(self, product: Product, event: ProductEvent) -> None:
        """A new or changed product, with the event that made this version; what orders know of it
        changes along."""
        self._changed(product.product_id, product.version - 1)
        if product.version == 1:
            self.unsettled.add(product.product_id)
        before = self.items.get(product.product_id)
        if before is not None and self.skus.get(before.sku) == product.product_id:
            self._set(self.skus, before.sku, "")
        deleted = product.delete_time is not None
        if not deleted:
            self._set(self.skus, product.sku, product.product_id)
        if product.product_id not in self.levels:
            self._set(self.levels, product.product_id, {})
        if before is not None and before.sku != product.sku:
            self._rename(product.product_id, product.sku)
        item = Item(product.product_id, product.sku, product.price, deleted)
        self._set(self.items, product.product_id, item)
        self._set(self.products, product.product_id, product)
        self._append(self.product_events, event)

    def _rename(self, product_id: str, sku: str) -> None:
        """Levels and orders show the SKU of now, also to what is decided next; no row changes."""
        levels = self.levels[product_id]
        for location_id, level in list(levels.items()):
            self._set(levels, location_id, replace(level, sku=sku))
        for order_id, order in list(self.orders.items()):
            if any(line.product_id == product_id for line in order.lines):
                lines = tuple(
                    replace(line, sku=sku) if line.product_id == product_id else line
                    for line in order.lines
                )
                self._set(self.orders, order_id, replace(order, lines=lines))
        for hold_id, hold in list(self.holds.items()):
            held = tuple(
                replace(line, sku=sku) if line.product_id == product_id else line
                for line in hold.lines
            )
            self._set(self.holds, hold_id, replace(hold, lines=held))

    def put_location(self, location: Location) -> None:
        """A new or changed location; what allocations know of it changes along."""
        self._changed(("location", location.location_id), location.version - 1)
        deleted = location.delete_time is not None
        site = Site(location.priority, location.location_id, deleted)
        self._set(self.sites, location.location_id, site)
        self._set(self.locations, location.location_id, location)

    def put_answer(self, key: AnswerKey, answer: StoredAnswer) -> None:
        """The answer to store with the effect it describes."""
        self._set(self.new_answers, key, answer)

    # -- look-ups ------------------------------------------------------------------------------

    def answer(self, key: AnswerKey) -> StoredAnswer | None:
        """What the same request was answered, before or in this transaction."""
        return self.new_answers.get(key) or self.answers.get(key)

    def item(self, key: ProductKey) -> Item | None:
        """The live product that ``key`` names."""
        item = self.items.get(key.product_id or self.skus.get(key.sku, ""))
        return None if item is None or item.deleted else item

    def site(self, location_id: str) -> Site | None:
        """The live location."""
        site = self.sites.get(location_id)
        return None if site is None or site.deleted else site

    def level(self, item: Item, location_id: str) -> StockLevel:
        """The level to change; zeros where it is still to be made.

        A product that is new, or locked as a whole, has all its levels in the books, and a location
        that is new has none. Raises StaleBooksError for any other: the row should have been made
        before it was read.
        """
        level = self.levels[item.product_id].get(location_id)
        if level is not None:
            return level
        is_new_location = self.versions_read.get(("location", location_id)) == 0
        if item.product_id not in self.products and not is_new_location:
            raise StaleBooksError(item.product_id, location_id)
        return StockLevel(item.product_id, item.sku, location_id)

    def next_hold_expiry(self, levels: Iterable[StockLevel], now: datetime) -> datetime | None:
        """When the next of the holds on these levels would end; None if there is none."""
        keys = {(level.product_id, level.location_id) for level in levels}
        ends = [self.next_expiries[key] for key in keys if key in self.next_expiries]
        ends += [
            hold.expire_time
            for hold in self.holds.values()
            if hold.status_at(now) is HoldStatus.ACTIVE
            and any(
                line.open and (line.product_id, line.location_id) in keys for line in hold.lines
            )
        ]
        return min(ends, default=None)
