"""What this process really does with sockets, seen by the interpreter's own audit events."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class SocketEvents:
    """Addresses given to ``connect``, and names given to the system's resolver."""

    connects: list[Any] = field(default_factory=list)
    lookups: list[Any] = field(default_factory=list)


_watching: list[SocketEvents] = []
_hooked: list[bool] = []


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        for events in _watching:
            events.connects.append(args[1])
    elif event == "socket.getaddrinfo":
        for events in _watching:
            events.lookups.append(args[0])


@contextmanager
def watched_sockets() -> Iterator[SocketEvents]:
    """Record every connect and lookup of the process."""
    if not _hooked:
        sys.addaudithook(_watch)  # cannot be taken out again, hence once
        _hooked.append(True)
    events = SocketEvents()
    _watching.append(events)
    try:
        yield events
    finally:
        _watching.remove(events)
