"""Work on many recordings side by side, in threads that end when their caller does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def pool_of(workers: int, name: str, cancelled: threading.Event) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of threads; set `cancelled` when the block is left by an error, whichever it is.

    A time-out of the task strikes inside the block, and leaving the pool waits for all that is still in it.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix=name) as pool:
        through = False
        try:
            yield pool
            through = True
        finally:
            if not through:
                cancelled.set()
