"""What a command that calls a server is given: a client, and somewhere to print."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Annotated, Any, Final

import typer
from google.protobuf.message import Message

from inventory_grpc.client import ApiKey, InventoryClient, Limits, Policy, Tls, Token
from inventory_grpc.client.connect import Credentials
from inventory_grpc.client.sync.pages import Pages
from inventory_grpc.commands.app import Action, command
from inventory_grpc.commands.bundles import CONNECTION, OUTPUT
from inventory_grpc.commands.failures import told
from inventory_grpc.commands.flags import Paging
from inventory_grpc.commands.output.columns import Resource
from inventory_grpc.commands.output.printer import Format, Printer
from inventory_grpc.commands.seen import Seen
from inventory_grpc.commands.target import Target, reached
from inventory_grpc.dial import Dial

_ATTEMPTS_MAX: Final = 5
"""Somebody waits: about a second of trying, where a service would go on."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which server, and how long to wait for it."""

    target: Target = None
    timeout_seconds: Annotated[
        float,
        typer.Option(min=0.1, help="How long to wait for an answer.", rich_help_panel=CONNECTION),
    ] = 15.0


@dataclass(frozen=True, slots=True)
class Shown:
    """In which form."""

    output: Annotated[
        Format,
        typer.Option(
            "--output",
            "-o",
            help="A table for people; JSON as protobuf maps it; CSV has the same columns always.",
            rich_help_panel=OUTPUT,
        ),
    ] = "table"


class Shared:
    """What commands of one shell have in common: a connection, and what was shown lately."""

    def __init__(self, target: str | None = None, dial: Dial | None = None) -> None:
        self.target: Final = target
        """The server, if it was named."""
        self._dial = dial or Dial()
        self._clients: dict[tuple[str, Dial, float], InventoryClient] = {}
        self.seen: Final = Seen()

    def client(self, reach: Reach, dial: Dial) -> InventoryClient:
        """Connected as the flags say, else as those of the shell did. Raises DialError."""
        dial = self._dial if dial == Dial() else dial
        target, dial = reached(reach.target or self.target, dial)
        place = (target, dial, reach.timeout_seconds)
        if place not in self._clients:
            self._clients[place] = connect(*place)
        return self._clients[place]

    def close(self) -> None:
        """Ends the connections."""
        for client in self._clients.values():
            client.close()


class Session:
    """One command at work."""

    def __init__(
        self, printer: Printer, client: Callable[[], InventoryClient], target: str | None = None
    ) -> None:
        self.printer: Final = printer
        self.target: Final = target
        """The server, if it was named."""
        self._client = client

    @property
    def client(self) -> InventoryClient:
        """Of the server that is meant. Raises DialError, ValueError."""
        return self._client()

    def one(self, resource: Resource, message: Message, *, answer: Message | None = None) -> None:
        """Print one resource; programs get `answer`, if there is one."""
        self.printer.one(resource, message, answer=answer)

    def page(self, resource: Resource, pages: Pages[Any, Any], paging: Paging) -> None:
        """Print as much of a list as was asked for, and say if there is more."""
        found = iter(pages)
        first = list(islice(found, 1))
        if not first:
            self.printer.note("there are none")
        found = chain(first, found)
        if paging.everything:
            self.printer.many(resource, found)
            return
        self.printer.many(resource, islice(found, paging.limit))
        if next(found, None) is not None:
            self.printer.note("there are more: --limit or --all")


def client_command(
    app: typer.Typer, name: str | None = None, *, signed: bool = False
) -> Callable[[Action], Action]:
    """Adds a function to `app` that takes a `session` first, and the flags of a connection."""

    def add(action: Action) -> Action:
        def run(ctx: typer.Context, reach: Reach, dial: Dial, shown: Shown, **own: Any) -> None:
            with _shared(ctx) as shared:
                printer = Printer(shown.output, shared.seen.add)
                with told(printer):
                    client = partial(shared.client, reach, dial)
                    action(Session(printer, client, reach.target or shared.target), **own)

        own = list(inspect.signature(action, eval_str=True).parameters.values())[1:]
        every = inspect.signature(run, eval_str=True).parameters.values()
        common = [each.replace(kind=each.KEYWORD_ONLY) for each in every if each.name != "own"]
        own = [each.replace(kind=each.KEYWORD_ONLY) for each in own]
        vars(run)["__signature__"] = inspect.Signature([*own, *common])
        run.__doc__, run.__name__ = action.__doc__, action.__name__
        command(app, name, signed=signed)(run)
        return action

    return add


def connect(target: str, dial: Dial, timeout_seconds: float) -> InventoryClient:
    """A client for somebody who waits. Raises DialError, ValueError."""
    limits = Limits(timeout_seconds, timeout_seconds)
    policy = Policy(read=limits, write=limits, batch=limits, attempts_max=_ATTEMPTS_MAX)
    return connect_by(policy, target, dial)


def connect_by(policy: Policy, target: str, dial: Dial) -> InventoryClient:
    """A client that waits as long as `policy` says. Raises DialError, ValueError."""
    tls = _tls(dial) if dial.secure else None
    return InventoryClient(target, tls=tls, credentials=_credentials(dial), policy=policy)


def _tls(dial: Dial) -> Tls:
    name = dial.tls_server_name or ""
    return Tls(dial.tls_ca, dial.tls_certificate, dial.tls_key, server_name=name)


def _credentials(dial: Dial) -> Credentials | None:
    for header, value in dial.metadata():
        secret = str(value)
        return ApiKey(secret) if header == "x-api-key" else Token(secret.removeprefix("Bearer "))
    return None


@contextmanager
def _shared(ctx: typer.Context) -> Iterator[Shared]:
    """That of the shell, or one of the command's own."""
    found = ctx.find_object(Shared)
    if found is not None:
        yield found
        return
    shared = Shared()
    try:
        yield shared
    finally:
        shared.close()
