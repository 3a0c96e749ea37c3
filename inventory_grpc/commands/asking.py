"""Asks before something is done that nobody can take back."""

import sys

import typer


def sure(what: str, *, yes: bool) -> None:
    """On a terminal somebody has to agree, else it exits with 1; a script is taken at its word."""
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    if not typer.confirm(f"{what}?", err=True):
        sys.stderr.write("nothing was done\n")
        raise typer.Exit(1)
