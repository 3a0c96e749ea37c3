"""Every reason that the contract names is one that the service really gives."""

import re
from collections.abc import Iterator
from functools import cache

import pytest

from inventory_grpc.domain.errors import DomainError
from inventory_grpc.rpc.errors import CODES
from inventory_grpc.v1 import errors_pb2
from tests.tidy.sources import ROOT, name_of, python_files

_PREFIX = "ERROR_REASON_"
REASONS = [
    name.removeprefix(_PREFIX)
    for name, value in errors_pb2.ErrorReason.items()
    if value != errors_pb2.ERROR_REASON_UNSPECIFIED
]
# Not a refusal: what the guard answers for every exception that is none.
_BUGS = {"INTERNAL"}
# They name reasons without anybody raising them.
_NO_EVIDENCE = ("tests/tidy/", "tests/unit/rpc/test_errors.py")


@pytest.mark.parametrize("reason", REASONS)
def test_a_test_raises(reason: str) -> None:
    """Named as clients see it, or caught as the exception it is."""
    names = "|".join(cls.__name__ for cls in _refusals(DomainError) if _reason(cls) == reason)
    evidence = re.compile(rf"\b{reason}\b|raises\((?:errors\.)?(?:{names})\b")
    assert [path for path, text in _tests() if evidence.search(text)], "no test expects it"


def test_every_reason_is_a_refusal_of_the_domain_and_the_other_way_round() -> None:
    refusals = {_reason(cls) for cls in _refusals(DomainError)}
    assert refusals - _BUGS - {""} == set(REASONS) - _BUGS


def test_every_reason_has_a_code() -> None:
    assert set(CODES) | _BUGS == set(REASONS)


@pytest.mark.parametrize("reason", REASONS)
def test_the_proto_says_who_raises_a_reason_and_with_what(reason: str) -> None:
    proto = (ROOT / "protos/inventory_grpc/v1/errors.proto").read_text(encoding="utf-8")
    comment = re.search(rf"((?:^  //.*\n)+)  {_PREFIX}{reason} = ", proto, re.MULTILINE)
    assert comment is not None
    code = re.match(r"  // ([A-Z_]+)[,:]", comment[1])
    assert code is not None, "its gRPC code comes first"
    assert code[1] == CODES[reason].name if reason in CODES else code[1] in _BUGS
    assert "Sample metadata: {" in comment[1].replace("\n  //", "")


def _refusals(base: type[DomainError]) -> Iterator[type[DomainError]]:
    for cls in base.__subclasses__():
        yield cls
        yield from _refusals(cls)


def _reason(refusal: type[DomainError]) -> str:
    """Empty for a base of several refusals."""
    return getattr(refusal, "reason", "")


@cache
def _tests() -> list[tuple[str, str]]:
    paths = ((name_of(path), path) for path in python_files("tests"))
    return [
        (name, path.read_text(encoding="utf-8"))
        for name, path in paths
        if not name.startswith(_NO_EVIDENCE)
    ]
