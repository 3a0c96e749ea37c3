"""What a server follows, it follows for as long as it serves."""

from inventory_grpc.identity.errors import SourceError
from inventory_grpc.server.identifying import Followed


async def test_what_nobody_expected_of_a_source_is_no_reason_to_stop_looking() -> None:
    used: list[str] = []
    versions = iter([b"good", b"surprising", b"bad", b"better"])

    def parse(raw: bytes) -> str:
        if raw == b"surprising":
            raise ZeroDivisionError
        if raw == b"bad":
            raise SourceError("bad")
        return raw.decode()

    followed = Followed("source", lambda: next(versions), parse, used.append)
    assert [await followed.look() for _ in range(4)] == [True, False, False, True]
    assert used == ["good", "better"]
