"""The base of all refusals."""

from typing import ClassVar


class DomainError(Exception):
    """Base of all refusals."""

    reason: ClassVar[str]
    subject: str = ""
    """Id of the resource it is about, if it is about one."""
    subject_type: str = ""
    """Type of that resource: product, location, order, stock_level, request."""

    @property
    def message(self) -> str:
        """One sentence for a developer."""
        raise NotImplementedError

    @property
    def metadata(self) -> dict[str, str]:
        """Facts for a program; never credentials."""
        return {}

    def __str__(self) -> str:
        return self.message
