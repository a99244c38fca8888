"""What the tests of the use case share: real audio, a tenant, a bucket and a clock, all in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Media, ResumeJournal, SegmentRead
from cxone_provider.archive.recording import Outcome
from tests.fakes.clock import FakeClock
from tests.fakes.source import FakeRecording, FakeSource
from tests.fakes.store import FakeStore

AUDIO = Path(__file__).parents[2] / "audio"
CALL = (AUDIO / "call-cbr32k-8k-id3v23.mp3").read_bytes()
OTHER_CALL = bytes(CALL[:-1]) + bytes([CALL[-1] ^ 1])  # one bit inside the last frame: still whole audio
LAYOUT = ArchiveLayout("archive", "cxone")
MEDIA_KEY = LAYOUT.media_key("rec", None, "mp3")
SECRET = b"a stream secret of the tenant"


class WatchedSource(FakeSource):
    """A tenant that lets the test act just before a segment is fetched."""

    before_segment: Callable[[int], None] = staticmethod(lambda index: None)

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Tell the test, then answer."""
        self.before_segment(segment.index)
        return super().read_segment(media, segment, buffer)


class Case:
    """One tenant with one recording, one bucket, one way to archive."""

    def __init__(
        self,
        content: bytes = CALL,
        *,
        segment_size_bytes: int = 20_000,
        part_size_bytes: int = 60_000,
        concurrency: int = 3,
        signed: bool = False,
        size_bytes: int | None = -1,
        audio_format: str | None = "mp3",
        **recording: Any,
    ) -> None:
        self.source = WatchedSource(
            {"rec": FakeRecording(content, **recording)}, stream_secret=SECRET if signed else None
        )
        self.store = FakeStore(min_part_bytes=1)
        self.clock = FakeClock(tick_s=0.001)  # no two events of two workers at the same time
        self.settings: dict[str, Any] = {
            "prefix": "cxone",
            "concurrency": concurrency,
            "part_size_bytes": part_size_bytes,
            "stream_secret": SECRET if signed else None,
        }
        self.plan = SegmentPlan(
            "rec",
            Outcome.READY,
            segment_size_bytes=segment_size_bytes,
            format=audio_format,
            size_bytes=len(content) if size_bytes == -1 else size_bytes,
            metadata={"skill": "billing"},
        )

    @property
    def recording(self) -> FakeRecording:
        """The tenant's recording."""
        return self.source.recordings["rec"]

    def run(
        self, journal: ResumeJournal | None = None, cancelled: threading.Event | None = None, **settings: Any
    ) -> AuditLog:
        """Archive it once and return how it ended."""
        [log] = archive_recordings(
            [self.plan],
            source=self.source,
            store=self.store,
            clock=self.clock,
            settings=ArchiveSettings(**{**self.settings, **settings}),
            journal=journal,
            cancelled=cancelled,
        )
        return log

    def fetched(self) -> list[int]:
        """Return the indexes of the segments that were asked for, in order."""
        calls = self.source.calls_of("segment")
        return [call.segment.index for call in calls if call.segment is not None]

    def versions(self) -> Mapping[str, int]:
        """Return how many versions each key has."""
        return {key: len(versions) for key, versions in self.store.objects.items()}

    def nothing_published(self) -> bool:
        """Tell whether neither media nor manifest exists."""
        return not any("/recordings/" in key or "/manifests/" in key for key in self.store.objects)

    def no_upload_left(self) -> bool:
        """Tell whether no unfinished upload is in the bucket."""
        return not list(self.store.uploads(""))
