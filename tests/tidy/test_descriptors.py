"""What is made of the protos for people without our generated code is that of the protos."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from tests.tidy.sources import PACKAGE, ROOT

_DESCRIPTORS: Final = PACKAGE / "v1" / "inventory.protoset"
_REFERENCE: Final = ROOT / "docs" / "api.md"


def test_the_descriptor_set_is_that_of_the_protos(tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    _run("descriptors.py", fresh)
    made, kept = _files(fresh), _files(_DESCRIPTORS)
    assert set(made) == set(kept)
    assert [name for name in made if made[name] != kept[name]] == [], "run `make proto`"


def test_the_descriptor_set_needs_no_other_file() -> None:
    files = _files(_DESCRIPTORS)
    needed = {name for file in files.values() for name in file.dependency}
    assert needed <= set(files)
    assert {"google/rpc/status.proto", "google/rpc/error_details.proto"} <= set(files)


def test_the_reference_is_that_of_the_protos(tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    _run("reference.py", _DESCRIPTORS, fresh)
    assert fresh.read_text(encoding="utf-8") == _REFERENCE.read_text(encoding="utf-8"), (
        "run `make proto`"
    )


def test_the_reference_has_a_heading_for_everything() -> None:
    text = _REFERENCE.read_text(encoding="utf-8")
    names: list[str] = []
    for file in _files(_DESCRIPTORS).values():
        if file.package != "inventory.v1":
            continue
        names += [message.name for message in file.message_type]
        names += [enum.name for enum in file.enum_type]
        for service in file.service:
            names += [f"{service.name}.{method.name}" for method in service.method]
    assert len(names) > 100
    assert [name for name in names if f"\n### {name}\n" not in text] == []


def _run(tool: str, *paths: Path) -> None:
    command = [sys.executable, str(ROOT / "protos" / tool), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def _files(path: Path) -> dict[str, FileDescriptorProto]:
    files = FileDescriptorSet.FromString(path.read_bytes()).file
    return {file.name: file for file in files}
