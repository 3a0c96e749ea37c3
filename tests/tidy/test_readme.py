"""The README has the map of the repository, and names a test behind what it claims."""

import re
from typing import Final

from tests.tidy.sources import PACKAGE, ROOT

_TEXT: Final = (ROOT / "README.md").read_text(encoding="utf-8")
_LINES_MAX: Final = 255
"""More belongs into docs/."""


def test_it_is_short() -> None:
    assert len(_TEXT.splitlines()) <= _LINES_MAX


def test_it_names_the_tests_behind_what_it_claims() -> None:
    assert len(set(re.findall(r"`\w+/(?:\w+/)?test_\w+\.py`", _TEXT))) > 20


def test_every_folder_of_the_map_is_there() -> None:
    folders = re.findall(r"^\| `(\w+/\w*)` \|", _TEXT, re.MULTILINE)
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
    layers = {f"inventory_grpc/{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
    assert layers <= set(folders)
