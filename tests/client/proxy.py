"""A network that loses answers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """Carries bytes between clients and a server, except when told not to."""

    target: str
    """Where clients connect to."""
    _server: tuple[str, int]
    _listening: socket.socket
    _pairs: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)
    _deaf: threading.Event = field(default_factory=threading.Event)
    asked: int = 0
    """Bytes that clients have sent."""

    def lose_answers(self) -> None:
        """From now on requests arrive and no answer comes back, on the connections there are."""
        self._deaf.set()

    def cut(self) -> None:
        """End all connections; new ones lose nothing."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _end(pair)
        self._deaf.clear()

    def accept(self) -> None:
        """Serve until the listening socket is closed."""
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(self._server)
                self._pairs.append((near, far))
                threading.Thread(target=self._carry, args=(near, far), daemon=True).start()
                back = threading.Thread(target=self._carry_back, args=(far, near), daemon=True)
                back.start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self.asked += len(data)
                sink.sendall(data)
        _end((source, sink))

    def _carry_back(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self._deaf.is_set():
                    sink.sendall(data)
        _end((source, sink))


@contextmanager
def proxied(target: str) -> Iterator[Proxy]:
    """A proxy in front of a server."""
    host, _, port = target.rpartition(":")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = f"127.0.0.1:{listening.getsockname()[1]}"
        proxy = Proxy(near, (host, int(port)), listening)
        accepting = threading.Thread(target=proxy.accept)
        accepting.start()
        try:
            yield proxy
        finally:
            # Closing alone would not wake the thread that accepts.
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join(10)
            proxy.cut()


def _end(pair: tuple[socket.socket, socket.socket]) -> None:
    for each in pair:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
