"""Where access files and JWKS are read from. Everything here may block for seconds."""

import http.client
import time
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from inventory_grpc.identity.errors import SourceError

FETCH_SECONDS_MAX: Final = 10.0
BYTES_MAX: Final = 4 * 1024 * 1024

_CHUNK_BYTES: Final = 65_536


class _NoRedirect(HTTPRedirectHandler):
    """The keys are where they were said to be: nobody sends the server somewhere else for them."""

    def redirect_request(self, *_request: object) -> None:
        """None: the answer is an error."""


def is_url(source: str) -> bool:
    """Or else a file."""
    return source.startswith(("http://", "https://"))


def read_file(path: Path) -> bytes:
    """Its contents. Raises SourceError."""
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise SourceError(error.strerror or type(error).__name__) from None
    return _bounded(raw)


def fetch(url: str) -> bytes:
    """What is served there. Raises SourceError."""
    deadline = time.monotonic() + FETCH_SECONDS_MAX
    # The settings let http go to the loopback only, where no proxy stands.
    proxies = [] if urlsplit(url).scheme == "https" else [ProxyHandler({})]
    opener = build_opener(_NoRedirect, *proxies)
    request = Request(url, headers={"Accept": "application/jwk-set+json, application/json"})  # noqa: S310 - the settings allow http and https only
    try:
        with opener.open(request, timeout=FETCH_SECONDS_MAX / 2) as answer:
            return _bounded(_read_until(answer, deadline))
    except HTTPError as error:
        raise SourceError(f"HTTP status {error.code}") from None
    except URLError as error:
        raise SourceError(str(error.reason)) from None
    except OSError as error:
        raise SourceError(error.strerror or type(error).__name__) from None
    except (http.client.HTTPException, ValueError) as error:
        # Their texts quote the URL, which may have a secret in its query.
        raise SourceError(f"it cannot be fetched: {type(error).__name__}") from None


def _read_until(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    chunks = bytearray()
    while len(chunks) <= BYTES_MAX and (chunk := answer.read1(_CHUNK_BYTES)):
        chunks += chunk
        if time.monotonic() > deadline:
            raise SourceError(f"it takes longer than {FETCH_SECONDS_MAX:.0f} s")
    return bytes(chunks)


def _bounded(raw: bytes) -> bytes:
    if len(raw) > BYTES_MAX:
        raise SourceError(f"larger than {BYTES_MAX} bytes")
    return raw
