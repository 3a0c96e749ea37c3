"""The access file: what is understood, and that nothing else is."""

import re
from hashlib import sha256

import pytest

from inventory_grpc.domain.caller import Caller, Limits, Role
from inventory_grpc.identity.access import parse_access
from inventory_grpc.identity.api_keys import digest_of, new_key
from inventory_grpc.identity.errors import SourceError
from tests.tidy.sources import ROOT

DIGEST = "ab" * 32
FULL = f"""
[callers.checkout]
role = "writer"
api_keys_sha256 = ["{digest_of("old")}", "{digest_of("new").upper()}"]
certificate_uris = ["spiffe://shop.example/checkout"]
jwt_subjects = ["checkout", "auth0|77"]
[callers.checkout.limits]
reads_per_second = 1000
watch_streams = 0

[callers."shop.window_2-b"]
role = "reader"
"""


def test_a_caller_has_a_role_limits_and_any_number_of_credentials() -> None:
    access = parse_access(FULL.encode())
    checkout, window = access.callers["checkout"], access.callers["shop.window_2-b"]
    assert (checkout.role, window.role) == (Role.WRITER, Role.READER)
    assert checkout.limits == Limits(reads_per_second=1000, watch_streams=0)
    assert window.limits == Limits()
    assert access.api_keys.caller_of("old") is access.api_keys.caller_of("new") is checkout
    assert access.certificate_uris == {b"spiffe://shop.example/checkout": checkout}
    assert access.jwt_subjects == {"checkout": checkout, "auth0|77": checkout}


def test_the_example_of_the_docs_is_understood() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (caller,) = parse_access(example.encode()).callers.values()
    assert caller == Caller("checkout", Role.WRITER, Limits(writes_per_second=500))


def test_a_key_is_known_by_all_of_its_digest() -> None:
    key = new_key()
    other = sha256(key.encode()).digest()
    # The same bucket, another digest.
    near = other[:31] + bytes([other[31] ^ 1])
    access = parse_access(_caller(f'api_keys_sha256 = ["{near.hex()}"]').encode())
    assert access.api_keys.caller_of(key) is None


def test_a_key_presented_before_is_known_as_long_as_the_file_has_it() -> None:
    with_key, without = parse_access(FULL.encode()), parse_access(_caller().encode())
    for _ in range(2):
        assert with_key.api_keys.caller_of("old") is with_key.callers["checkout"]
        assert with_key.api_keys.caller_of("older") is None
        assert without.api_keys.caller_of("old") is None


def test_keys_are_long_random_and_say_what_they_are() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("inv_") and len(key) == 47 for key in keys)


def _caller(*lines: str, name: str = "checkout") -> str:
    return "\n".join([f"[callers.{name}]", 'role = "writer"', *lines])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("callers = 1", "callers: "),
        ("", "callers: "),
        ("[callers]", "callers: there is none"),
        ("[caller.x]\nrole = 'writer'", "caller: "),
        ("[callers.x]", "callers.x.role: "),
        ("[callers.x]\nrole = 'Writer'", "callers.x.role: "),
        ("[callers.x]\nrole = 3", "callers.x.role: "),
        (_caller("api_key_sha256 = []"), "callers.checkout.api_key_sha256: "),
        (_caller("api_keys_sha256 = 'x'"), "callers.checkout.api_keys_sha256: "),
        (_caller("api_keys_sha256 = [7]"), "callers.checkout.api_keys_sha256[0]: "),
        (
            _caller(f"api_keys_sha256 = ['{DIGEST}', '{DIGEST[:-1]}']"),
            "callers.checkout.api_keys_sha256[1]: not the SHA-256",
        ),
        (
            _caller(f"api_keys_sha256 = ['{DIGEST[:-1]}g']"),
            "callers.checkout.api_keys_sha256[0]: not the SHA-256",
        ),
        (
            _caller(f"api_keys_sha256 = ['{sha256().hexdigest()}']"),
            "callers.checkout.api_keys_sha256[0]: the SHA-256 of nothing",
        ),
        (_caller("certificate_uris = ['checkout']"), "callers.checkout.certificate_uris[0]: "),
        (_caller("certificate_uris = ['a:b c']"), "callers.checkout.certificate_uris[0]: "),
        (_caller("jwt_subjects = ['']"), "callers.checkout.jwt_subjects[0]: "),
        (_caller("limits = {reads = 1}"), "callers.checkout.limits.reads: "),
        (_caller("limits = {in_flight = -1}"), "callers.checkout.limits.in_flight: "),
        (_caller("limits = {in_flight = true}"), "callers.checkout.limits.in_flight: "),
        (_caller("limits = {in_flight = 1.5}"), "callers.checkout.limits.in_flight: "),
        (_caller(name="anonymous"), "callers.anonymous: the name is the server's own"),
        (_caller(name="'system:expiry'"), "callers.system:expiry: "),
        (_caller(name="Checkout"), "callers.Checkout: a caller's name"),
        (_caller(name="''"), "callers.: a caller's name"),
        (_caller(name="a" * 65), f"callers.{'a' * 65}: a caller's name"),
        ("[callers.x\n", "not TOML: "),
        (_caller() + "\n" + _caller(), "not TOML: "),
    ],
)
def test_what_is_not_exactly_understood_is_an_error_that_names_the_place(
    text: str, place: str
) -> None:
    with pytest.raises(SourceError) as wrong:
        parse_access(text.encode())
    assert any(problem.startswith(place) for problem in str(wrong.value).split("; "))


@pytest.mark.parametrize(
    ("field", "one"),
    [
        ("api_keys_sha256", DIGEST),
        ("certificate_uris", "spiffe://shop.example/checkout"),
        ("jwt_subjects", "checkout"),
    ],
)
def test_a_credential_belongs_to_one_caller(field: str, one: str) -> None:
    line = f'{field} = ["{one}"]'
    text = "\n".join([_caller(line), _caller(line.replace("ab", "AB"), name="billing")])
    with pytest.raises(SourceError, match=rf"callers.billing.{field}\[0\]: checkout has the same"):
        parse_access(text.encode())


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"a = " + b"[" * 100_000, b"a = '\0'"])
def test_no_bytes_are_more_than_an_error(raw: bytes) -> None:
    with pytest.raises(SourceError, match="not TOML"):
        parse_access(raw)


def test_no_error_quotes_what_may_be_a_secret() -> None:
    secret = new_key()
    for line in (f"api_keys_sha256 = ['{secret}']", f"jwt_subjects = '{secret}'"):
        with pytest.raises(SourceError) as wrong:
            parse_access(_caller(line).encode())
        assert secret not in str(wrong.value)
