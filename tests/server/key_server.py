"""Somebody who publishes keys over HTTP, and what became of those who asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class KeyServer:
    """Answers every request with the same."""

    body: bytes = b""
    status: int = 200
    location: str = ""
    """Where it sends those who ask."""
    port: int = 0
    fetched: int = 0
    may_answer: threading.Event = field(default_factory=threading.Event)
    """Clear it to keep those who ask waiting."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks.json"


@contextmanager
def publishing(body: bytes, status: int = 200) -> Iterator[KeyServer]:
    """A key server for the time of the block."""
    keys = KeyServer(body, status)
    keys.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.fetched += 1
            keys.may_answer.wait(60)
            self.send_response(keys.status)
            if keys.location:
                self.send_header("Location", keys.location)
            self.send_header("Content-Length", str(len(keys.body)))
            self.end_headers()
            self.wfile.write(keys.body)

        def log_message(self, *_line: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        keys.port = server.server_port
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield keys
        finally:
            keys.may_answer.set()
            server.shutdown()
            serving.join()
