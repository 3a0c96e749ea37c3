"""Prints resources in the format that was asked for."""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final, Literal, TextIO

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.text import Text

from inventory_grpc.commands.output.columns import Resource
from inventory_grpc.commands.output.table import details, lines, rows_of
from inventory_grpc.commands.output.values import messages_at, text_of

Format = Literal["table", "json", "yaml", "csv"]

_CHUNK: Final = 1_000
"""Rows of a table that are laid out together; longer ones go on in further tables."""


def console(stream: TextIO) -> Console:
    """With colours and the width of the terminal, if it is one; NO_COLOR is heeded."""
    terminal = stream.isatty()
    plain = not terminal or bool(os.environ.get("NO_COLOR"))
    return Console(
        file=stream,
        force_terminal=terminal,
        color_system=None if plain else "auto",
        no_color=plain,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


def as_plain(message: Message) -> dict[str, Any]:
    """The protobuf JSON mapping, with fields named as in the protos, zeros included."""
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


class Printer:
    """Where a command's results go; notes for people go to standard error."""

    def __init__(self, wanted: Format, saw: Callable[[str], None] = lambda _: None) -> None:
        self.format: Final = wanted
        self.console: Final = console(sys.stdout)
        self.errors: Final = console(sys.stderr)
        self._saw = saw

    @property
    def width(self) -> int | None:
        """Of the terminal; None where nothing has to fit."""
        return self.console.width if self.console.is_terminal else None

    @property
    def for_people(self) -> bool:
        """Whether anybody reads it."""
        return self.format == "table"

    def one(self, resource: Resource, message: Message, *, answer: Message | None = None) -> None:
        """One resource in detail; `answer` is what programs get instead of it."""
        self._remember(message)
        if self.format == "csv":
            self._csv(resource, [message])
        elif self.format == "table":
            self.lines(self._details(resource, message))
        else:
            self.plain(as_plain(answer or message))

    def many(self, resource: Resource, messages: Iterable[Message]) -> None:
        """Any number of them, printed as they come; as JSON and YAML one list."""
        seen = self._remembered(messages)
        match self.format:
            case "table":
                while chunk := list(islice(seen, _CHUNK)):
                    self.table(resource, chunk)
            case "csv":
                self._csv(resource, seen)
            case "json":
                self._json_list(seen)
            case "yaml":
                for message in seen:
                    self._write(_yaml([as_plain(message)]))

    def table(self, resource: Resource, messages: Sequence[Message]) -> None:
        """A table, whatever the format."""
        self.lines(lines(resource.columns, list(rows_of(resource, messages)), self.width))

    def plain(self, value: object) -> None:
        """Plain data, as JSON unless YAML was asked for."""
        self._write(_yaml(value) if self.format == "yaml" else _json(value) + "\n")

    def lines(self, told: Iterable[Text | str]) -> None:
        """Lines as they are."""
        for line in told:
            self.console.print(line)

    def prose(self, told: Iterable[Text | str], *, wrong: bool = False) -> None:
        """Lines that go on in the next one where the terminal ends."""
        where = self.errors if wrong else self.console
        for line in told:
            text = Text(line) if isinstance(line, str) else line
            for part in text.wrap(where, where.width) if where.is_terminal else [text]:
                part.rstrip()
                where.print(part)

    def note(self, text: str) -> None:
        """Something beside the results, for people only."""
        if self.for_people:
            self.prose([Text(text, style="dim")], wrong=True)

    def _details(self, resource: Resource, message: Message) -> Iterator[Text]:
        yield from details(resource, message)
        for name, part in resource.parts:
            rows = list(rows_of(part, messages_at(message, name)))
            if rows:
                yield Text()
                yield from lines(part.columns, rows, self.width)

    def _csv(self, resource: Resource, messages: Iterable[Message]) -> None:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        # Whatever is refused is refused before the first line.
        found = iter(messages)
        first = list(islice(found, 1))
        writer.writerow([column.name for column in resource.columns])
        for message in chain(first, found):
            writer.writerow([text_of(message, column.source) for column in resource.columns])

    def _json_list(self, messages: Iterable[Message]) -> None:
        separator = "["
        for message in messages:
            self._write(separator + "\n" + _indented(_json(as_plain(message))))
            separator = ","
        self._write("[]\n" if separator == "[" else "\n]\n")

    def _remembered(self, messages: Iterable[Message]) -> Iterator[Message]:
        for message in messages:
            self._remember(message)
            yield message

    def _remember(self, message: Message) -> None:
        """Ids and SKUs, to be completed in the shell."""
        for name in ("sku", "product_id", "location_id", "order_id", "hold_id"):
            if name in message.DESCRIPTOR.fields_by_name and (value := getattr(message, name)):
                self._saw(value)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())


def _yaml(value: object) -> str:
    import yaml  # noqa: PLC0415

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return text
