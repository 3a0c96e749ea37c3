"""Lists, page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Generic, Protocol, TypeVar


class Page(Protocol):
    """One page of a list, as the server answers it."""

    next_page_token: str


Item = TypeVar("Item")
PageT = TypeVar("PageT", bound=Page)


class AsyncPages(Generic[Item, PageT]):
    """A list that is read while it is iterated, one page ahead of nobody.

    Every iteration starts anew. Each page is a call of its own, with its own deadline and retries;
    rows inserted meanwhile make none repeat or vanish.
    """

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[PageT]],
        items: Callable[[PageT], Iterable[Item]],
        page_token: str,
    ) -> None:
        self._fetch = fetch
        self._items = items
        self._page_token = page_token

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for page in self.pages():
            for item in self._items(page):
                yield item

    async def pages(self) -> AsyncIterator[PageT]:
        """The pages themselves, with next_page_token, total_size and resume_token."""
        page_token = self._page_token
        while True:
            page = await self._fetch(page_token)
            yield page
            page_token = page.next_page_token
            if not page_token:
                return

    async def first_page(self) -> PageT:
        """The first page alone, for its total_size or resume_token."""
        return await self._fetch(self._page_token)
