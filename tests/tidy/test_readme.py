"""The README names only what is there: tests, files, flags and refusals."""

import dataclasses
import re
from typing import Final

from inventory_grpc.dial import Dial
from inventory_grpc.domain.errors import Unavailable
from inventory_grpc.settings import Settings
from tests.tidy.sources import PACKAGE, ROOT

_TEXT: Final = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_test_and_file_it_points_at_is_there() -> None:
    tests = [f"tests/{name}" for name in re.findall(r"`(\w+/(?:\w+/)?test_\w+\.py)`", _TEXT)]
    files = re.findall(r"\]\(((?!http|#)[^)]+)\)", _TEXT)
    assert len(tests) > 20
    assert [name for name in [*tests, *files] if not (ROOT / name).exists()] == []


def test_every_folder_of_the_map_is_there() -> None:
    folders = re.findall(r"^\| `(\w+/\w*)` \|", _TEXT, re.MULTILINE)
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
    layers = {f"inventory_grpc/{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
    assert layers <= set(folders)


_NO_SETTINGS: Final = {"abuse", "apply", "help"}


def test_every_flag_is_a_setting() -> None:
    run = _TEXT[_TEXT.index("## Run") : _TEXT.index("## Not there yet")]
    flags = {flag.removeprefix("no-") for flag in re.findall(r"`?--([a-z][a-z-]+)", run)}
    ours = {*Settings.model_fields, *(each.name for each in dataclasses.fields(Dial))}
    assert flags <= {name.replace("_", "-") for name in ours} | _NO_SETTINGS


def test_every_unavailable_reason_says_what_to_do() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", _TEXT, re.MULTILINE)
    reasons = {cls.reason for cls in Unavailable.__subclasses__()}
    assert set(rows) == reasons
