"""One slot of a pool, as a process of its own: tasks follow each other, each with a source and a budget of its own."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.adapters.cxone.media_playback import MediaPlaybackSource
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.recording import Outcome

THREADS = 4


def main(order: Mapping[str, Any]) -> None:
    """Work until the time is over, task after task; write how many requests were sent.

    Args:
        order: `host`, `login`, `password` and `extra` of the connection; `seconds` to work; `contacts` to ask for in
            each task, named by number.
    """
    settings = settings_of(order["host"], order["login"], order["password"], order["extra"])
    over = threading.Event()
    timer = threading.Timer(order["seconds"], over.set)
    timer.start()
    used = 0
    while not over.is_set():
        with closing(MediaPlaybackSource(settings, SystemClock())) as source, ThreadPoolExecutor(THREADS) as pool:

            def ask(number: int, source: MediaPlaybackSource = source) -> None:
                if not over.is_set():
                    source.resolve(SegmentPlan(str(number), Outcome.READY))

            list(pool.map(ask, range(order["contacts"])))
            used += source.requests_used
    timer.cancel()
    sys.stdout.write(json.dumps({"requests_used": used}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
