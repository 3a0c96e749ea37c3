"""Log lines: one per event, whatever text is in them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry.trace.span import TraceState

from inventory_grpc.server.logging import LogFormat, configure

_FORGED = "mug\n{'event': 'forged'}\x1b[2J\x85\u2028end"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("log_format", ["json", "console", "auto"])
def test_control_characters_never_reach_a_line(log_format: LogFormat) -> None:
    stream = io.StringIO()
    configure("info", log_format, stream)
    structlog.stdlib.get_logger("test").info("told", sku=_FORGED)
    logging.getLogger("stdlib").warning("about %s", _FORGED)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert not any(ord(character) < 32 or ord(character) == 127 for character in "".join(lines))
    assert "\\u001b" not in stream.getvalue()


def test_json_lines_can_be_parsed_and_say_where_they_come_from() -> None:
    stream = io.StringIO()
    configure("info", "auto", stream)
    logging.getLogger("some.library").error("failed", extra={"attempt": 3})
    line = json.loads(stream.getvalue())
    assert line["event"] == "failed"
    assert (line["level"], line["logger"], line["attempt"]) == ("error", "some.library", 3)


def test_a_traceback_keeps_its_lines_for_people() -> None:
    stream = io.StringIO()
    configure("info", "console", stream)
    try:
        int(_FORGED)
    except ValueError:
        logging.getLogger("test").exception("bug")
    text = stream.getvalue()
    assert "Traceback" in text
    assert "\x1b" not in text


def test_what_is_less_severe_is_not_written() -> None:
    stream = io.StringIO()
    configure("warning", "json", stream)
    structlog.stdlib.get_logger("test").info("told")
    assert stream.getvalue() == ""


def test_what_strangers_send_as_tracestate_is_not_quoted() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    TraceState.from_header(["no pair at all", "no key=\x00"])
    assert stream.getvalue() == ""
