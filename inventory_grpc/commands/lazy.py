"""A group whose commands are imported when they are called, and not to list them."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, Final

import typer.main
from typer.core import TyperGroup

_EXTRAS: Final = {"pydantic_settings": "server", "grpc_health": "server", "sqlalchemy": "server"}
_MODULES: Final = {"import": "importing", "export": "exporting"}
"""Of commands that no module can be called like."""


class LazyCommands(MutableMapping[str, Any]):
    """Commands by name, made of the `app` of a module of that name when first looked at."""

    def __init__(self, package: str, help_of: Mapping[str, str]) -> None:
        self.help_of = help_of
        """What each command does, in one line."""
        self._package = package
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.help_of:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.help_of)

    def __len__(self) -> int:
        return len(self.help_of)

    def _make(self, name: str) -> Any:
        try:
            module = import_module(f"{self._package}.{_MODULES.get(name, name.replace('-', '_'))}")
        except ModuleNotFoundError as missing:
            extra = _EXTRAS.get((missing.name or "").partition(".")[0])
            if extra is None:
                raise
            why = f"the {extra} is not installed: pip install 'inventory_grpc[{extra}]'"
            raise SystemExit(why) from missing
        command = typer.main.get_command(module.app)
        command.name = name
        return command


class LazyGroup(TyperGroup):
    """Lists its commands by what `LazyCommands` says of them."""

    def list_commands(self, ctx: object) -> list[str]:
        """All names, in the order of the table."""
        del ctx
        return list(self.commands)

    def format_commands(self, ctx: object, formatter: Any) -> None:
        """The same as of any group, without looking at the commands."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self._help_of().items()))

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Names that begin so; options where a dash does."""
        from typer._click.shell_completion import CompletionItem  # noqa: PLC0415

        found = [
            CompletionItem(name, help=text)
            for name, text in self._help_of().items()
            if name.startswith(incomplete)
        ]
        return found + ([] if found else super(TyperGroup, self).shell_complete(ctx, incomplete))

    def _help_of(self) -> Mapping[str, str]:
        assert isinstance(self.commands, LazyCommands)
        return self.commands.help_of
