"""`inventory-grpc doctor`, on a database that is well and on ones that are not."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from inventory_grpc.cli import app
from tests.conftest import Database
from tests.server.harness import Server
from tests.server.pki import Authority
from tests.server.replicas import replicated

_NOBODY = "127.0.0.1:1"


@dataclass(frozen=True)
class Told:
    """What it found."""

    status: int
    findings: list[dict[str, str]]

    def of(self, verdict: str, area: str) -> str:
        """All that is of that verdict and area, with what to do about it."""
        return "\n".join(
            f"{each['what']} -> {each['advice']}"
            for each in self.findings
            if (each["verdict"], each["area"]) == (verdict, area)
        )

    @property
    def failed(self) -> list[dict[str, str]]:
        return [each for each in self.findings if each["verdict"] == "fail"]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test sets."""
    for name in os.environ:
        if name.startswith("INVENTORY_"):
            monkeypatch.delenv(name)


def _asked(*flags: object) -> Told:
    done = CliRunner().invoke(app, ["doctor", "-o", "json", *(str(each) for each in flags)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    told: dict[str, Any] = json.loads(done.stdout)
    return Told(done.exit_code, told["findings"])


def _of(database: Database, *flags: object) -> Told:
    return _asked("--database-url", database.url, "--listen", _NOBODY, *flags)


@pytest.fixture
def superuser(database: Database) -> Iterator[Callable[[str], None]]:
    """Runs a statement in the test's database that nobody else may."""
    conn = database.connect("superuser")
    conn.set_session(autocommit=True)

    def run(statement: str) -> None:
        with conn.cursor() as cursor:
            cursor.execute(statement)

    yield run
    conn.close()


def test_what_is_well_is_said_and_what_may_hurt_is_warned_of(
    server: Server, shared_database: Database
) -> None:
    told = _asked(
        *("--database-url", shared_database.url, "--listen", server.target),
        *("--migration-database-url", shared_database.owner_url),
    )
    assert told.failed == []
    assert "is serving" in told.of("ok", "server")
    assert "PostgreSQL" in told.of("ok", "database")
    assert "behind" in told.of("ok", "database") or "ahead" in told.of("ok", "database")
    assert "as this release" in told.of("ok", "schema")
    assert "only add" in told.of("ok", "rights")
    assert "place" in told.of("ok", "stream")
    assert told.of("ok", "holds")
    # The tests' database does without what costs time.
    assert "ALTER SYSTEM SET fsync = on" in told.of("warn", "database")
    assert told.status == 4


def test_every_warning_and_failure_says_what_to_do(database: Database) -> None:
    for told in (_of(database, "--demo"), _of(database, "--listen", "0.0.0.0:1")):
        wrong = [each for each in told.findings if each["verdict"] != "ok"]
        assert wrong
        assert [each for each in wrong if not each["advice"]] == []


def test_a_setting_out_of_bounds_is_a_failure_and_its_value_stays_secret() -> None:
    told = _asked("--lock-timeout-ms", 0, "--database-url", "mysql://u:hunter2@h/d")
    assert told.status == 1
    assert "--lock-timeout-ms" in told.of("fail", "settings")
    assert "hunter2" not in str(told.findings)


def test_a_database_that_is_away_is_a_failure_without_its_password() -> None:
    told = _asked("--database-url", "postgresql://u:hunter2@127.0.0.1:1/d", "--listen", _NOBODY)
    assert told.status == 1
    assert "refused" in told.of("fail", "database")
    assert "hunter2" not in str(told.findings)


def test_a_database_of_nobody_is_a_warning(tmp_path: Path) -> None:
    told = _asked("--data-dir", tmp_path / "none", "--listen", _NOBODY)
    assert "no embedded database" in told.of("warn", "database")
    assert not (tmp_path / "none").exists()


def test_an_empty_database_wants_to_be_migrated(empty_database: Database) -> None:
    told = _of(empty_database)
    assert told.status == 1
    assert "inventory-grpc migrate" in told.of("fail", "schema")


def test_a_service_that_may_change_the_ledger_is_warned_of(
    database: Database, superuser: Callable[[str], None]
) -> None:
    superuser("GRANT UPDATE ON stock_movements TO inventory_service")
    assert "may change the ledger" in _of(database).of("warn", "rights")


def test_a_service_that_may_not_read_is_a_failure(
    database: Database, superuser: Callable[[str], None]
) -> None:
    superuser("REVOKE ALL ON orders FROM inventory_service")
    told = _of(database)
    assert told.status == 1
    assert "orders" in told.of("fail", "rights")


@pytest.mark.parametrize(("minutes", "verdict"), [(1, "warn"), (10, "fail")])
def test_commits_that_get_no_place_are_told_by_how_long_they_wait(
    database: Database, superuser: Callable[[str], None], minutes: int, verdict: str
) -> None:
    superuser(
        "INSERT INTO commits (commit_id, commit_seq, commit_time) "  # noqa: S608
        f"VALUES (gen_random_uuid(), 1, now() - interval '{minutes} minutes')"
    )
    assert "1 commits wait" in _of(database).of(verdict, "stream")


def test_holds_that_nobody_sweeps_up_are_warned_of(
    database: Database, superuser: Callable[[str], None]
) -> None:
    superuser("ALTER TABLE hold_lines DROP CONSTRAINT hold_lines_hold_id_fkey")
    superuser(
        "INSERT INTO hold_lines (hold_id, line_number, requested_line, product_id, location_id, "
        "requested_quantity, quantity, expire_time) VALUES (gen_random_uuid(), 1, 0, "
        "gen_random_uuid(), 'default', 1, 1, now() - interval '5 minutes')"
    )
    assert "1 lines of holds are due" in _of(database).of("warn", "holds")
    assert "sweep" in _of(database, "--hold-sweep-seconds", 0).of("warn", "settings")


def test_more_connections_than_there_are_is_a_failure(database: Database) -> None:
    told = _of(database, "--read-pool-size", 200)
    assert "may open" in told.of("fail", "database")
    assert "--read-pool-size" in told.of("fail", "database")


def test_limits_of_the_role_are_looked_at(
    database: Database, superuser: Callable[[str], None]
) -> None:
    role = f"ALTER ROLE inventory_service IN DATABASE {database.name} SET "
    superuser(role + "idle_in_transaction_session_timeout = 0")
    superuser(role + "statement_timeout = 100")
    warned = _of(database).of("warn", "database")
    assert "keeps rows locked" in warned
    assert "statement_timeout is 100 ms" in warned


def test_a_database_that_is_read_only_is_a_failure(
    database: Database, superuser: Callable[[str], None]
) -> None:
    superuser(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    told = _of(database)
    assert told.status == 1
    assert "transaction_read_only is on" in told.of("fail", "database")


def test_a_replica_has_to_be_one_of_this_database(
    database: Database, shared_database: Database, superuser: Callable[[str], None]
) -> None:
    superuser("UPDATE service_identity SET database_id = gen_random_uuid()")
    told = _of(database, "--read-database-url", shared_database.url)
    assert "another database" in told.of("fail", "replica")
    same = _of(database, "--read-database-url", database.url)
    assert "no standby" in same.of("warn", "replica")
    away = _of(database, "--read-database-url", "postgresql://u@127.0.0.1:1/d")
    assert "refused" in away.of("warn", "replica")


def test_a_server_that_others_can_reach_needs_tls_and_callers(database: Database) -> None:
    open_to_all = _of(database, "--listen", "0.0.0.0:1")
    assert "no TLS" in open_to_all.of("fail", "settings")
    meant = _of(database, "--listen", "0.0.0.0:1", "--insecure")
    assert "no TLS" in meant.of("warn", "settings")


@pytest.mark.parametrize(
    ("lasts", "verdict"),
    [(timedelta(days=60), "ok"), (timedelta(days=3), "warn"), (timedelta(hours=-1), "fail")],
)
def test_a_certificate_is_told_by_how_long_it_is_good(
    database: Database, tmp_path: Path, lasts: timedelta, verdict: str
) -> None:
    certificate, key = Authority().server(lasts=lasts).written(tmp_path)
    told = _of(database, "--tls-certificate-file", certificate, "--tls-key-file", key)
    assert f"{certificate} is valid until" in told.of(verdict, "tls")


def test_a_certificate_that_is_missing_is_a_failure(database: Database, tmp_path: Path) -> None:
    none = tmp_path / "none"
    told = _of(database, "--tls-certificate-file", none, "--tls-key-file", none)
    assert str(none) in told.of("fail", "tls")


def test_an_access_file_that_is_not_understood_is_a_failure(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "access.toml"
    file.write_text("[callers")
    told = _of(database, "--access-file", file)
    assert "not TOML" in told.of("fail", "settings")


def test_people_get_a_list_that_says_the_same() -> None:
    done = CliRunner().invoke(app, ["doctor", "--lock-timeout-ms", "0"])
    assert done.exit_code == 1
    assert done.stdout.startswith("fail  settings  --lock-timeout-ms")
    assert "-> " in done.stdout


def test_a_real_replica_is_told_by_how_far_it_is_behind(passable_dir: Path) -> None:
    with replicated(passable_dir) as pair, pair.replica:
        flags = ("--database-url", pair.primary.url(), "--read-database-url", pair.replica.url())
        followed = _asked(*flags, "--listen", _NOBODY)
        assert "bytes behind" in followed.of("ok", "replica") + followed.of("warn", "replica")
        standby_alone = _asked("--database-url", pair.replica.url(), "--listen", _NOBODY)
        assert "it is a standby" in standby_alone.of("fail", "database")
