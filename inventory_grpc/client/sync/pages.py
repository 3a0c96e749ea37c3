# Made from `aio` by `python -m tests.client.unasync`. Do not edit.
"""Lists, page by page."""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar


class Page(Protocol):
    """One page of a list, as the server answers it."""

    next_page_token: str


Item = TypeVar("Item")
PageT = TypeVar("PageT", bound=Page)


class Pages(Generic[Item, PageT]):
    """A list that is read while it is iterated, one page ahead of nobody.

    Every iteration starts anew. Each page is a call of its own, with its own deadline and retries;
    rows inserted meanwhile make none repeat or vanish.
    """

    def __init__(
        self,
        fetch: Callable[[str], PageT],
        items: Callable[[PageT], Iterable[Item]],
        page_token: str,
    ) -> None:
        self._fetch = fetch
        self._items = items
        self._page_token = page_token

    def __iter__(self) -> Iterator[Item]:
        for page in self.pages():
            yield from self._items(page)

    def pages(self) -> Iterator[PageT]:
        """The pages themselves, with next_page_token, total_size and resume_token."""
        page_token = self._page_token
        while True:
            page = self._fetch(page_token)
            yield page
            page_token = page.next_page_token
            if not page_token:
                return

    def first_page(self) -> PageT:
        """The first page alone, for its total_size or resume_token."""
        return self._fetch(self._page_token)
