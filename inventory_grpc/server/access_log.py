"""One log line per call: who called what, when, how it ended and after how long.

In the shape of all other lines, but made by hand, many at a time and by a thread of its own: one
right after the other they cost a fraction of what each costs between two calls, and a reader that
does not read costs the event loop nothing but lines. Health checks are not logged. Nothing of a
request is in a line but its id, nothing of a credential but the name of whom it belongs to, and no
control character.
"""

import asyncio
import time
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import structlog

from inventory_grpc.rpc.calls import Call
from inventory_grpc.rpc.errors import CODE_OF_NUMBER
from inventory_grpc.rpc.reply import Context
from inventory_grpc.server.logging import LineHandler, without_control
from inventory_grpc.server.threads import DaemonThreads

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = structlog.stdlib.get_logger(__name__)

LOGGER: Final = "inventory_grpc.access"
LINES_MAX: Final = 20_000
"""That wait to be written, some 10 MB; those beyond are dropped, and counted."""
_PAUSE_SECONDS: Final = 0.25
_LAST_SECONDS_MAX: Final = 2.0
"""What the last lines get to be taken."""

_SEVERITY: Final = {"info": 20, "warning": 30, "error": 40}
_FAILED: Final = frozenset({2, 13, 15})  # UNKNOWN, INTERNAL, DATA_LOSS: the server's own doing
_TROUBLED: Final = frozenset({4, 8, 14})  # DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE


class AccessLog:
    """Observes every call of a server. Belongs to one event loop."""

    def __init__(self, which: Literal["all", "errors"], level: str, handler: LineHandler) -> None:
        """``level`` is the least severe one written; ``errors`` are all calls that were not OK."""
        self._handler = handler
        self._codes = {
            number: _Code(code.name, _level(number))
            for number, code in CODE_OF_NUMBER.items()
            if _SEVERITY[_level(number)] >= _SEVERITY.get(level, 0) and (number or which == "all")
        }
        self._clock = _Clock()
        self._ended: list[_Ended] = []
        self._arrived = asyncio.Event()
        self._stopping = False
        self._thread = DaemonThreads(1, "access-log")
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """Lines that could not be written."""
        self._told = 0

    def of(self, method: str) -> "_MethodLog":
        """See ``rpc.calls.Observers``."""
        return _MethodLog(self, method)

    def start(self) -> None:
        """Begin to write; lines of before are kept."""
        self._task = asyncio.create_task(self._run(), name="access-log")

    async def stop(self) -> None:
        """Write what is left; the server has ended its calls before."""
        self._stopping = True
        self._arrived.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_LAST_SECONDS_MAX)
            self._task.cancel()
        self._thread.shutdown()

    def note(self, method: str, call: Call, seconds: float) -> None:
        """A call has ended."""
        code = self._codes.get(call.code)
        if code is None:
            return
        if self._handler.human:
            _tell(method, code, call, seconds)
        elif len(self._ended) >= LINES_MAX:
            self.dropped += 1
        else:
            self._ended.append(_Ended(time.time_ns(), method, code, call, seconds))
            self._arrived.set()

    async def _run(self) -> None:
        while self._ended or not self._stopping:
            await self._arrived.wait()
            if not self._stopping:
                # What comes meanwhile is written together.
                await asyncio.sleep(_PAUSE_SECONDS)
            self._arrived.clear()
            ended, self._ended = self._ended, []
            writing = self._thread.submit(self._write, ended)
            try:
                await asyncio.wrap_future(writing)
            except (OSError, ValueError):
                # The disk is full, or nobody reads any more: nobody can be told now.
                self.dropped += len(ended)
            else:
                self._tell_dropped()

    def _write(self, ended: "Sequence[_Ended]") -> None:
        """In the thread."""
        self._handler.write_lines([_line(each, self._clock.at(each.time_ns)) for each in ended])

    def _tell_dropped(self) -> None:
        if self.dropped > self._told:
            _log.warning("access_log_lines_dropped", lines=self.dropped - self._told)
            self._told = self.dropped


class _MethodLog:
    """Observes the calls of one method."""

    def __init__(self, log: AccessLog, method: str) -> None:
        self._log = log
        self._method = method

    def began(self, call: Call, context: Context) -> None:
        """See ``rpc.calls.Observer``."""
        call.peer = context.peer()

    def ended(self, call: Call, seconds: float) -> None:
        """See ``rpc.calls.Observer``."""
        self._log.note(self._method, call, seconds)


class _Code:
    """How a call can end, and how severe that is."""

    __slots__ = ("level", "name", "start")

    def __init__(self, name: str, level: str) -> None:
        self.name = name
        self.level = level
        self.start = f'{{"event": "call", "level": "{level}", "logger": "{LOGGER}", "timestamp": "'
        """Of its lines."""


class _Ended(NamedTuple):
    """A call that is over: nobody changes what is known of it any more."""

    time_ns: int
    method: str
    code: _Code
    call: Call
    seconds: float


class _Clock:
    """Times as all lines write them; most of it is the same for a second."""

    __slots__ = ("_prefix", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._prefix = ""

    def at(self, time_ns: int) -> str:
        """In UTC, to the microsecond."""
        second, rest = divmod(time_ns // 1000, 1_000_000)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._prefix}.{rest:06d}Z"


def _line(ended: _Ended, when: str) -> str:
    _, method, code, call, seconds = ended
    line = (
        f'{code.start}{when}", "method": "{method}", "code": "{code.name}", '
        f'"duration_ms": {seconds * 1000:.3f}, "caller": {_text(call.caller.name)}, '
        f'"peer": {_text(call.peer)}'
    )
    if call.request_id:
        line += f', "request_id": {_text(call.request_id)}'
    if call.batch_id:
        line += f', "batch_id": {_text(call.batch_id)}'
    if call.reason:
        line += f', "reason": {_text(call.reason)}'
    if call.trace_id:
        line += f', "trace_id": {_text(call.trace_id)}'
    if call.replayed:
        line += ', "replayed": true'
    if call.row_reasons:
        line += f', "rows_refused": {sum(call.row_reasons.values())}'
    return line + "}\n"


def _text(value: str) -> str:
    """As JSON; most need no look at every character."""
    return quoted(value if value.isprintable() else without_control(value))


def _tell(method: str, code: _Code, call: Call, seconds: float) -> None:
    """To people: as all other lines are told, which is slower."""
    facts = {
        "method": method,
        "code": code.name,
        "duration_ms": round(seconds * 1000, 3),
        "caller": call.caller.name,
        "peer": call.peer,
        "request_id": call.request_id,
        "batch_id": call.batch_id,
        "reason": call.reason,
        "trace_id": call.trace_id,
        "replayed": call.replayed,
        "rows_refused": sum((call.row_reasons or {}).values()),
    }
    known = {name: fact for name, fact in facts.items() if fact}
    structlog.stdlib.get_logger(LOGGER).log(_SEVERITY[code.level], "call", **known)


def _level(code: int) -> str:
    if code in _FAILED:
        return "error"
    return "warning" if code in _TROUBLED else "info"
