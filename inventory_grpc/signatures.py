"""Commands whose flags are not those of the function that is called."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any


def take(command: Callable[..., Any], flags: Iterable[inspect.Parameter]) -> None:
    """Have Typer give ``command`` these flags: it reads them off signature and annotations."""
    parameters = list(flags)
    vars(command)["__signature__"] = inspect.Signature(parameters)
    command.__annotations__ = {flag.name: flag.annotation for flag in parameters}
