"""What can be wrong with who calls, besides the refusals that callers see."""


class SourceError(Exception):
    """An access file or a JWKS cannot be used; one line that names the place and no secret."""


class NotListedError(Exception):
    """A credential that verifies belongs to no caller of the access file."""

    def __init__(self, name: str) -> None:
        """`name` is what the credential says; only what can be shown of it is kept."""
        shown = "".join(each if " " < each < "\x7f" else "?" for each in name[:_SHOWN_MAX])
        super().__init__(shown)
        self.name = shown


_SHOWN_MAX = 128
