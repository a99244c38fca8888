"""Two workers in one process that take turns: between any two calls of theirs, a seed decides who goes on."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any


class Turns:
    """Lets one of several workers go on at a time, chosen anew whenever one of them makes a call.

    Args:
        workers: how many there are; nobody goes on before all of them wait.
        seed: decides the order, and with it everything that happens.
    """

    def __init__(self, workers: int, seed: int) -> None:
        self._chance = random.Random(seed)
        self._turn = threading.Condition()
        self._working = workers
        self._waiting: set[int] = set()
        self._chosen: int | None = None
        self._left = 0
        self._event: Callable[[], object] | None = None

    def at(self, turn: int, event: Callable[[], object]) -> None:
        """Let something happen at the given turn, counted from 1 over all workers."""
        self._left, self._event = turn, event

    def wait(self, worker: int) -> None:
        """Return when it is this worker's turn."""
        with self._turn:
            self._waiting.add(worker)
            self._choose()
            self._turn.wait_for(lambda: self._chosen == worker)
            self._chosen = None
            self._waiting.discard(worker)
            self._left -= 1
            if self._left == 0 and self._event is not None:
                self._event()

    def leave(self) -> None:
        """Take no more turns."""
        with self._turn:
            self._working -= 1
            self._choose()

    def _choose(self) -> None:
        if self._chosen is None and self._waiting and len(self._waiting) == self._working:
            self._chosen = self._chance.choice(sorted(self._waiting))
            self._turn.notify_all()


class TakesTurns:
    """Any port, every call of which waits for the worker's turn."""

    def __init__(self, port: object, turns: Turns, worker: int) -> None:
        self._port = port
        self._turns = turns
        self._worker = worker

    def __getattr__(self, name: str) -> Any:
        """Return the port's attribute; a method with a turn before it."""
        attribute = getattr(self._port, name)
        return self._in_turn(attribute) if callable(attribute) else attribute

    def _in_turn(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def called(*args: Any, **kwargs: Any) -> Any:
            self._turns.wait(self._worker)
            return method(*args, **kwargs)

        return called
