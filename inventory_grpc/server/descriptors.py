"""How many files and sockets this process may have open."""

import resource
from typing import Final

_WANTED: Final = 65_536


def raise_limit() -> None:
    """Take what the system would grant, as far as it is of use.

    Each connection is a descriptor, and the usual limit of 1,024 is there for programs that wait by
    `select`, which this one does not: a client could take them all, and nobody else gets in.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    granted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < granted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
