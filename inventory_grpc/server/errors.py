"""Why a server cannot start, each as one line for whoever started it."""

from pathlib import Path


class StartError(Exception):
    """The server cannot start; the text is one line without credentials."""


class AddressTakenError(StartError):
    """Somebody else listens there."""

    def __init__(self, address: str) -> None:
        super().__init__(f"cannot listen on {address}: it is in use by another process")


class AddressUnusableError(StartError):
    """The address is not this machine's, or needs rights this process lacks."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"cannot listen on {address}: {why}")


class ExposedError(StartError):
    """Others than this machine could reach it, and nothing keeps strangers out."""

    def __init__(self, address: str, why: str, against: str) -> None:
        super().__init__(
            f"will not listen on {address}, where others can reach it: {why}; "
            f"set {against}, or say --insecure"
        )


class NotPrivateError(StartError):
    """Others than this machine could reach what is for nobody else."""

    def __init__(self, address: str, what: str) -> None:
        super().__init__(f"will not serve {what} on {address}, where others can reach it")


class ExtraMissingError(StartError):
    """A setting needs libraries that are not installed."""

    def __init__(self, setting: str, extra: str) -> None:
        super().__init__(f"{setting} needs: pip install 'inventory_grpc[server,{extra}]'")


class TlsFileError(StartError):
    """A file of TLS is missing, unreadable, or does not belong to the others."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"cannot use {path} for TLS: {why}")


class AccessFileError(StartError):
    """What callers are identified by is missing, unreadable, or not understood."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"cannot identify callers by {path}: {why}")
