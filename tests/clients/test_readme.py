"""What the README and the guide for operators tell people to paste works as it stands there."""

import re
import subprocess
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Final

from tests.clients.journey import BIN
from tests.conftest import Database
from tests.server.harness import Server, blocked_statements

_README: Final = Path(__file__).parents[2] / "README.md"
_OPERATING: Final = _README.with_name("docs") / "operating.md"
_PASTED, _RECIPES = "The test pastes the next block.", "The test runs the next block, line by line."


def test_the_first_order_is_placed_refused_and_cancelled(server: Server) -> None:
    done = _shell(server, _block(_README, _PASTED))
    # The order comes over standard error because the line keeps its id.
    assert '"ORDER_STATUS_PENDING"' in done.stderr
    assert done.stderr.count("ERROR:") == 1
    assert "line 0: 8 of CUP requested, 7 available" in done.stderr
    assert "INSUFFICIENT_STOCK" in done.stderr
    assert '"ORDER_STATUS_CANCELLED"' in done.stdout
    assert "changed my mind" in done.stdout


def test_every_recipe_is_a_call_that_succeeds(server: Server) -> None:
    recipes = [line for line in _block(_OPERATING, _RECIPES) if not line.startswith("#")]
    # The function, and the order that the recipes are about.
    ordered = [_block(_README, _PASTED)[0], *_block(_OPERATING, _PASTED)]
    marked = [line for recipe in recipes for line in ("echo ---", recipe)]
    done = _shell(server, [*ordered, "set -e", *marked])
    assert (done.returncode, done.stderr.count("ERROR:")) == (0, 0), done.stderr
    answers = done.stdout.split("---\n")[1:]
    assert len(answers) == len(recipes)
    assert all(answer.lstrip().startswith("{") for answer in answers)
    product, order = answers[1], answers[3]
    assert '"MOVEMENT_KIND_RECEIVED"' in product
    assert '"MOVEMENT_KIND_ALLOCATED"' in order


def test_the_query_names_who_holds_a_row_that_others_wait_for(database: Database) -> None:
    sql = re.search(r"```sql\n(SELECT.*?)```", _OPERATING.read_text(encoding="utf-8"), re.DOTALL)
    assert sql is not None
    lock = "SELECT location_id FROM locations FOR UPDATE"
    holder, waiter, asking = (database.connect(role) for role in ("owner", "owner", "superuser"))
    asking.autocommit = True
    with closing(holder), closing(waiter), closing(asking), asking.cursor() as question:
        holder.cursor().execute(lock)
        waiting = Thread(target=waiter.cursor().execute, args=(lock,))
        waiting.start()
        blocked_statements(database, 1)
        question.execute(sql[1])
        assert [row[0] for row in question] == [holder.info.backend_pid]
        holder.rollback()
        waiting.join(30)
        assert not waiting.is_alive()


def _block(page: Path, comment: str) -> list[str]:
    """The lines of the block behind that comment."""
    text = page.read_text(encoding="utf-8")
    found = re.search(rf"<!-- {re.escape(comment)} -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1].splitlines()


def _shell(server: Server, lines: list[str]) -> subprocess.CompletedProcess[str]:
    """Paste the lines into a shell, against this test's server and with this test's tools."""
    script = "\n".join(lines).replace("127.0.0.1:50051", server.target)
    script = script.replace(".venv/bin/", f"{BIN}/")
    return subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
