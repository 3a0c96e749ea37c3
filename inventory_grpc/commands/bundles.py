"""Flags that many commands share: a parameter that is a dataclass stands for one per field."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import typer

from inventory_grpc.signatures import take

_VARIABLE: Final = "INVENTORY_CLIENT_"
"""How variables begin that say what flags about a connection do."""

CONNECTION: Final = "Connection"
OUTPUT: Final = "Output"
"""Titles in the help."""


def expanded(action: Callable[..., Any]) -> Callable[..., None]:
    """The function with the fields of its dataclasses as parameters; they arrive as dataclasses."""
    own = inspect.signature(action, eval_str=True).parameters.values()
    bundles = {each.name: each.annotation for each in own if _is_bundle(each.annotation)}
    parameters = [flag for each in own for flag in _flags(each)]
    parameters.sort(key=lambda flag: flag.name in _names_of(bundles.values()))

    def command(**given: Any) -> None:
        made = {name: _taken(bundle, given) for name, bundle in bundles.items()}
        action(**given, **made)

    keyword = inspect.Parameter.KEYWORD_ONLY
    take(command, [flag.replace(kind=keyword) for flag in parameters])
    command.__doc__, command.__name__ = action.__doc__, action.__name__
    return command


def _is_bundle(annotation: object) -> bool:
    return isinstance(annotation, type) and dataclasses.is_dataclass(annotation)


def _names_of(bundles: Any) -> set[str]:
    return {each.name for bundle in bundles for each in dataclasses.fields(bundle)}


def _taken(bundle: type, given: dict[str, Any]) -> Any:
    return bundle(**{each.name: given.pop(each.name) for each in dataclasses.fields(bundle)})


def _flags(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    if not _is_bundle(parameter.annotation):
        yield parameter
        return
    hints = get_type_hints(parameter.annotation, include_extras=True)
    for each in dataclasses.fields(parameter.annotation):
        hint = hints[each.name]
        # A Dial says in its metadata what a flag of a command says itself.
        flag = hint if get_origin(hint) is Annotated else _dialled(each, hint)
        assert len(get_args(flag)) == 2
        yield inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=flag
        )


def _dialled(each: "dataclasses.Field[Any]", hint: Any) -> Any:
    flag = "--" + each.name.replace("_", "-")
    if hint == bool | None:
        flag = f"{flag}/--no-{flag[2:]}"
    variable, text = _VARIABLE + each.name.upper(), each.metadata["help"]
    return Annotated[
        hint, typer.Option(flag, envvar=variable, help=text, rich_help_panel=CONNECTION)
    ]
