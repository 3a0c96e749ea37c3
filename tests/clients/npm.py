"""Node programs with what their lock file names installed beside them."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

LOCK: Final = "package-lock.json"
# npm writes it last: without it an installation was cut off.
_INSTALLED: Final = Path("node_modules", ".package-lock.json")


def installed(source: Path) -> Path:
    """The program's directory, ready to run. Skips where there is no Node; with CI set, fails."""
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"not on the path: {', '.join(missing)}; with CI set this fails")
    assert not missing, f"CI needs {', '.join(missing)}"
    if not _is_installed(source):
        done = subprocess.run(
            ["npm", "ci"], cwd=source, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, f"npm ci failed:\n{done.stdout}{done.stderr}"
    return source


def check_lock(source: Path) -> None:
    """Its lock file names no registry, and the hash of everything."""
    packages = json.loads((source / LOCK).read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert [name for name, package in packages.items() if "integrity" not in package] == [""]


def _is_installed(source: Path) -> bool:
    last = source / _INSTALLED
    newest = max((source / name).stat().st_mtime for name in (LOCK, "package.json"))
    return last.exists() and last.stat().st_mtime >= newest
