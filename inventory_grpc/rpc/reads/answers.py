"""What the read handlers share: the call's time, pages that end early, answers of bounded size."""

import re
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.message import Message

from inventory_grpc.domain.errors import AnswerTooLarge
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.reads import Page, PageRequest
from inventory_grpc.rpc import validate
from inventory_grpc.rpc.reply import Timed
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import common_pb2

ANSWER_BYTES_MAX: Final = 3 * 1024 * 1024
"""Well below the 4 MiB that clients accept by default."""
KEYS_MAX: Final = 1_000
"""Keys of one BatchGet."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,120}").fullmatch
_FRAME_BYTES: Final = 6
"""Tag and length in front of an entry, at most."""

R = TypeVar("R")
M = TypeVar("M", bound=Message)


Call = Timed
"""A gRPC call, as far as a read needs it."""


class ReadRequest(Protocol):
    """What every read's request has."""

    min_token: str


class ListRequest(ReadRequest, Protocol):
    """What every list request has."""

    page_size: int
    page_token: str
    include_total: bool


def min_token(request: ReadRequest, found: Violations) -> str:
    """What has to be included, or nothing; that it is one of ours is seen by who reads."""
    token = request.min_token
    if token and not _TOKEN(token):
        found.add("min_token", "must be a resume_token that this service gave")
    return token


def page_request(request: ListRequest, found: Violations) -> PageRequest:
    """Which part of the list, and how new it has to be."""
    size = validate.page_size(request.page_size, found, "", "page_size")
    token = min_token(request, found)
    return PageRequest(size, request.page_token, request.include_total, token)


def fill(
    into: RepeatedCompositeFieldContainer[M], page: Page[R], convert: Callable[[R, M], M]
) -> str:
    """Adds the page's rows, as many as one answer carries; the token for what follows them."""
    size = 0
    for index, row in enumerate(page.rows):
        size += convert(row, into.add()).ByteSize() + _FRAME_BYTES
        # One row always fits: the largest, an order of 1,000 lines, has a tenth of this.
        if size > ANSWER_BYTES_MAX and index > 0:
            del into[-1]
            return page.token_after(page.rows[index - 1])
    return page.token_after(page.rows[-1]) if page.more else ""


def bounded(response: M) -> M:
    """The answer itself. Raises AnswerTooLarge."""
    _check_size(response.ByteSize())
    return response


def bounded_bytes(answer: bytes) -> bytes:
    """The answer itself. Raises AnswerTooLarge."""
    _check_size(len(answer))
    return answer


def _check_size(size: int) -> None:
    if size > ANSWER_BYTES_MAX:
        raise AnswerTooLarge(size, ANSWER_BYTES_MAX)


def product_keys(
    keys: Sequence[common_pb2.ProductKey], found: Violations
) -> dict[ProductKey, common_pb2.ProductKey]:
    """1-1,000 keys, each once, with the form each was first sent in."""
    sent: dict[ProductKey, common_pb2.ProductKey] = {}
    for index in range(validate.count(keys, (1, KEYS_MAX), found, "products")):
        key = keys[index]
        sent.setdefault(validate.product_key(key, found, "", f"products[{index}]"), key)
    return sent


def order_ids(ids: Sequence[str], found: Violations) -> dict[str, str]:
    """1-1,000 ids, each once, with the form each was first sent in."""
    sent: dict[str, str] = {}
    for index in range(validate.count(ids, (1, KEYS_MAX), found, "order_ids")):
        sent.setdefault(validate.uuid(ids[index], found, "", f"order_ids[{index}]"), ids[index])
    return sent
