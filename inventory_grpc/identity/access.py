"""The access file: who may call, as what, and what each caller proves it with.

    [callers.checkout]
    role = "writer"                       # reader, writer, operator or admin
    api_keys_sha256 = ["<64 hex>"]        # several while a key is replaced
    certificate_uris = ["spiffe://shop.example/checkout"]
    jwt_subjects = ["checkout"]
    [callers.checkout.limits]
    reads_per_second = 1000

Anything that is not exactly understood is an error: a misspelt key must not silently give somebody
more, or less, than was meant.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from inventory_grpc.domain.caller import Caller, Limits, Role
from inventory_grpc.identity.api_keys import ApiKeys
from inventory_grpc.identity.errors import SourceError

K = TypeVar("K")

_NAME = re.compile(r"[a-z0-9._-]{1,64}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:[\x21-\x7e]+")
_SUBJECT_LENGTH_MAX: Final = 255
_LIMIT_MAX: Final = 1_000_000_000


def _is_a_name(name: object) -> object:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("a caller's name is 1 to 64 of a-z 0-9 . _ -")
    # What the server does by itself, and what nobody in particular does, is in the ledger, too.
    if name == "anonymous" or name.startswith("system:"):
        raise ValueError("the name is the server's own")
    return name


def _is_a_digest(digest: object) -> object:
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ValueError("not the SHA-256 of a key in 64 hexadecimal digits")
    if bytes.fromhex(digest) == sha256(b"").digest():
        raise ValueError("the SHA-256 of nothing")
    return digest.lower()


def _is_a_uri(uri: object) -> object:
    if not isinstance(uri, str) or not _URI.fullmatch(uri):
        raise ValueError("not a URI")
    return uri


_Name = Annotated[str, BeforeValidator(_is_a_name)]
_Digest = Annotated[str, BeforeValidator(_is_a_digest)]
_Uri = Annotated[str, BeforeValidator(_is_a_uri)]
_Subject = Annotated[str, Field(min_length=1, max_length=_SUBJECT_LENGTH_MAX)]
_Limit = Annotated[int, Field(ge=0, le=_LIMIT_MAX)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class _Limits(_Strict):
    reads_per_second: _Limit | None = None
    writes_per_second: _Limit | None = None
    scans_per_second: _Limit | None = None
    in_flight: _Limit | None = None
    watch_streams: _Limit | None = None


class _Entry(_Strict):
    role: Literal["reader", "writer", "operator", "admin"]
    api_keys_sha256: list[_Digest] = []
    certificate_uris: list[_Uri] = []
    jwt_subjects: list[_Subject] = []
    limits: _Limits = _Limits()


class _File(_Strict):
    callers: dict[_Name, _Entry]


@dataclass(frozen=True, slots=True)
class Access:
    """The file, by what callers come with."""

    callers: Mapping[str, Caller]
    api_keys: ApiKeys
    certificate_uris: Mapping[bytes, Caller]
    jwt_subjects: Mapping[str, Caller]


NO_ACCESS: Final = Access({}, ApiKeys({}), {}, {})
"""Nobody is known."""


def parse_access(raw: bytes) -> Access:
    """The contents of a file. Raises SourceError, with the line, or the caller and the key."""
    entries = _read(raw).callers
    if not entries:
        # More likely a file that somebody is writing than one that is to lock everybody out.
        raise SourceError("callers: there is none")
    callers = {name: _caller(name, entry) for name, entry in entries.items()}
    return Access(
        callers,
        ApiKeys(_owners(callers, entries, "api_keys_sha256", bytes.fromhex)),
        _owners(callers, entries, "certificate_uris", str.encode),
        _owners(callers, entries, "jwt_subjects", str),
    )


def _caller(name: str, entry: _Entry) -> Caller:
    return Caller(name, Role[entry.role.upper()], Limits(**entry.limits.model_dump()))


def _read(raw: bytes) -> _File:
    try:
        return _File.model_validate(tomllib.loads(raw.decode()))
    except ValidationError as invalid:
        raise SourceError("; ".join(_problems(invalid))) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        # All of these say where, and quote at most one character.
        raise SourceError(f"not TOML: {error}") from None


def _problems(invalid: ValidationError) -> list[str]:
    return [
        f"{_place(error['loc'])}: {error['msg'].removeprefix('Value error, ')}"
        for error in invalid.errors(include_url=False, include_input=False, include_context=False)
    ]


def _place(loc: tuple[int | str, ...]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc]
    return "".join(steps).removeprefix(".").removesuffix(".[key]")


def _owners(
    callers: Mapping[str, Caller],
    entries: Mapping[str, _Entry],
    field: str,
    as_key: Callable[[str], K],
) -> dict[K, Caller]:
    owners: dict[K, Caller] = {}
    for name, entry in entries.items():
        for number, text in enumerate(getattr(entry, field)):
            key = as_key(text)
            if key in owners:
                where = f"callers.{name}.{field}[{number}]"
                raise SourceError(f"{where}: {owners[key].name} has the same")
            owners[key] = callers[name]
    return owners
