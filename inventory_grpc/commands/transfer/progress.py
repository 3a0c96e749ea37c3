"""How far it is: a bar on a terminal, a line now and then elsewhere. On standard error."""

import time
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_LINE_SECONDS: Final = 10.0


class Progress:
    """Of one phase after the other."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Bar | None = None
        self._task = TaskID(0)
        self._doing = ""
        self._size = 0
        self._rows = 0
        self._began = self._told = 0.0

    def begin(self, doing: str, size: int) -> None:
        """A phase over so many bytes; 0 = nobody knows."""
        self._doing, self._size, self._rows = doing, size, 0
        self._began = self._told = time.monotonic()
        if self._console.is_terminal:
            self._bar = _bar(self._console)
            self._task = self._bar.add_task(doing, total=size or None, rate="")
            self._bar.start()

    def advance(self, position: int, rows: int) -> None:
        """So many rows more, up to that byte."""
        self._rows += rows
        now = time.monotonic()
        rate = self._rows / max(now - self._began, 0.001)
        if self._bar is not None:
            told = f"{self._rows:,} rows, {rate:,.0f}/s"
            self._bar.update(self._task, completed=position, rate=told)
        elif now - self._told >= _LINE_SECONDS:
            self._told = now
            share = f" ({position / self._size:.0%})" if self._size else ""
            self.say(f"{self._doing}: {self._rows:,} rows{share}, {rate:,.0f}/s")

    def end(self) -> None:
        """The phase is over."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def say(self, text: str) -> None:
        """A line of its own."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _bar(console: Console) -> Bar:
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(compact=True),
        console=console,
    )
