"""What every command is made with."""

from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

from inventory_grpc.commands.bundles import expanded

Action = TypeVar("Action", bound=Callable[..., Any])


class Command(TyperCommand):
    """Its help lists flags by what they are about, those of its own first."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """One section per `rich_help_panel`."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                sections.setdefault(_section(param), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def new_app(text: str | None = None) -> typer.Typer:
    """A command of a module's own, or with `text` a group of several."""
    return typer.Typer(
        help=text,
        add_completion=False,
        no_args_is_help=text is not None,
        # Boxes leave no room for the names of the settings.
        rich_markup_mode=None,
        # Plain tracebacks: a boxed one with local variables would print passwords.
        pretty_exceptions_enable=False,
    )


def command(
    app: typer.Typer, name: str | None = None, *, signed: bool = False
) -> Callable[[Action], Action]:
    """Adds a function to `app`, with a flag for every field of each dataclass that it takes.

    With `signed`, -5 is a number and no flag.
    """
    settings = {"ignore_unknown_options": True} if signed else None

    def add(action: Action) -> Action:
        app.command(name, cls=Command, context_settings=settings)(expanded(action))
        return action

    return add


def _section(param: Any) -> str:
    if param.param_type_name == "argument":
        return "Arguments"
    return getattr(param, "rich_help_panel", None) or "Options"
