"""Settings of who may call: what is refused before the server starts."""

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from inventory_grpc import cli
from inventory_grpc.domain.caller import Role
from inventory_grpc.identity.access import parse_access
from inventory_grpc.settings import Settings
from inventory_grpc.settings_access import JWT_ALGORITHMS

TOKENS = {
    "access_file": "access.toml",
    "jwt_jwks": "jwks.json",
    "jwt_issuer": "https://login.shop.example",
    "jwt_audience": "inventory",
}


def test_only_signatures_whose_keys_can_be_published_are_accepted() -> None:
    assert Settings().jwt_signatures == frozenset(JWT_ALGORITHMS)
    assert Settings(jwt_algorithms="ES256, EdDSA").jwt_signatures == {"ES256", "EdDSA"}
    for names in ("HS256", "none", "None", "RS256,HS512", "RS256,", "", "rs256"):
        with pytest.raises(ValidationError, match="each must be one of RS256"):
            Settings(jwt_algorithms=names)


@pytest.mark.parametrize("missing", ["access_file", "jwt_issuer", "jwt_audience"])
def test_tokens_need_an_issuer_an_audience_and_callers(missing: str) -> None:
    assert Settings.model_validate(TOKENS).jwt_audience == "inventory"
    told = {name: value for name, value in TOKENS.items() if name != missing}
    with pytest.raises(ValidationError, match=f"needs --{missing.replace('_', '-')} beside it"):
        Settings.model_validate(told)


@pytest.mark.parametrize("name", ["jwt_issuer", "jwt_audience"])
def test_a_rule_for_tokens_without_their_keys_is_a_mistake(name: str) -> None:
    with pytest.raises(ValidationError, match="needs --jwt-jwks beside it"):
        Settings.model_validate({name: "x"})


@pytest.mark.parametrize(
    "source",
    [
        "https://login.shop.example/jwks", "http://127.0.0.1:8080/jwks", "http://[::1]/jwks",
        "http://localhost/jwks",
    ],
)  # fmt: skip
def test_keys_may_come_from_a_url_that_nobody_can_tamper_with(source: str) -> None:
    assert Settings.model_validate({**TOKENS, "jwt_jwks": source}).jwt_jwks == source


@pytest.mark.parametrize(
    "source",
    [
        "http://login.shop.example/jwks", "http://localhost.evil.example/jwks", "http:///jwks",
        "http://127.0.0.1@evil.example/jwks", "http://10.0.0.1/jwks", "HTTP://10.0.0.1/jwks",
        "ftp://127.0.0.1/jwks", "file:///etc/jwks", "http://[::1/jwks", "https:///jwks",
        "https://user:password@login.shop.example/jwks", "http://user@127.0.0.1/jwks",
    ],
)  # fmt: skip
def test_keys_do_not_come_from_anywhere_else(source: str) -> None:
    with pytest.raises(ValidationError, match=r"https|Invalid"):
        Settings.model_validate({**TOKENS, "jwt_jwks": source})


def test_files_stay_where_they_are_when_the_directory_changes() -> None:
    settings = Settings.model_validate(TOKENS)
    assert settings.access_file is not None
    assert settings.access_file.is_absolute()
    assert settings.jwt_jwks is not None
    assert settings.jwt_jwks.startswith("/")


def test_the_key_command_makes_a_key_and_its_line_for_the_file() -> None:
    first, second = (CliRunner().invoke(cli.app, ["key"]) for _ in range(2))
    assert first.exit_code == 0
    key, line = first.output.splitlines()
    assert key not in second.output
    access = parse_access(f'[callers.a]\nrole = "admin"\n{line}\n'.encode())
    caller = access.api_keys.caller_of(key)
    assert caller is not None
    assert (caller.name, caller.role) == ("a", Role.ADMIN)
