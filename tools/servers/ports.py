"""Free TCP ports on the loopback interface."""

from __future__ import annotations

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
_LAST_PORT = 65_535
_TRIES = 200


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that nothing listens on now; another process may still take one before use."""
    with ExitStack() as held:
        return [_bound(held, 0) for _ in range(count)]


def free_port_with_twin(offset: int) -> int:
    """Return a free port `p` whose `p + offset` is free as well, for servers that derive one from the other.

    Raises:
        OSError: no such pair was found.
    """
    for _ in range(_TRIES):
        with ExitStack() as held:
            port = _bound(held, 0)
            if port + offset > _LAST_PORT:
                continue
            try:
                _bound(held, port + offset)
            except OSError:
                continue
            return port
    raise OSError(f"no free pair of ports {offset} apart on {LOOPBACK}")


def _bound(held: ExitStack, port: int) -> int:
    listener = held.enter_context(socket.socket())
    listener.bind((LOOPBACK, port))
    taken: int = listener.getsockname()[1]
    return taken
