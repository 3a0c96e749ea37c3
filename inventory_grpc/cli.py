"""The `inventory-grpc` command. What it can do is in `commands`, one module each."""

import os
from typing import Any, Final

try:
    import typer
except ModuleNotFoundError as missing:
    # The base install is the client library; it has this script all the same.
    raise SystemExit(
        "the command line is not installed: pip install 'inventory_grpc[cli]', "
        "or with the server: pip install 'inventory_grpc[server]'"
    ) from missing

# Read when gRPC is loaded. Unset, it writes a line of its own for every handshake that fails, and a
# stranger could fill the log; INFO from outside brings them back.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from inventory_grpc.commands.lazy import LazyCommands, LazyGroup

COMMANDS: Final = {
    "product": "Products: list, get, create, update, delete, undelete.",
    "location": "Locations: list, get, create, update, delete.",
    "stock": "Stock: levels, level, availability, adjust, set, policy, transfer, movements, blame.",
    "hold": "Holds: create, get, list, extend, convert, release.",
    "order": "Orders: create, get, list, confirm, ship, deliver, cancel, return, events, explain.",
    "import": "Import products, or stock of products, from CSV or JSONL.",
    "export": "Export products and their stock to CSV or JSONL.",
    "shell": "Run commands interactively, with completion and history.",
    "bench": "Try orders again and again, and show how many a server takes.",
    "serve": "Serve until told to stop, then finish what is in flight.",
    "migrate": "Bring the schema up to date and print its revision.",
    "health": "Ask a running server for its health.",
    "check": "Have a running server prove that its books agree.",
    "doctor": "Look for what is wrong, or may become so, and say what to do.",
    "repair": "Show what would mend damaged stock levels; with --apply do it.",
    "watch": "Show every change that a running server commits.",
    "key": "Make an API key.",
    "version": "Print the version.",
}
"""The modules of `commands`, in the order of the help, and what it says of them."""


class _Root(LazyGroup):
    def __init__(self, **attributes: Any) -> None:
        attributes["commands"] = LazyCommands("inventory_grpc.commands", COMMANDS)
        super().__init__(**attributes)


app = typer.Typer(
    name="inventory-grpc",
    cls=_Root,
    no_args_is_help=True,
    rich_markup_mode=None,
    # Plain tracebacks: a boxed one with local variables would print passwords.
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """A gRPC service that owns products, stock and orders for other backends.

    Exit statuses: 0 done; 1 refused, or something wrong was found; 2 wrong usage, or the server
    could not be reached; 3 not found; 4 `doctor` has warnings only; 130 Ctrl-C.
    """


def main() -> None:
    """Entry point of the script `inventory-grpc` and of `python -m inventory_grpc`."""
    app()
