"""The files that the rules are about."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "inventory_grpc"

# Made by tools, like everything that is ignored by git.
_MADE: Final = {
    ".data",
    ".git",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "build",
    "dist",
    "htmlcov",
    "node_modules",
}


def every_file() -> Iterator[Path]:
    """Everything that people wrote, and what is generated and committed."""
    for directory, names, files in os.walk(ROOT):
        names[:] = sorted(name for name in names if name not in _MADE)
        for name in sorted(files):
            if not name.endswith(".pyc") and name != ".coverage" and not name.startswith(".env"):
                yield Path(directory, name)


def python_files(*tops: str) -> list[Path]:
    """Python that people wrote, below these directories of the repository."""
    wanted = tuple(ROOT / top for top in tops)
    return [
        path
        for path in every_file()
        if path.suffix == ".py"
        and any(path.is_relative_to(top) for top in wanted)
        and not path.stem.endswith(("_pb2", "_pb2_grpc"))
    ]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    """The file as people write it, from the root on."""
    return path.relative_to(ROOT).as_posix()


def place(path: Path, node: ast.stmt | ast.expr) -> str:
    return f"{name_of(path)}:{node.lineno}"


def texts(path: Path) -> Iterator[ast.Constant]:
    """The strings of a module that it uses: neither docstrings nor comments."""
    module = parsed(path)
    documentation = {
        id(node.value)
        for node in ast.walk(module)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(module):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if isinstance(node, ast.Constant) and is_text and id(node) not in documentation:
            yield node


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a module, under the dotted name it is made by."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node
