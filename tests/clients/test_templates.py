"""The templates of the docs generate clients; without the Buf registry, as far as that goes."""

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.clients.journey import BIN, PROTOS, run
from tests.clients.npm import check_lock, installed
from tests.tidy.sources import ROOT

_TEMPLATES: Final = sorted((ROOT / "docs" / "clients").glob("buf.gen.*.yaml"))
_ES: Final = Path(__file__).parent / "es"
_RECORDER: Final = Path(__file__).parent / "recording_plugin.py"
_FILES: Final = {path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto")}
_of_template = pytest.mark.parametrize("template", _TEMPLATES, ids=lambda path: path.name)


def test_there_is_one_for_each_language() -> None:
    assert [path.name.split(".")[2] for path in _TEMPLATES] == ["go", "java", "ts"]


@_of_template
def test_every_plugin_is_pinned(template: Path) -> None:
    for plugin in _read(template)["plugins"]:
        assert re.fullmatch(r"buf\.build/\w+/\w+:v\d+\.\d+(\.\d+)?", plugin["remote"])


@_of_template
def test_buf_hands_every_plugin_all_protos_and_its_options(template: Path, tmp_path: Path) -> None:
    wanted = _read(template)
    local = [_recorded(plugin) for plugin in wanted["plugins"]]
    _generate({**wanted, "plugins": local}, tmp_path)
    seen = {path.stem: json.loads(path.read_text()) for path in tmp_path.rglob("gen/**/*.json")}
    assert len(seen) == len(local)
    for plugin in local:
        asked = seen[plugin["local"][-1]]
        assert set(asked["files"]) == _FILES
        assert asked["options"] == plugin.get("opt", "")
    if template.name == "buf.gen.go.yaml":
        packages = {package for each in seen.values() for package in each["files"].values()}
        assert packages == {"example.com/shop/gen/inventory_grpc/v1;inventoryv1"}


@pytest.mark.timeout(300)
def test_typescript_is_generated_for_every_service_and_compiles(tmp_path: Path) -> None:
    wanted = _read(ROOT / "docs" / "clients" / "buf.gen.ts.yaml")
    (plugin,) = wanted["plugins"]
    pinned = json.loads((_ES / "package.json").read_text())["dependencies"]
    assert plugin.pop("remote") == f"buf.build/bufbuild/es:v{pinned['@bufbuild/protoc-gen-es']}"
    modules = installed(_ES) / "node_modules"
    plugin["local"] = str(modules / ".bin" / "protoc-gen-es")
    _generate(wanted, tmp_path)
    code = {path.name: path.read_text() for path in tmp_path.rglob("*_pb.ts")}
    assert len(code) == len(_FILES)
    assert "export const OrderService: GenService<{" in code["orders_pb.ts"]
    assert "export enum ErrorReason {" in code["errors_pb.ts"]
    (tmp_path / "node_modules").symlink_to(modules)
    flags = ("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext")
    compiled = run(str(modules / ".bin" / "tsc"), *flags, *map(str, tmp_path.rglob("gen/**/*.ts")))
    assert compiled.returncode == 0, compiled.stdout.decode()


def test_the_lock_file_of_the_plugin_names_no_registry() -> None:
    check_lock(_ES)


def _recorded(plugin: dict[str, Any]) -> dict[str, Any]:
    name = plugin.pop("remote").replace("/", "-")
    return {**plugin, "local": [sys.executable, str(_RECORDER), name]}


def _read(template: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(template.read_text(encoding="utf-8"))
    return read


def _generate(template: dict[str, Any], out: Path) -> None:
    path = out / "buf.gen.yaml"
    path.write_text(yaml.safe_dump(template))
    # The template names the directory of the protos as it is from the root of the repository.
    where = ("--template", str(path), "--output", str(out))
    done = run(str(BIN / "buf"), "generate", *where)
    assert done.returncode == 0, done.stderr.decode()
