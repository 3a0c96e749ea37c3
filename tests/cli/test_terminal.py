"""What people see: 80 columns, colours only where they belong."""

import os
import re
import subprocess
import sys

import pytest

from inventory_grpc.client import InventoryClient
from tests.cli.terminal import COLUMNS, at_terminal
from tests.server.harness import Server, environment

_COLOUR = "\x1b["


@pytest.fixture(scope="module", autouse=True)
def shop(client: InventoryClient) -> str:
    """A product with a long name, and an order of it; the order's id."""
    client.create_location("a-location-with-a-rather-long-name")
    client.create_product("WIDE-1", "A mug with a name that does not fit " * 4, initial_stock=9)
    order = client.create_order([("WIDE-1", 2)], customer_reference="a customer " * 10).order
    client.cancel_order(order.order_id, reason="a reason that goes on and on " * 5)
    return order.order_id


def _seen(server: Server, *words: str, **variables: str) -> tuple[int, str, str]:
    """Exit status, text, and text with its colours."""
    variables["INVENTORY_CLIENT_TARGET"] = server.target
    with at_terminal(*words, **variables) as terminal:
        status = terminal.end()
        return status, terminal.text, terminal.raw.decode()


@pytest.mark.parametrize(
    "words",
    [
        "product list",
        "order list",
        "stock levels",
        "stock movements",
        "stock blame WIDE-1",
        "location list",
        "hold list",
    ],
)
def test_lists_fit_into_80_columns(server: Server, words: str) -> None:
    status, text, _ = _seen(server, *words.split())
    assert status == 0
    assert text.strip()
    assert [line for line in text.splitlines() if len(line) > COLUMNS] == []


def test_an_explanation_fits_into_80_columns_and_keeps_ids_whole(server: Server, shop: str) -> None:
    _, text, _ = _seen(server, "order", "explain", shop)
    assert shop in text
    wide = [line for line in text.splitlines() if len(line) > COLUMNS]
    # Details are never cut: the terminal goes on in the next line.
    assert {line.split()[0] for line in wide} <= {"customer_reference", "status_reason"}


def test_an_id_is_never_cut_in_a_list(server: Server, shop: str) -> None:
    _, text, _ = _seen(server, "order", "list")
    assert shop in text
    assert "…" in _seen(server, "product", "list")[1]


def test_there_are_colours_at_a_terminal_and_none_where_nobody_wants_any(
    server: Server, shop: str
) -> None:
    assert _COLOUR in _seen(server, "order", "list")[2]
    plain = _seen(server, "order", "list", NO_COLOR="1")
    assert plain[0] == 0
    assert _COLOUR not in plain[2]
    assert _COLOUR not in _seen(server, "order", "list", TERM="dumb")[2]


def test_errors_have_colours_at_a_terminal_only(server: Server) -> None:
    status, text, raw = _seen(server, "product", "get", "NO-SUCH")
    assert (status, _COLOUR in raw) == (3, True)
    assert "what to do" in text
    assert _COLOUR not in _seen(server, "product", "get", "NO-SUCH", NO_COLOR="1")[2]


def test_a_pipe_gets_no_colours_and_everything_whole(server: Server, shop: str) -> None:
    command = [sys.executable, "-m", "inventory_grpc", "order", "list", "--target", server.target]
    env = {**environment(), "FORCE_COLOR": "1", "COLUMNS": "40"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    assert _COLOUR not in done.stdout
    assert shop in done.stdout
    assert "a customer " * 9 in done.stdout


def test_a_pipe_that_closes_early_is_no_drama(server: Server) -> None:
    command = [sys.executable, "-m", "inventory_grpc", "product", "list", "--target", server.target]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command, check=False, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment()
    )
    os.close(writing)
    assert "Traceback" not in done.stderr


def test_what_cannot_be_taken_back_is_asked_about_at_a_terminal(
    server: Server, client: InventoryClient
) -> None:
    client.create_product("DOOMED", "Doomed")
    variables = {"INVENTORY_CLIENT_TARGET": server.target}
    with at_terminal("product", "delete", "DOOMED", **variables) as terminal:
        terminal.until("delete product DOOMED?")
        terminal.type("n\n")
        terminal.until("nothing was done")
        assert terminal.end() == 1
    client.get_product("DOOMED")
    with at_terminal("product", "delete", "DOOMED", "--yes", **variables) as terminal:
        assert terminal.end() == 0
        assert re.search(r"delete_time +\d", terminal.text)
