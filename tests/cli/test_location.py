"""`inventory-grpc location`."""

from tests.cli.calling import Cli


def test_a_location_is_created_listed_changed_and_deleted(cli: Cli) -> None:
    made = cli.json("location", "create", "hamburg", "--name", "Hamburg", "--label", "a=b")
    assert (made["display_name"], made["labels"]) == ("Hamburg", {"a": "b"})
    assert "hamburg" in cli.ok("location", "list").out
    changed = cli.json("location", "update", "hamburg", "--priority", 7)
    assert (changed["priority"], changed["display_name"]) == (7, "Hamburg")
    assert "delete_time" in cli.json("location", "delete", "hamburg", "--expected-version", 2)
    assert "DELETED" not in cli.ok("location", "list").out
    assert "hamburg" in cli.ok("location", "list", "--deleted").out
    assert "display_name" in cli.ok("location", "get", "hamburg").out


def test_a_stale_version_is_refused(cli: Cli) -> None:
    cli.ok("location", "create", "bremen")
    said = cli.run("location", "update", "bremen", "--name", "B", "--expected-version", 5)
    assert said.status == 1
    assert "VERSION_MISMATCH" in said.err
    assert "read it again" in said.err
