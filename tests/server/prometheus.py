"""Prometheus and its promtool: of the machine, or of Debian's package, unpacked in the venv."""

import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

_UNPACKED: Final = Path(sys.prefix, "prometheus")
_SECONDS_MAX: Final = 120


def tool(name: str) -> str:
    """The path of ``prometheus`` or ``promtool``. Skips where it is not and cannot be had."""
    found = shutil.which(name) or shutil.which(name, path=_UNPACKED / "usr" / "bin")
    if found is None and _fetched():
        found = shutil.which(name, path=_UNPACKED / "usr" / "bin")
    if found is None:
        pytest.skip(f"{name} is not on the path, and Debian's package cannot be had")
    return found


def _fetched() -> bool:
    """Nothing is installed: the package is unpacked where the virtual environment is."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return False
    # Put in place in one step: other processes of this run may be at it, too.
    with tempfile.TemporaryDirectory(prefix="prometheus-", dir=sys.prefix) as name:
        directory = Path(name)
        if not _run(directory, "apt-get", "download", "prometheus"):
            # A machine that was never asked for a package does not know where they are.
            _run(directory, "apt-get", "update")
            _run(directory, "apt-get", "download", "prometheus")
        packages = sorted(directory.glob("prometheus_*.deb"))
        if not packages or not _run(directory, "dpkg", "-x", packages[-1].name, "unpacked"):
            return False
        with suppress(OSError):
            (directory / "unpacked").rename(_UNPACKED)
    return True


def _run(directory: Path, *command: str) -> bool:
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, timeout=_SECONDS_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def promtool(*arguments: str, given: str = "") -> str:
    """What it says. Fails if it does not accept what it is given."""
    done = subprocess.run(
        [tool("promtool"), *arguments],
        input=given, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
