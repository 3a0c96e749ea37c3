"""Log lines on standard error: for people on a terminal, as JSON otherwise.

Everything goes through the standard library's logging, so gRPC's and asyncio's own lines take the
same form. Text that came from outside may be in a line; control characters in it never are, because
they could forge a second line or drive a terminal.
"""

import logging
import os
import re
import stat
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from functools import partial
from typing import Final, Literal, TextIO

import structlog

LogFormat = Literal["auto", "console", "json"]

_Event = MutableMapping[str, object]

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_BUT_NEWLINE: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_MULTI_LINE: Final = frozenset({"exception", "stack"})
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_PIPE_BYTES_MAX: Final = 4096
"""What a pipe takes as a whole, whoever else writes into it."""
_QUOTES: Final = "Invalid encoding on"
"""How a line of gRPC begins that goes on with metadata."""


class LineHandler(logging.StreamHandler[TextIO]):
    """Also takes finished lines, many at a time, from any thread."""

    def __init__(self, stream: TextIO, *, human: bool) -> None:
        super().__init__(stream)
        self.human = human
        """Lines are for people, not JSON."""

    def write_lines(self, lines: Sequence[str]) -> None:
        """Write ASCII lines with their ends; blocks. Raises OSError, and ValueError if closed."""
        for text in _chunks(lines) if _is_pipe(self.stream) else ("".join(lines),):
            self.acquire()
            try:
                self.stream.write(text)
                self.stream.flush()
            finally:
                self.release()


def configure(level: str, log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Send all logging to `stream` (standard error by default); calling again replaces that."""
    stream = stream or sys.stderr
    human = log_format == "console" or (log_format == "auto" and stream.isatty())
    handler = LineHandler(stream, human=human)
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
    # It quotes what strangers send as `tracestate`, at length.
    logging.getLogger("opentelemetry.trace.span").setLevel(logging.ERROR)
    grpc_log = logging.getLogger("grpc._cython.cygrpc")
    grpc_log.addFilter(_quotes_no_metadata)
    # For a filter a record is made first: 8 us for each value that a stranger sends, of which a
    # call can have hundreds.
    grpc_log.exception = partial(_quoting_no_metadata, grpc_log)  # type: ignore[method-assign]
    structlog.configure(
        processors=[*_common(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _quotes_no_metadata(record: logging.LogRecord) -> bool:
    """Not gRPC's error about metadata that is no text: that may well be a key, mistyped."""
    return not str(record.msg).startswith(_QUOTES)


def _quoting_no_metadata(log: logging.Logger, message: object, *args: object) -> None:
    if not str(message).startswith(_QUOTES):
        logging.Logger.exception(log, message, *args)


def strip_control(_logger: object, _method: str, event: _Event) -> _Event:
    """Replace control characters in every text of the event; a traceback keeps its lines."""
    for key, value in event.items():
        if isinstance(value, str):
            pattern = _CONTROL_BUT_NEWLINE if key in _MULTI_LINE else _CONTROL
            event[key] = pattern.sub(_REPLACEMENT, value)
    return event


def without_control(text: str) -> str:
    """The text with its control characters replaced."""
    return _CONTROL.sub(_REPLACEMENT, text)


def line_handler() -> "LineHandler":
    """Where all lines go; to standard error as JSON if nobody has said."""
    found = [each for each in logging.getLogger().handlers if isinstance(each, LineHandler)]
    return found[0] if found else LineHandler(sys.stderr, human=False)


def _chunks(lines: Sequence[str]) -> Iterator[str]:
    """So that several processes can share a pipe without a line being torn apart."""
    chunk, size = list[str](), 0
    for line in lines:
        if chunk and size + len(line) > _PIPE_BYTES_MAX:
            yield "".join(chunk)
            chunk, size = [], 0
        chunk.append(line)
        size += len(line)
    yield "".join(chunk)


def _is_pipe(stream: TextIO) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


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
