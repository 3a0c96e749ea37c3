"""Command-line flags made from the settings: each is described in one place only."""

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from inventory_grpc.settings import ENV_PREFIX, Settings
from inventory_grpc.signatures import take


def with_settings(action: Callable[[Settings], int]) -> Callable[..., None]:
    """A command with one flag per setting that runs `action` and exits with its status.

    A setting out of bounds is reported by its flag and exits with 2.
    """

    def command(**flags: object) -> None:
        given = {name: value for name, value in flags.items() if value is not None}
        raise typer.Exit(action(read_settings(given)))

    take(command, settings_flags())
    command.__doc__ = action.__doc__
    return command


def settings_flags() -> list[inspect.Parameter]:
    """One keyword per setting, as Typer reads them."""
    return [_parameter(name, field) for name, field in Settings.model_fields.items()]


def read_settings(given: dict[str, Any]) -> Settings:
    """The settings: `given` before variables before defaults; exits with 2 on a bad one."""
    try:
        return Settings(**given)
    except ValidationError as invalid:
        for problem in problems(invalid):
            sys.stderr.write(f"{problem}\n")
        raise typer.Exit(2) from None


def problems(invalid: ValidationError) -> Iterator[str]:
    """Which flag is wrong, and why, one line each; the values stay secret."""
    for error in invalid.errors(include_url=False, include_input=False):
        where = _flag(str(error["loc"][0])) if error["loc"] else "settings"
        yield f"{where}: {error['msg'].removeprefix('Value error, ')}"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    flag = _flag(name)
    is_switch = field.annotation is bool
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if is_switch else flag,
        envvar=ENV_PREFIX + name.upper(),
        help=f"{field.description}{_default_note(field)}",
    )
    # No flag given means: let the variable or the default decide.
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[field.annotation | None, option],  # type: ignore[operator]
    )


def _default_note(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    return "" if default is None else f" [default: {default}]"
