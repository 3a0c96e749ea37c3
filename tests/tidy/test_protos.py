"""The protos keep the rules that clients rely on, for every method and every file."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest
from google.protobuf.descriptor import (
    Descriptor,
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
)

from tests.tidy.sources import ROOT, name_of

_PROTOS = sorted((ROOT / "protos" / "inventory_grpc").rglob("*.proto"))
_BIN = Path(sys.executable).parent
_GENERATED: Final = "inventory_grpc/v1"

_READS = ("Get", "BatchGet", "List", "Check", "Watch")
# Nothing is there yet whose version could be known, or several things are.
_WITHOUT_VERSION = {
    "CreateProduct",
    "CreateLocation",
    "CreateOrder",
    "CreateHold",
    "TransferStock",
}


def _file(proto: Path) -> FileDescriptor:
    module = name_of(proto).removeprefix("protos/").removesuffix(".proto").replace("/", ".")
    file: FileDescriptor = import_module(f"{module}_pb2").DESCRIPTOR
    return file


_FILES = [_file(proto) for proto in _PROTOS]
_METHODS = [
    method
    for file in _FILES
    for service in file.services_by_name.values()
    for method in service.methods
]
_MUTATIONS = [method for method in _METHODS if not method.name.startswith(_READS)]
_SINGULAR = [method for method in _MUTATIONS if not method.name.startswith("Batch")]
_BATCHES = [method for method in _MUTATIONS if method.name.startswith("Batch")]
READS_OF_NOW = [
    method for method in _METHODS if method.name.startswith(("Get", "BatchGet", "List"))
]
_LISTS = [method for method in _METHODS if method.name.startswith("List")]

_of_method = pytest.mark.parametrize("method", _METHODS, ids=lambda method: method.name)
_of_singular = pytest.mark.parametrize("method", _SINGULAR, ids=lambda method: method.name)
_of_read = pytest.mark.parametrize("method", READS_OF_NOW, ids=lambda method: method.name)
_of_list = pytest.mark.parametrize("method", _LISTS, ids=lambda method: method.name)
_of_batch = pytest.mark.parametrize("method", _BATCHES, ids=lambda method: method.name)


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.name)
def test_a_file_names_its_packages_for_go_and_java(file: FileDescriptor) -> None:
    options = file.GetOptions()
    assert options.go_package
    assert options.java_package
    assert options.java_multiple_files
    assert file.package == "inventory.v1"


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.name)
def test_a_file_imports_nothing_that_has_to_be_downloaded(file: FileDescriptor) -> None:
    foreign = [
        each.name
        for each in file.dependencies
        if not each.name.startswith(("google/protobuf/", "inventory_grpc/v1/"))
    ]
    assert foreign == []


@_of_method
def test_a_method_has_a_request_and_a_response_of_its_own(method: MethodDescriptor) -> None:
    assert method.input_type.name == f"{method.name}Request"
    assert method.output_type.name == f"{method.name}Response"


@_of_singular
def test_a_mutation_can_be_retried_and_tried_out(method: MethodDescriptor) -> None:
    assert _type(method.input_type, "request_id") == FieldDescriptor.TYPE_STRING
    assert _type(method.input_type, "validate_only") == FieldDescriptor.TYPE_BOOL


@_of_batch
def test_a_batch_takes_the_singular_requests_and_has_no_request_id(
    method: MethodDescriptor,
) -> None:
    fields = method.input_type.fields_by_name
    rows, mode = fields["requests"].message_type, fields["mode"].enum_type
    assert rows in [singular.input_type for singular in _SINGULAR]
    assert mode is not None
    assert mode.name == "BatchMode"
    assert _type(method.input_type, "validate_only") == FieldDescriptor.TYPE_BOOL
    assert "request_id" not in fields


@_of_singular
def test_a_mutation_of_something_existing_takes_its_expected_version(
    method: MethodDescriptor,
) -> None:
    if method.name in _WITHOUT_VERSION:
        assert "expected_version" not in method.input_type.fields_by_name
    else:
        assert _type(method.input_type, "expected_version") == FieldDescriptor.TYPE_INT64


@_of_singular
def test_a_mutation_answers_a_token_behind_all_that_its_response_may_ever_have(
    method: MethodDescriptor,
) -> None:
    # Put there as bytes, without knowing the rest: last and of the same number everywhere.
    token = method.output_type.fields[-1]
    assert (token.name, token.number) == ("resume_token", 15)
    assert token.type == FieldDescriptor.TYPE_STRING


@_of_read
def test_a_read_can_wait_for_a_change(method: MethodDescriptor) -> None:
    token = method.input_type.fields_by_name["min_token"]
    assert (token.number, token.type) == (14, FieldDescriptor.TYPE_STRING)


@_of_list
def test_a_list_is_paged(method: MethodDescriptor) -> None:
    assert {"page_size", "page_token", "include_total"} <= set(method.input_type.fields_by_name)
    assert {"next_page_token", "total_size"} <= set(method.output_type.fields_by_name)


def test_buf_finds_nothing_to_say() -> None:
    assert _buf("lint") == ""
    assert _buf("format", "--diff", "--exit-code") == ""


def test_the_generated_code_is_that_of_the_protos(tmp_path: Path) -> None:
    # The plugins are named relative to the root, where buf has to run.
    if not (ROOT / ".venv" / "bin" / "buf").exists():
        pytest.skip("buf.gen.yaml names the plugins of .venv, which is not there")
    _buf("generate", "--output", str(tmp_path))
    fresh = {path.name: path.read_text() for path in (tmp_path / _GENERATED).iterdir()}
    committed = {path.name: path.read_text() for path in (ROOT / _GENERATED).glob("*_pb2*.py*")}
    assert sorted(fresh) == sorted(committed)
    assert [name for name in fresh if fresh[name] != committed[name]] == [], "run `make proto`"


def _type(message: Descriptor, field: str) -> int:
    kind: int = message.fields_by_name[field].type
    return kind


def _buf(*arguments: str) -> str:
    done = subprocess.run(
        [str(_BIN / "buf"), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
