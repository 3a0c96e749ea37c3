"""Copies of the project to break at will, and their tests, which must notice."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
_UNNEEDED: Final = shutil.ignore_patterns("__pycache__", "node_modules")


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One guard, how to drop it, and the test that must fail without it."""

    guard: str
    file: str
    text: str
    instead: str
    test: str


@dataclass(frozen=True, slots=True)
class Copy:
    """All that the tests need, and a server for their databases."""

    root: Path
    database_url: str

    @classmethod
    def of_project(cls, root: Path, database_url: str) -> "Copy":
        for name in ("inventory_grpc", "migrations", "tests"):
            shutil.copytree(ROOT / name, root / name, ignore=_UNNEEDED)
        shutil.copy(ROOT / "pyproject.toml", root)
        return cls(root, database_url)

    def drop(self, sabotage: Sabotage) -> None:
        path = self.root / sabotage.file
        source = path.read_text()
        assert source.count(sabotage.text) == 1, f"{sabotage.guard} does not read like that now"
        path.write_text(source.replace(sabotage.text, sabotage.instead))

    def pytest(self, *tests: str) -> subprocess.CompletedProcess[str]:
        """Run the copy's tests against the copy's package, in a process of their own."""
        flags = ("-q", "-ra", "--tb=line", "-p", "no:cacheprovider")
        changes = {
            "PYTHONPATH": str(self.root),
            "PYTEST_ADDOPTS": "",
            "INVENTORY_TEST_DATABASE_URL": self.database_url,
        }
        return subprocess.run(
            [sys.executable, "-m", "pytest", *flags, *tests],
            cwd=self.root,
            env={**os.environ, **changes},
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )


def check_unbroken(copy: Copy, sabotages: Sequence[Sabotage]) -> None:
    """All the named tests pass while every guard is there."""
    named = sorted({each.test for each in sabotages})
    done = copy.pytest(*named)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(named)} passed" in done.stdout


def check_noticed(copy: Copy, sabotage: Sabotage) -> None:
    """The named test fails without the guard."""
    copy.drop(sabotage)
    done = copy.pytest(sabotage.test)
    # 1 is "tests failed": not that none was found, nor that one could not be collected.
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert re.search(rf"^FAILED {re.escape(sabotage.test)}", done.stdout, re.MULTILINE), done.stdout
    assert "1 failed" in done.stdout
    assert "error" not in done.stdout.splitlines()[-1]
    print(done.stdout[-600:])
