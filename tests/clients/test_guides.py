"""Everything in docs/ that can be pasted is pasted, and answers what stands below it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.clients.journey import BIN
from tests.conftest import Database, Postgres, _made
from tests.server.harness import Server, running
from tests.tidy.sources import ROOT

_DOCS: Final = ROOT / "docs"
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OUTPUT: Final = {"text", "json"}
_MARK: Final = "--- the next block ---"
_ADDRESS: Final = "127.0.0.1:50051"


@dataclass(frozen=True)
class Step:
    """A block to paste, and what it has to print; `…` stands for anything."""

    code: str
    prints: str | None


def _steps(guide: Path, language: str) -> list[Step]:
    blocks = _BLOCK.findall(guide.read_text(encoding="utf-8"))
    after = [*blocks[1:], ("", "")]
    return [
        Step(code, output if kind in _OUTPUT else None)
        for (spoken, code), (kind, output) in zip(blocks, after, strict=False)
        if spoken == language
    ]


def _guides(language: str) -> list[Path]:
    return [guide for guide in sorted(_DOCS.glob("*.md")) if _steps(guide, language)]


_of_shell = pytest.mark.parametrize("guide", _guides("sh"), ids=lambda guide: guide.stem)
_of_python = pytest.mark.parametrize("guide", _guides("python"), ids=lambda guide: guide.stem)


@pytest.fixture(scope="module")
def database(postgres: Postgres, template: str) -> Iterator[Database]:
    """One for all guides, whose products have names of their own."""
    with _made(postgres, f"TEMPLATE {template}") as each:
        yield each


@pytest.fixture(scope="module")
def server(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its streams of changes last for about a second: guides read them to their end."""
    flags = ("--no-migrate", "--watch-seconds-max", "1")
    log = tmp_path_factory.mktemp("guides") / "log"
    with running(log, *flags, database_url=database.url) as each:
        yield each


@_of_shell
def test_what_is_pasted_into_a_shell_answers_what_the_guide_says(
    guide: Path, server: Server
) -> None:
    steps = _steps(guide, "sh")
    known = "" if guide.stem == "first-order" else _steps(_DOCS / "first-order.md", "sh")[0].code
    script = known + "".join(f"{step.code}echo '{_MARK}'\n" for step in steps)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    _check(steps, _run(server, "sh", "-c", script.replace(".venv/bin/", ""), env=environment))


@_of_python
def test_what_is_pasted_into_python_prints_what_the_guide_says(guide: Path, server: Server) -> None:
    steps = _steps(guide, "python")
    script = "".join(f"{step.code}print('{_MARK}')\n" for step in steps)
    _check(steps, _run(server, sys.executable, "-c", script))


def _run(server: Server, *command: str, env: dict[str, str] | None = None) -> str:
    here = [part.replace(_ADDRESS, server.target) for part in command]
    done = subprocess.run(
        here,
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _check(steps: list[Step], printed: str) -> None:
    answers = printed.split(f"{_MARK}\n")
    assert len(answers) == len(steps) + 1, printed
    for step, answer in zip(steps, answers, strict=False):
        if step.prints is None:
            assert "ERROR:" not in answer, f"{step.code}\n{answer}"
        else:
            pattern = re.escape(_tidy(step.prints)).replace("…", ".*?")
            matches = re.fullmatch(pattern, _tidy(answer), re.DOTALL)
            assert matches, f"{step.code}\nprinted:\n{answer}"


def _tidy(text: str) -> str:
    """Without what nobody sees, or cares for: how deep a line is indented, and where it ends."""
    return "\n".join(line.strip() for line in text.strip().splitlines())
