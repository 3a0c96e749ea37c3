"""Where keys come from, and what is said when they do not."""

import pytest

from inventory_grpc.identity.errors import SourceError
from inventory_grpc.identity.sources import fetch


@pytest.mark.parametrize("path", ["keys of mine?token=s3cret", "s3cret\n", "s3cret-\u00e4"])
def test_a_url_that_cannot_be_fetched_is_not_quoted(path: str) -> None:
    with pytest.raises(SourceError) as refused:
        fetch(f"http://127.0.0.1:1/{path}")
    assert "s3cret" not in str(refused.value)
    assert str(refused.value)
