"""Books: a command's effect is all or nothing. Ids: they sort as they were decided."""

import re
from datetime import timedelta
from uuid import UUID

import pytest

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import AdjustStock, CreateProduct, DeleteProduct, UpdateProduct
from inventory_grpc.domain.context import Ids
from inventory_grpc.domain.decide import decide
from inventory_grpc.domain.entries import StaleBooksError, StoredAnswer
from inventory_grpc.domain.model import AdjustmentReason
from tests.unit.domain.harness import NOW, books, context, key, level, place, product


def everything(made: Books) -> str:
    parts = (
        made.items, made.skus, made.sites, made.levels, made.products, made.locations, made.orders,
        made.answers, made.movements, made.events, made.new_answers, made.versions_read,
    )  # fmt: skip
    return repr(parts)


def test_a_rollback_leaves_no_trace() -> None:
    made = books("near", "far")
    level(made, "A", "near", on_hand=5)
    product(made, "empty")
    place(made, ("A", 1))
    before = everything(made)
    mark = made.mark()
    place(made, ("A", 2))
    decide(made, CreateProduct("B", "B", "", None, {}, (("near", 2), ("far", 1))), context())
    decide(made, DeleteProduct(key("empty"), 0), context())
    renamed = UpdateProduct(key("A"), frozenset({"sku"}), "C", "", "", None, {}, 0)
    decide(made, renamed, context())
    decide(made, AdjustStock(key("B"), "near", 4, AdjustmentReason.FOUND, "", 0), context())
    made.put_answer(("caller", "id"), StoredAnswer(b"", 0, b""))
    assert everything(made) != before
    made.rollback(mark)
    assert everything(made) == before


def test_a_rollback_to_an_inner_mark_keeps_what_came_before_it() -> None:
    made = books()
    level(made, "A", on_hand=5)
    outer = made.mark()
    place(made, ("A", 1))
    kept = everything(made)
    inner = made.mark()
    place(made, ("A", 1))
    made.rollback(inner)
    assert everything(made) == kept
    made.rollback(outer)
    assert made.movements == []


def test_a_level_that_should_have_been_read_is_not_taken_for_empty() -> None:
    made = books()
    product(made, "A")
    del made.products["id-A"]
    with pytest.raises(StaleBooksError):
        decide(made, AdjustStock(key("A"), "default", 1, AdjustmentReason.FOUND, "", 0), context())


class TestIds:
    def test_they_are_version_7_uuids_of_their_moment(self) -> None:
        uuid = UUID(Ids(NOW, 2**40 - 1).next())
        assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")
        assert uuid.int >> 80 == int(NOW.timestamp() * 1000)

    def test_they_sort_as_they_were_decided(self) -> None:
        ids = Ids(NOW, 1)
        made = [ids.next() for _ in range(70_000)]
        assert made == sorted(made)
        assert len(set(made)) == len(made)

    def test_a_later_moment_sorts_behind_however_little_later(self) -> None:
        early = Ids(NOW, 2**40 - 1)
        last = [early.next() for _ in range(1000)][-1]
        assert last < Ids(NOW + timedelta(microseconds=1), 0).next()

    def test_two_servers_at_the_same_moment_make_different_ones(self) -> None:
        one, two = Ids(NOW, 1), Ids(NOW, 2)
        assert {one.next() for _ in range(999)}.isdisjoint({two.next() for _ in range(999)})

    def test_they_are_lower_case_text(self) -> None:
        pattern = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
        assert re.fullmatch(pattern, Ids(NOW, 0xABCDEF).next())
