"""Log lines on standard error: for people on a terminal, as JSON otherwise.

Everything goes through the standard library's logging, so gRPC's and asyncio's own lines take the
same form. Text that came from outside may be in a line; control characters in it never are, because
they could forge a second line or drive a terminal.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Final, Literal, TextIO

import structlog

LogFormat = Literal["auto", "console", "json"]

_Event = MutableMapping[str, object]

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_BUT_NEWLINE: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_MULTI_LINE: Final = frozenset({"exception", "stack"})


def configure(level: str, log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Send all logging to `stream` (standard error by default); calling again replaces that."""
    stream = stream or sys.stderr
    human = log_format == "console" or (log_format == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_common(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                strip_control,
                _renderer(human=human, colors=stream.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # It announces itself once per revision.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*_common(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def strip_control(_logger: object, _method: str, event: _Event) -> _Event:
    """Replace control characters in every text of the event; a traceback keeps its lines."""
    for key, value in event.items():
        if isinstance(value, str):
            pattern = _CONTROL_BUT_NEWLINE if key in _MULTI_LINE else _CONTROL
            event[key] = pattern.sub("\N{REPLACEMENT CHARACTER}", value)
    return event


def _common() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _renderer(*, human: bool, colors: bool) -> structlog.typing.Processor:
    if human:
        return structlog.dev.ConsoleRenderer(colors=colors)
    return structlog.processors.JSONRenderer(default=str)
