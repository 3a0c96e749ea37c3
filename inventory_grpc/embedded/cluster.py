"""Makes the database cluster: all of it in a directory aside, then one rename.

Whatever stops a creation half-way, the next start finds either a whole cluster
with its passwords or none.
"""

import json
import os
import secrets
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from inventory_grpc.embedded.account import give, make_private_directory
from inventory_grpc.embedded.errors import ProgramFailedError
from inventory_grpc.embedded.launch import Launcher

DATABASE: Final = "inventory"
SUPERUSER_ROLE: Final = "postgres"
OWNER_ROLE: Final = "inventory_owner"
SERVICE_ROLE: Final = "inventory_service"

_BUILTIN_LOCALE_MAJOR: Final = 17
_CLOSED_PUBLIC_SCHEMA_MAJOR: Final = 15


@dataclass(frozen=True, slots=True)
class Credentials:
    """The passwords of the three roles; letters, digits, - and _ only."""

    superuser: str
    owner: str
    service: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """A directory that holds `data` (PGDATA) and the passwords beside it."""

    root: Path

    @property
    def data(self) -> Path:
        """What PostgreSQL calls its data directory."""
        return self.root / "data"

    def exists(self) -> bool:
        """Whether the cluster was made: it appears whole or not at all."""
        return self.root.exists()

    def major(self) -> int | None:
        """The major version that made the cluster; None when there is none yet."""
        if not self.exists():
            return None
        return int((self.data / "PG_VERSION").read_text(encoding="ascii"))

    def credentials(self) -> Credentials:
        """The passwords written when the cluster was made."""
        return Credentials(**json.loads(_password_file(self.root).read_text(encoding="ascii")))


def create(cluster: Cluster, launcher: Launcher, *, durable: bool) -> None:
    """Make the cluster with its database and roles; raises `ProgramFailedError`.

    Not `durable` skips the one flush to disk at the end. Only the holder of
    the data directory's lock may call this.
    """
    base = cluster.root.parent
    for leftover in base.glob("new-*"):
        shutil.rmtree(leftover)
    staging = Cluster(Path(tempfile.mkdtemp(prefix="new-", dir=base)))
    if launcher.account is not None:
        staging.root.chmod(0o711)
    _fill(staging, launcher)
    if durable:
        launcher.run("initdb", "--sync-only", "-D", str(staging.data))
        _flush(_password_file(staging.root), staging.root)
    staging.root.rename(cluster.root)
    _flush(base)


def _fill(staging: Cluster, launcher: Launcher) -> None:
    passwords = Credentials(*(secrets.token_urlsafe(24) for _ in range(3)))
    make_private_directory(staging.data, launcher.account)
    _initdb(staging, launcher, passwords.superuser)
    _bootstrap(staging, launcher, passwords)
    _write_private(_password_file(staging.root), json.dumps(asdict(passwords)))


def _initdb(staging: Cluster, launcher: Launcher, superuser_password: str) -> None:
    password_file = staging.root / "initdb.password"
    _write_private(password_file, superuser_password)
    give(password_file, launcher.account)

    def initdb(*letters: str) -> None:
        launcher.run(
            "initdb",
            *("-D", str(staging.data)),
            *(f"--username={SUPERUSER_ROLE}", f"--pwfile={password_file}"),
            *("--auth-local=scram-sha-256", "--auth-host=reject"),
            *("--encoding=UTF8", "--locale=C", *letters),
            # One flush at the end does for all files; see `create`.
            *("--no-sync", "--no-instructions"),
        )

    # All sort bytewise, and know which letters are the same but for their case.
    if launcher.binaries.major >= _BUILTIN_LOCALE_MAJOR:
        # Alike on every machine, and never changes with its C library.
        initdb("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    else:
        try:
            initdb("--lc-ctype=C.UTF-8")
        except ProgramFailedError:
            # Not every C library has it: then only those of ASCII are known.
            initdb()
    password_file.unlink()


def _bootstrap(staging: Cluster, launcher: Launcher, passwords: Credentials) -> None:
    _single_user(
        staging,
        launcher,
        SUPERUSER_ROLE,
        f"CREATE ROLE {OWNER_ROLE} LOGIN PASSWORD '{passwords.owner}'",
        f"CREATE ROLE {SERVICE_ROLE} LOGIN PASSWORD '{passwords.service}'",
        # A forgotten transaction keeps dead row versions alive and counters slow.
        f"ALTER ROLE {SERVICE_ROLE} SET idle_in_transaction_session_timeout = '10s'",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}",
        f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {DATABASE} TO {SERVICE_ROLE}",
    )
    if launcher.binaries.major < _CLOSED_PUBLIC_SCHEMA_MAJOR:
        _single_user(
            staging,
            launcher,
            DATABASE,
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            f"ALTER SCHEMA public OWNER TO {OWNER_ROLE}",
        )


def _single_user(staging: Cluster, launcher: Launcher, database: str, *statements: str) -> None:
    # Each line is one statement; without exit_on_error a failed one would go unnoticed.
    script = "".join(statement + "\n" for statement in statements)
    options = ("-F", "-c", "exit_on_error=on", "-D", str(staging.data))
    launcher.run("postgres", "--single", *options, database, stdin=script)


def _password_file(root: Path) -> Path:
    return root / "credentials.json"


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def _flush(*paths: Path) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
