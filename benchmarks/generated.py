"""A day of any length that is made up while it is read: refs, audit logs, and an archive that holds no object.

Everything follows from a recording's number, so neither memory nor preparation grows with the day.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pendulum

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.ports import ObjectAttributes, Part, StoredObject, Upload
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.trail import Trail, empty_trail, verify_trail
from cxone_provider.operators.batches import BATCH_SCHEMA, DEFAULT_TASKS
from tests.fakes.source import FakeRecording, FakeSource
from tests.fakes.store import FakeStore

CALL = (Path(__file__).parents[1] / "tests" / "audio" / "one-second.mp3").read_bytes()
DAY = pendulum.datetime(2026, 11, 22)
LAYOUT = ArchiveLayout("archive", "cxone")
RUN_ID = "scheduled__2026-11-23T00:00:00+00:00"
RUN_KEY = LAYOUT.run_key(DAY.add(days=1).date(), RUN_ID)
PAGE_KEYS = 1000  # S3 tells so many keys a request
_FIRST = 700_000_000_000
_MODEL = "799999999999"
_METADATA = {
    "agent_id": "417", "agent_name": "Ada Park", "skill": "Claims EU", "direction": "inbound", "ani": "+15550100",
    "dnis": "+15550199",
}  # fmt: skip


def id_of(number: int) -> str:
    """Return a recording's id; their order is the numbers'."""
    return str(_FIRST + number)


def ref_of(number: int) -> dict[str, Any]:
    """Return a ref as a tenant's listing makes it."""
    recorded_at = DAY.add(seconds=number % 86_400).to_iso8601_string()
    return {
        "recording_id": id_of(number), "recorded_at": recorded_at, "duration_s": 61.5, "has_media": True,
        "metadata": _METADATA,
    }  # fmt: skip


class GeneratedArchive:
    """An archive of `count` recordings; implements what looking at it takes of a store, and counts requests.

    Args:
        count: recordings in it; each has media, audit trail and manifest.
        unfinished: uploads that a killed task left.
    """

    bucket = LAYOUT.bucket

    def __init__(self, count: int, unfinished: int = 0) -> None:
        self.count = count
        self.unfinished = unfinished
        self.asked: Counter[str] = Counter()

    @property
    def requests(self) -> int:
        """Requests that S3 would have had."""
        return self.asked.total()

    @cached_property
    def model(self) -> _Model:
        """One recording as the pipeline archives it."""
        return _Model()

    def log_of(self, number: int) -> dict[str, Any]:
        """Return the audit log of one recording, without its entries."""
        return {**self.model.log, **{name: _renamed(self.model.log[name], number) for name in _NAMING}}

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys under a prefix."""
        return (one.key for one in self.list_objects(prefix))

    def list_objects(self, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield objects under a prefix and behind a key, a request for each thousand."""
        if prefix == LAYOUT.runs_prefix() or prefix.startswith(f"{LAYOUT.runs_prefix()}date="):
            yield from self._runs(prefix, after)
            return
        key, size_bytes = self._named(prefix)
        first = bisect_right(range(self.count), after, key=key)
        self.asked["list"] += 1
        for place, number in enumerate(range(first, self.count), start=1):
            yield StoredObject(key(number), size_bytes, "e", modified_at=DAY.add(days=1))
            self.asked["list"] += place % PAGE_KEYS == 0 and number + 1 < self.count

    def read(self, key: str, *, max_bytes: int) -> tuple[bytes, StoredObject] | None:
        """Return an object that is no media; none that a run wrote, for nothing is kept."""
        self.asked["get"] += 1
        body = b"".join(self._run_file()) if key == RUN_KEY else self._evidence(key)
        if body is None or len(body) > max_bytes:
            return None
        return body, StoredObject(key, len(body), "e")

    def stat(self, key: str) -> StoredObject:
        """Return what a HEAD tells of a media."""
        self.asked["head"] += 1
        return StoredObject(key, len(CALL), "e", self.model.manifest["version_id"])

    @contextmanager
    def stream(self, key: str, *, version_id: str | None = None) -> Iterator[Iterator[bytes]]:
        """Yield a media's bytes, or the run's file line by line."""
        self.asked["get"] += 1
        yield self._run_file() if key == RUN_KEY else iter((CALL,) if version_id else ())

    def put(self, key: str, body: Sized, _: ObjectAttributes) -> StoredObject:
        """Take what a run writes."""
        self.asked["put"] += 1
        return StoredObject(key, len(body), "e")

    def create_upload(self, *_: object) -> str:
        """Take what a run writes in parts; the first of a process asks what the store's parts tell."""
        self.asked["put"] += 2
        return "u"

    def put_part(self, _: str, __: str, number: int, body: Sized, sha256: bytes) -> Part:
        """Take a part."""
        self.asked["put"] += 1
        return Part(number, len(body), "e", sha256.hex())

    def complete_upload(self, key: str, _: str, parts: Sequence[Part]) -> StoredObject:
        """Take the last of them; the store is asked what it holds then."""
        self.asked["put"] += 2
        return StoredObject(key, sum(part.size_bytes for part in parts), "e")

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield unfinished uploads, a request for each thousand; none of a run's file."""
        if prefix == RUN_KEY:
            self.asked["list"] += 1
            return
        for number in range(self.unfinished):
            self.asked["list"] += number % PAGE_KEYS == 0
            yield Upload(f"{prefix}date=2026-11-22/{id_of(number)}.mp3", f"u{number}", DAY.subtract(years=1))

    def abort_upload(self, *_: str) -> None:
        """Remove one."""
        self.asked["delete"] += 1

    def _named(self, prefix: str) -> tuple[Callable[[int], str], int]:
        """Return how keys under a prefix are named, and how large an object there is."""
        if LAYOUT.manifest_key("").startswith(prefix):
            return lambda number: LAYOUT.manifest_key(id_of(number)), len(self.model.manifest_text)
        if LAYOUT.audit_key("").startswith(prefix):
            return lambda number: LAYOUT.audit_key(id_of(number)), len(self.model.trail_of(_MODEL).raw)
        return lambda number: LAYOUT.media_key(id_of(number), DAY, "mp3"), len(CALL)

    def _runs(self, prefix: str, after: str) -> Iterator[StoredObject]:
        self.asked["list"] += 1
        if RUN_KEY.startswith(prefix) and after < RUN_KEY and not prefix.endswith("reconcile-"):
            yield StoredObject(RUN_KEY, 1, "e", modified_at=DAY)

    def _run_file(self) -> Iterator[bytes]:
        return (json.dumps(self.log_of(number)).encode() + b"\n" for number in range(self.count))

    def _evidence(self, key: str) -> bytes | None:
        recording_id = key.rpartition("/")[2].partition(".")[0]
        if key == LAYOUT.manifest_key(recording_id):
            return self.model.manifest_of(recording_id)
        return self.model.trail_of(recording_id).raw if key == LAYOUT.audit_key(recording_id) else None


class _Model:
    """One archived recording, and how another one's evidence is made of it."""

    def __init__(self) -> None:
        store = FakeStore(LAYOUT.bucket)
        plan = SegmentPlan(_MODEL, Outcome.READY, format="mp3", size_bytes=len(CALL), recorded_at=DAY)
        source = FakeSource({_MODEL: FakeRecording(CALL, duration_s=1.0)})
        settings = ArchiveSettings(prefix=LAYOUT.prefix)
        (made,) = archive_recordings([plan], source=source, store=store, clock=SystemClock(), settings=settings)
        if not made.success:
            raise SystemExit(str(made.error))
        self.log: dict[str, Any] = made.to_document(with_entries=False)
        self.manifest_text = store.body(LAYOUT.manifest_key(_MODEL)).decode()
        self.manifest: dict[str, Any] = json.loads(self.manifest_text)
        self._events = verify_trail(_MODEL, store.body(LAYOUT.audit_key(_MODEL))).events

    def trail_of(self, recording_id: str) -> Trail:
        events = ({k: v for k, v in event.items() if k not in _CHAIN} for event in self._events)
        return empty_trail(recording_id).extended(list(events))

    def manifest_of(self, recording_id: str) -> bytes:
        trail, audit = self.trail_of(recording_id), self.manifest["audit"]
        text = self.manifest_text.replace(_MODEL, recording_id)
        return text.replace(audit["head"], trail.head).replace(audit["sha256"], trail.sha256).encode()


_CHAIN = frozenset({"seq", "prev", "hash", "schema"})
_NAMING = ("recording_id", "s3_uri", "manifest_uri", "audit_uri")


def _renamed(text: str, number: int) -> str:
    return text.replace(_MODEL, id_of(number))


class StreamResults(Sequence[list[dict[str, Any]]]):
    """What the mapped stream tasks returned, as Airflow hands it to the tasks after them: a request for each slice.

    Batches are shared as a listing shares them: a task of several returns where each lies.

    Attributes:
        largest_bytes, all_bytes: of the answers to those requests.
    """

    def __init__(self, archive: GeneratedArchive, batch_size: int, tasks: int = DEFAULT_TASKS) -> None:
        self._archive = archive
        self._size = batch_size
        self._batches = math.ceil(archive.count / batch_size)
        self._tasks = tasks
        self.largest_bytes = self.all_bytes = 0

    def __len__(self) -> int:
        return min(self._batches, self._tasks)

    def __getitem__(self, key: Any) -> Any:
        some = [self._returned(index) for index in range(len(self))[key]]
        size_bytes = len(json.dumps(some))
        self.largest_bytes, self.all_bytes = max(self.largest_bytes, size_bytes), self.all_bytes + size_bytes
        return some

    def batch_of(self, map_index: int, number: int) -> list[dict[str, Any]]:
        """Return the audit logs of a task's batch."""
        return [self._archive.log_of(one) for one in self._span(map_index, number)]

    def _returned(self, map_index: int) -> list[dict[str, Any]]:
        held = len(range(map_index, self._batches, self._tasks))
        if held == 1:
            return self.batch_of(map_index, 0)
        place = {"schema": BATCH_SCHEMA, "task_id": "batch.stream", "map_index": map_index}
        return [{**place, "key": f"batch_{n}", "count": len(self._span(map_index, n))} for n in range(held)]

    def _span(self, map_index: int, number: int) -> range:
        first = (map_index + number * self._tasks) * self._size
        return range(first, min(self._archive.count, first + self._size))
