"""Settings: where they come from, what is refused, what is never shown."""

import os
from pathlib import Path

import pytest
import typer
from pydantic import ValidationError
from typer.testing import CliRunner

from inventory_grpc import cli
from inventory_grpc.commands.target import dial_target
from inventory_grpc.flags import with_settings
from inventory_grpc.settings import Settings

_URL = "postgresql://service:secret@db/inventory"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("INVENTORY_"):
            monkeypatch.delenv(name)


def test_a_variable_sets_the_field_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_LOCK_TIMEOUT_MS", "750")
    assert Settings().lock_timeout_ms == 750


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "")
    monkeypatch.setenv("INVENTORY_WORKERS", "")
    assert (Settings().database_url, Settings().workers) == (None, 1)


def test_a_flag_wins_over_the_variable_and_reaches_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INVENTORY_LOCK_TIMEOUT_MS", "750")
    monkeypatch.setenv("INVENTORY_WORKERS", "2")
    settings = _served("--lock-timeout-ms", "900", "--no-reflection", "--pooler", "transaction")
    assert settings == Settings(
        lock_timeout_ms=900, workers=2, reflection=False, pooler="transaction"
    )


def test_every_setting_is_a_flag_with_its_variable_in_the_help() -> None:
    shown = " ".join(CliRunner().invoke(cli.app, ["serve", "--help"]).output.split())
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')} " in shown
        assert f"INVENTORY_{name.upper()}" in shown


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_setting_out_of_bounds_is_named_by_its_flag() -> None:
    result = CliRunner().invoke(cli.app, ["serve", "--workers", "0", "--listen", "nowhere"])
    assert result.exit_code == 2
    assert "--workers: Input should be greater than or equal to 1" in result.output
    assert "--listen: must be HOST:PORT" in result.output


@pytest.mark.parametrize("name", ["database_url", "migration_database_url", "read_database_url"])
def test_a_url_names_the_driver_that_is_installed(name: str) -> None:
    for scheme in ("postgres", "postgresql", "postgresql+psycopg2"):
        given = {"database_url": _URL, name: f"{scheme}://u@h/d"}
        assert getattr(Settings.model_validate(given), name) == "postgresql+psycopg2://u@h/d"


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ValidationError, match="postgresql://"):
        Settings(database_url="sqlite:///x")


@pytest.mark.parametrize("name", ["migration_database_url", "read_database_url"])
def test_another_url_of_the_database_alone_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="needs --database-url"):
        Settings.model_validate({name: _URL})


def test_passwords_appear_in_no_repr_and_no_error() -> None:
    assert "secret" not in repr(Settings(database_url=_URL))
    with pytest.raises(ValidationError) as refused:
        Settings(database_url="mysql://service:secret@db/inventory")
    assert "secret" not in str(refused.value)


def test_settings_do_not_change_after_they_were_read() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.workers = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:0", "localhost:50051", "[::1]:50051", "0.0.0.0:65535", "unix:/run/i.sock"],
)
def test_an_address_may_be(address: str) -> None:
    assert Settings(listen=address).listen == address


@pytest.mark.parametrize("address", ["", "50051", "host", "host:", "::1:50051", "h:65536", "unix:"])
def test_an_address_may_not_be(address: str) -> None:
    with pytest.raises(ValidationError):
        Settings(listen=address)


def test_the_data_directory_does_not_move_with_the_working_directory() -> None:
    assert Settings(data_dir=Path("data")).data_dir == Path.cwd() / "data"


def test_the_data_directory_follows_the_xdg_convention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/xdg")
    assert Settings().data_dir == Path("/xdg/inventory_grpc")


@pytest.mark.parametrize(
    ("listen", "dialed"),
    [
        ("0.0.0.0:50051", "127.0.0.1:50051"),
        ("[::]:50051", "[::1]:50051"),
        ("10.0.0.1:1", "10.0.0.1:1"),
        ("unix:/run/i.sock", "unix:/run/i.sock"),
    ],
)
def test_the_health_command_dials_where_the_server_listens(listen: str, dialed: str) -> None:
    assert dial_target(listen) == dialed


def test_the_health_command_fails_when_nothing_answers(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.app, ["health", "--listen", f"unix:{tmp_path}/none"])
    assert (result.exit_code, result.output.strip()) == (1, "UNAVAILABLE")


def _served(*flags: str) -> Settings:
    """What `serve` would have been called with."""
    seen: list[Settings] = []

    def record(settings: Settings) -> int:
        seen.append(settings)
        return 0

    app = typer.Typer()
    app.command("serve")(with_settings(record))
    result = CliRunner().invoke(app, list(flags))
    assert result.exit_code == 0, result.output
    return seen[0]
