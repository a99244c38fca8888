"""A cache that cannot grow past its weight."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class WeightedCache(Generic[V]):
    """Keeps what was used last, up to a total weight; safe between threads.

    Args:
        limit: total weight.
        weight: weight of one value; what is heavier than the limit is not kept.
    """

    def __init__(self, limit: int, weight: Callable[[V], int] = lambda _: 1) -> None:
        self._limit = limit
        self._weight = weight
        self._total = 0
        self._kept: OrderedDict[Hashable, V] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def total(self) -> int:
        """Weight of what is kept."""
        return self._total

    def has(self, key: Hashable) -> bool:
        """Tell whether a value is kept."""
        with self._lock:
            return key in self._kept

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return the value of `key`, made where it is not kept; two threads may make it at once, one of both stays."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        value = make()
        with self._lock:
            self._put(key, value)
        return value

    def _put(self, key: Hashable, value: V) -> None:
        if key in self._kept:
            self._total -= self._weight(self._kept.pop(key))
        if self._weight(value) > self._limit:
            return
        self._kept[key] = value
        self._total += self._weight(value)
        while self._total > self._limit:
            _, dropped = self._kept.popitem(last=False)
            self._total -= self._weight(dropped)
