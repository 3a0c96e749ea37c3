"""What operators name things by."""

import re
from typing import Final

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch


def is_id(product: str) -> bool:
    """Whether it names a product by its id, and not by its SKU."""
    return _UUID(product) is not None
