"""What the routes work with; the archive's store is reached when somebody first asks for data, not before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from cxone_provider.archive.browsing import ArchiveBrowser
from cxone_provider.console.access import Access
from cxone_provider.console.caching import WeightedCache
from cxone_provider.console.event_log import EventLog
from cxone_provider.console.origins import Origins
from cxone_provider.console.reading import ArchiveReader
from cxone_provider.console.settings import ConsoleSettings
from cxone_provider.console.tickets import Tickets
from cxone_provider.console.verifications import Verifications

_WAVEFORMS_KEPT = 50
_DRAWN_AT_ONCE = 2
CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Opened:
    """An archive that is reached."""

    reader: ArchiveReader
    verifications: Verifications


class Services:
    """One console.

    Args:
        settings: of the deployment.
        open_store: reaches the bucket.
        secret: signs tickets.

    Attributes:
        origins: whose runs those were.
        waveforms: drawn shapes by key and version.
        drawing: held by who draws one: a whole object is read for it.
    """

    def __init__(self, settings: ConsoleSettings, open_store: Callable[[], ArchiveBrowser], secret: str) -> None:
        self.settings = settings
        self.tickets = Tickets(secret)
        self.access = Access(settings, self.tickets)
        self.events = EventLog(settings.archive_dag_id)
        self.origins = Origins(settings.archive_dag_id)
        self.waveforms: WeightedCache[dict[str, object]] = WeightedCache(_WAVEFORMS_KEPT)
        self.drawing = threading.BoundedSemaphore(_DRAWN_AT_ONCE)
        self._open_store = open_store
        self._opened: Opened | None = None
        self._opening = threading.Lock()

    @property
    def archive(self) -> Opened:
        """The archive, reached once."""
        with self._opening:
            if self._opened is None:
                store, layout = self._open_store(), self.settings.layout
                self._opened = Opened(ArchiveReader(store, layout), Verifications(store, layout))
            return self._opened

    def reach_again(self) -> None:
        """Forget the store, so that a changed connection is taken up: called where the store refused."""
        with self._opening:
            self._opened = None


def store_of_airflow(settings: ConsoleSettings) -> ArchiveBrowser:
    """Return the archive's bucket as Airflow's connection reaches it."""
    from cxone_provider.hooks.archive_store import archive_bucket

    return archive_bucket(settings.layout.bucket, aws_conn_id=settings.aws_conn_id, concurrency=CONNECTIONS).store
