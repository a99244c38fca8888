"""All that a process logs, its libraries' DEBUG lines too, as a handler of the root logger gets it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Servers of the tests run in threads of this process; what they log of requests is not the archive's doing.
_SERVERS = ("simulator", "moto", "werkzeug")


class Listener(logging.Handler):
    """Keeps every record as text.

    Attributes:
        records: as they came.
        lines: each record as it would be printed, its traceback included.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(threadName)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        if threading.current_thread().name.startswith("Thread-") or record.name.startswith(_SERVERS):
            return
        self.records.append(record)
        self.lines.append(self.format(record))

    def places(self) -> dict[str, bytes]:
        """Return what to search: the lines, the records' own values, and all messages without anything in between.

        The last one finds what was split over two calls.
        """
        messages = "".join(record.getMessage() for record in self.records)
        return {
            "the log": "\n".join(self.lines).encode(),
            "the arguments of log calls": "\n".join(
                repr((record.msg, record.args)) for record in self.records
            ).encode(),
            "the log, joined": messages.encode(),
        }

    def loggers(self) -> set[str]:
        """Return the names of the libraries that logged."""
        return {record.name.partition(".")[0] for record in self.records}


@contextmanager
def listening() -> Iterator[Listener]:
    """Set every logger to DEBUG until the block ends, and listen."""
    root = logging.getLogger()
    listener, level = Listener(), root.level
    # A logger with a level of its own would keep its DEBUG lines to itself.
    names = [name for name in logging.Logger.manager.loggerDict if not name.startswith(_SERVERS)]
    levels = {name: logging.getLogger(name).level for name in names}
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    for name in names:
        logging.getLogger(name).setLevel(logging.NOTSET)
    try:
        yield listener
    finally:
        root.removeHandler(listener)
        root.setLevel(level)
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)
