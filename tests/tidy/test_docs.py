"""README and docs name only what is there, and have every setting and refusal that there is."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main

from inventory_grpc.cli import app
from inventory_grpc.client import InventoryError
from inventory_grpc.domain.errors import Unavailable
from inventory_grpc.rpc.errors import CODES
from inventory_grpc.rpc.rights import entries
from inventory_grpc.settings import ENV_PREFIX, Settings
from tests.tidy.sources import ROOT, every_file, name_of
from tests.tidy.test_every_reason_is_raised import REASONS

_DOCS: Final = [
    path for path in every_file() if path.suffix == ".md" and path.is_relative_to(ROOT / "docs")
]
_PAGES: Final = [ROOT / "README.md", *_DOCS]
_ERRORS: Final = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
_PARTS: Final = ("Means", "Usual cause", "Client", "Operator", "Metadata")
_of_page = pytest.mark.parametrize("page", _PAGES, ids=name_of)
_of_reason = pytest.mark.parametrize("reason", REASONS)


def test_every_reason_has_a_heading_and_no_other_is_there() -> None:
    headings = re.findall(r"^### ([A-Z_]+)$", _ERRORS, re.MULTILINE)
    assert sorted(headings) == sorted(REASONS)


@_of_reason
def test_a_reason_says_what_it_means_and_what_to_do(reason: str) -> None:
    first, *_ = _section(reason).strip().splitlines()
    code = CODES[reason].name if reason in CODES else reason
    assert first.startswith(f"`{code}` · Python `{InventoryError.by_reason[reason].__name__}`")
    said = dict(re.findall(r"^- ([\w ]+): (\S.+(?:\n  .+)*)", _section(reason), re.MULTILINE))
    assert tuple(said) == _PARTS


@_of_reason
def test_the_metadata_of_a_reason_has_the_keys_that_the_proto_says(reason: str) -> None:
    sample = re.search(r"^- Metadata: `(\{.*\})`", _section(reason), re.MULTILINE)
    assert sample is not None
    proto = (ROOT / "protos/inventory_grpc/v1/errors.proto").read_text(encoding="utf-8")
    comment = re.search(rf"((?:^  //.*\n)+)  ERROR_REASON_{reason} = ", proto, re.MULTILINE)
    assert comment is not None
    _, _, facts = comment[1].replace("\n  //", "").partition("Sample metadata: ")
    # The index of a batch's row may come with every reason.
    assert set(json.loads(sample[1])) == set(re.findall(r'"(\w+)": "', facts)) - {"row"}


@_of_page
def test_every_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(((?!https?:)[^)]+)\)", prose)
    assert [link for link in links if not _leads_somewhere(page, link)] == []


@_of_page
def test_every_flag_and_variable_is_one_of_ours(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    flags = set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)", text))
    variables = set(re.findall(rf"\b{ENV_PREFIX}[A-Z_]+\b", text))
    assert flags - _flags() - _OTHERS == set()
    assert variables - _variables() == set()


@_of_page
def test_every_call_is_one_of_the_contract(page: Path) -> None:
    named = re.findall(r"\b(\w+Service)[/.](\w+)", page.read_text(encoding="utf-8"))
    methods = {tuple(path.removeprefix("/inventory.v1.").split("/")) for path, _ in entries()}
    assert [each for each in named if each not in methods and each[1] != "proto"] == []


@_of_page
def test_every_test_it_points_at_is_there(page: Path) -> None:
    named = re.findall(r"`(?:tests/)?((?:\w+/)+test_\w+\.py)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / "tests" / name).exists()] == []


def test_every_setting_has_a_row_with_its_default() -> None:
    text = (ROOT / "docs" / "configuring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `--([a-z-]+)` \| ([^|]*)\|", text, re.MULTILINE)
    said = {name.replace("-", "_"): default.strip(" `").replace(",", "") for name, default in rows}
    fields = Settings.model_fields
    assert (len(rows), set(said)) == (len(fields), set(fields))
    told = {name: _plain(field.default) for name, field in fields.items()}
    abridged = {"data_dir", "jwt_algorithms"}
    assert {name for name in said if said[name] != told[name]} - abridged == set()


def test_every_unavailable_reason_says_what_to_do() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE)
    assert sorted(rows) == sorted(cls.reason for cls in Unavailable.__subclasses__())


def test_every_guide_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    guides = [name_of(path) for path in _DOCS if path.parent == ROOT / "docs"]
    assert len(guides) > 9
    assert [name for name in guides if f"({name})" not in readme] == []


# Of other programs, and of `make bench`.
_OTHERS: Final = {"abuse", "overhead", "path", "template"}


@cache
def _parameters() -> list[Any]:
    """Of all our commands, and of theirs."""
    return list(_below(typer.main.get_command(app)))


def _below(command: Any) -> Iterator[Any]:
    yield from command.params
    if hasattr(command, "list_commands"):
        context = typer.Context(command)
        for name in command.list_commands(context):
            yield from _below(command.get_command(context, name))


def _flags() -> set[str]:
    options = (each for one in _parameters() for each in (*one.opts, *one.secondary_opts))
    return {option.removeprefix("--") for option in options} | {"help"}


def _variables() -> set[str]:
    own = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    ours = own | {str(each.envvar) for each in _parameters()}
    return ours | {"INVENTORY_TEST_DATABASE_URL"}  # of the tests


def _plain(default: object) -> str:
    """A default as people write it."""
    if default is None:
        return ""
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"{default:.10g}" if isinstance(default, float) else str(default)


def _section(reason: str) -> str:
    """What errors.md says below that heading."""
    found = re.search(rf"^### {reason}$(.*?)(?=^##|\Z)", _ERRORS, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def _leads_somewhere(page: Path, link: str) -> bool:
    target, _, anchor = link.partition("#")
    path = (page.parent / target).resolve() if target else page
    return path.exists() and (not anchor or anchor in _anchors(path))


@cache
def _anchors(path: Path) -> set[str]:
    """What headings are linked by: as GitHub makes it, lower case without punctuation."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
