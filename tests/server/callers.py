"""Access files for tests, and calls with credentials."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from inventory_grpc.identity.api_keys import digest_of, new_key
from tests.server.harness import reason_of

Metadata = tuple[tuple[str, str | bytes], ...]


@dataclass
class CallerEntry:
    """A caller of an access file, with an API key of its own."""

    name: str
    role: str
    key: str = field(default_factory=new_key)
    uris: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    limits: dict[str, int] = field(default_factory=dict)
    """Its own, by the names that the file has for them."""

    @property
    def metadata(self) -> Metadata:
        """What it sends along to be known by its API key."""
        return (("x-api-key", self.key),)

    def lines(self) -> list[str]:
        return [
            f"[callers.{self.name}]",
            f'role = "{self.role}"',
            f'api_keys_sha256 = ["{digest_of(self.key)}"]',
            f"certificate_uris = {list(self.uris)}",
            f"jwt_subjects = {list(self.subjects)}",
            f"[callers.{self.name}.limits]",
            *(f"{name} = {value}" for name, value in self.limits.items()),
        ]


def write_access(path: Path, callers: Iterable[CallerEntry]) -> Path:
    """Put an access file in place, in one step as everybody should."""
    fresh = path.with_suffix(".new")
    fresh.write_text("\n".join(line for each in callers for line in each.lines()))
    return fresh.replace(path)


def outcome(call: Callable[[], Any]) -> tuple[str, str]:
    """The code and the reason that a call ends with."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name, reason_of(error)
    return "OK", ""


UNAUTHENTICATED = ("UNAUTHENTICATED", "UNAUTHENTICATED")
PERMISSION_DENIED = ("PERMISSION_DENIED", "PERMISSION_DENIED")
OK = ("OK", "")
