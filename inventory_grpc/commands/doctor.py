"""`inventory-grpc doctor`: what is wrong, or may become so, and what to do about it."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final, Literal

import typer
from pydantic import ValidationError
from rich.text import Text

from inventory_grpc.commands.app import Command, new_app
from inventory_grpc.commands.checkup.finding import VERDICTS, Finding, Verdict, fail
from inventory_grpc.commands.output.printer import Printer
from inventory_grpc.flags import problems, settings_flags
from inventory_grpc.settings import Settings
from inventory_grpc.signatures import take

app = new_app()

_STATUS: Final[dict[Verdict, int]] = {"ok": 0, "warn": 4, "fail": 1}
_STYLE: Final[dict[Verdict, str]] = {"ok": "green", "warn": "yellow", "fail": "bold red"}
_INDENT: Final = 6


def doctor(**flags: Any) -> None:
    """Look for what is wrong, or may become so, where a server runs or shall run.

    Takes the settings of that server. Changes nothing. Exits with 0 if all is well, 4 if there are
    warnings only, 1 if something is broken.
    """
    printer = Printer(flags.pop("output"))
    found = list(_findings({name: value for name, value in flags.items() if value is not None}))
    worst = VERDICTS[max(VERDICTS.index(each.verdict) for each in found)]
    if printer.for_people:
        printer.lines(_told(found, printer.width))
    else:
        printer.plain({"worst": worst, "findings": [asdict(each) for each in found]})
    raise typer.Exit(_STATUS[worst])


def _findings(given: dict[str, Any]) -> Iterator[Finding]:
    try:
        settings = Settings(**given)
    except ValidationError as invalid:
        for problem in problems(invalid):
            yield fail("settings", problem, "`inventory-grpc serve --help` has all settings")
        return
    from inventory_grpc.commands.checkup.rounds import findings  # noqa: PLC0415

    yield from findings(settings)


def _told(found: Sequence[Finding], width: int | None) -> Iterator[Text]:
    broad = max(len(each.area) for each in found) + 2
    for each in found:
        head = Text.assemble(
            (each.verdict.ljust(_INDENT), _STYLE[each.verdict]), (each.area.ljust(broad), "bold")
        )
        yield from _wrapped(head, each.what, width)
        if each.advice:
            lead = Text(" " * (_INDENT + broad)) + Text("-> ", style="cyan")
            yield from _wrapped(lead, each.advice, width)


def _wrapped(head: Text, words: str, width: int | None) -> Iterator[Text]:
    """The words behind the head, and below each other where the terminal ends."""
    import textwrap  # noqa: PLC0415

    room = 10_000 if width is None else max(20, width - len(head))
    first, *rest = textwrap.wrap(words, room, break_long_words=False, break_on_hyphens=False)
    yield head + Text(first)
    for line in rest:
        yield Text(" " * len(head) + line)


def _output() -> inspect.Parameter:
    option: Any = typer.Option("table", "--output", "-o", help="A list for people, or data.")
    kind = Literal["table", "json", "yaml"]
    return inspect.Parameter(
        "output", inspect.Parameter.KEYWORD_ONLY, default=option, annotation=kind
    )


take(doctor, [_output(), *settings_flags()])
app.command(cls=Command)(doctor)
