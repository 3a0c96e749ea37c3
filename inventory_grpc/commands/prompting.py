"""The prompt of the shell: completion and history."""

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.shortcuts import CompleteStyle

from inventory_grpc.commands.lazy import LazyCommands
from inventory_grpc.commands.session import Shared

_PROMPT: Final = "inventory> "


def prompt(
    root: Any, shared: Shared, leaving: Iterable[str], elsewhere: Iterable[str]
) -> Callable[[], str]:
    """Asks for a line; raises EOFError at Ctrl-D and KeyboardInterrupt at Ctrl-C."""
    session: PromptSession[str] = PromptSession(
        history=history(history_file()),
        completer=Commands(root, shared, leaving, frozenset(elsewhere)),
        complete_while_typing=False,
        complete_style=CompleteStyle.MULTI_COLUMN,
        enable_open_in_editor=False,
    )
    return lambda: session.prompt(_PROMPT)


def history_file() -> Path:
    """In the XDG state directory of the user."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "inventory_grpc" / "history"


def history(path: Path) -> History:
    """Kept for nobody else to read; only for as long as the shell runs where it cannot be kept."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        path.chmod(0o600)
        return FileHistory(path)
    return InMemoryHistory()


class Commands(Completer):
    """Commands, then their flags and values, then what was shown lately."""

    def __init__(
        self, root: Any, shared: Shared, leaving: Iterable[str], elsewhere: frozenset[str]
    ) -> None:
        self._root = root
        self._shared = shared
        self._leaving = [*leaving, "help"]
        self._elsewhere = elsewhere

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """What may stand where the cursor is."""
        del complete_event
        typed = document.text_before_cursor
        try:
            words = shlex.split(typed)
        except ValueError:
            return
        begun = words.pop() if words and not typed[-1:].isspace() else ""
        # Of SKU=2 or --owner=x the last part is what is begun.
        for word, meaning in self._candidates(words, begun):
            if word.startswith(begun) and word != begun:
                yield Completion(word, start_position=-len(begun), display_meta=meaning)

    def _candidates(self, words: list[str], begun: str) -> Iterator[tuple[str, str]]:
        found = self._root
        rest = list(words)
        while rest and (inside := _commands_of(found)) is not None:
            if rest[0] not in inside:
                return
            found = inside[rest.pop(0)]
        inside = _commands_of(found)
        if inside is not None:
            yield from self._names(inside, at_root=found is self._root)
        elif begun.startswith("-"):
            yield from _flags(found)
        else:
            yield from _values(found, rest) or ((word, "") for word in self._shared.seen)

    def _names(self, inside: Mapping[str, Any], *, at_root: bool) -> Iterator[tuple[str, str]]:
        helped = inside.help_of if isinstance(inside, LazyCommands) else None
        for name in inside:
            if not (at_root and name in self._elsewhere):
                yield name, helped[name] if helped else inside[name].get_short_help_str(60)
        if at_root:
            yield from ((name, "") for name in self._leaving)


def _commands_of(found: Any) -> Mapping[str, Any] | None:
    """Those of a group; None of a command."""
    commands: Mapping[str, Any] | None = getattr(found, "commands", None)
    return commands


def _flags(found: Any) -> Iterator[tuple[str, str]]:
    for param in found.params:
        if param.param_type_name == "option":
            for flag in (*param.opts, *param.secondary_opts):
                if flag.startswith("--"):
                    yield flag, param.help or ""
    yield "--help", "Show what the command does."


def _values(found: Any, words: list[str]) -> list[tuple[str, str]]:
    """What the flag before the cursor can be set to, if that is a short list."""
    for param in found.params:
        if words and words[-1] in param.opts:
            return [(str(each), "") for each in getattr(param.type, "choices", ())]
    return []
