"""The commands in docs/cli.md, and what they say at a terminal.

`python -m tests.cli.captured TARGET` writes it anew, from a server without any products.
"""

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cli.terminal import at_terminal

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ inventory-grpc (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_ORDER = re.compile(r"^[0-9a-f-]{36}(?=  (?:PENDING|PARTIALLY|SHIPPED))", re.MULTILINE)
_VARYING = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z"), "<time>"),
)


@dataclass(frozen=True)
class Shown:
    """A command on the page, and what the page says it answers."""

    command: str
    answer: str


def shown() -> list[Shown]:
    """In the order of the page."""
    return [
        Shown(found[1], found[2])
        for block in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))
        for found in _COMMAND.finditer(block[1])
    ]


def stable(text: str) -> str:
    """Without what is another every time: ids and times."""
    for varying, name in _VARYING:
        text = varying.sub(name, text)
    return text


def answers(target: str, commands: list[str]) -> Iterator[str]:
    """What they say now, one after the other; ORDER is the order that was listed last."""
    order = ""
    for command in commands:
        words = shlex.split(re.sub(r"\bORDER\b", order, command))
        variables = {"NO_COLOR": "1", "INVENTORY_CLIENT_TARGET": target}
        with at_terminal(*words, **variables) as terminal:
            terminal.end()
        found = _ORDER.search(terminal.text)
        order = found[0] if found else order
        yield terminal.text


def _rewrite(target: str) -> None:
    every = answers(target, [each.command for each in shown()])

    def one(found: re.Match[str]) -> str:
        return f"$ inventory-grpc {found[1]}\n{next(every)}"

    page = PAGE.read_text(encoding="utf-8")
    page = _BLOCK.sub(lambda block: f"```console\n{_COMMAND.sub(one, block[1])}```", page)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    _rewrite(sys.argv[1])
