"""Makes the blocking client from the one for asyncio: `python -m tests.client.unasync`.

Every method is written once, with its signature and its docstring where editors and type checkers
find them. What differs between the two worlds is words, and the two `wire_` modules.
"""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[2] / "inventory_grpc" / "client"

_HEADER: Final = "# Made from `aio` by `python -m tests.client.unasync`. Do not edit.\n"
_WORDS: Final = (
    (r"\bAwaitable\[(\w+)\]", r"\1"),
    (r"\basync (def|for|with)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bwire_aio\b", "wire_sync"),
    (r"\bclient\.aio\b", "client.sync"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
)
_RUFF: Final = (sys.executable, "-m", "ruff")


def blocking(source: str) -> str:
    """The same module without asyncio."""
    for pattern, replacement in _WORDS:
        source = re.sub(pattern, replacement, source)
    # Imports that are no longer needed go, and the order of the others may change; what generators
    # of asyncio cannot say shorter, others can.
    fixes = ("--fix-only", "--unsafe-fixes", "--select", "F401,I,UP028")
    source = _through("check", *fixes, source=_HEADER + source)
    return _through("format", source=source)


def modules() -> Mapping[Path, str]:
    """Every module of `sync` and what it has to be."""
    return {
        PACKAGE / "sync" / path.name: blocking(path.read_text(encoding="utf-8"))
        for path in sorted((PACKAGE / "aio").glob("*.py"))
        if path.name != "__init__.py"
    }


def _through(*command: str, source: str) -> str:
    done = subprocess.run(
        [*_RUFF, *command, "--quiet", "--stdin-filename", PACKAGE / "sync" / "module.py", "-"],
        input=source,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout


if __name__ == "__main__":
    for path, source in modules().items():
        path.write_text(source, encoding="utf-8")
