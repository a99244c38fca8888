"""Statistics of a day's calls, read back from the archive: how long, how silent, who talks, how loud.

An example of what the archive is good for downstream, and small: what is known of unchanged media is kept, so a day is
read once however often its statistics are asked for.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cxone_provider.archive.audio.loudness import DEFAULT_SILENCE_DBFS, CallStatistics, LoudnessMeter
from cxone_provider.archive.audio.sound import WavSound
from cxone_provider.archive.audio.wav_codecs import ByteOrder, WaveFormat
from cxone_provider.archive.errors import ArchiveError, DigestMismatch, TransferCancelled, WrongFormat
from cxone_provider.archive.keys import ArchiveLayout, recording_id_of, split_uri
from cxone_provider.archive.manifest import Manifest, read_manifest
from cxone_provider.archive.ports import ObjectAttributes, ObjectStore

STATISTICS_SCHEMA = "cxone.call-statistics/1"
MAX_STATISTICS_BYTES = 256 * 2**20  # some 400,000 calls a day
_NOTHING_MEASURED = {
    "silence_share": None, "overlap_share": None, "longest_silence_s": None, "channels": None,
}  # fmt: skip


@dataclass(slots=True)
class DayStatistics:
    """What became of one day.

    Attributes:
        uri: where its statistics lie.
        measured: calls whose sound was read.
        kept: calls that were measured before and are unchanged.
        unmeasured: calls in a format whose sound is not read; their duration is told.
        problems: calls that could not be read or are not what their manifest says, with the cause.
        retryable: whether another try can help with one of the problems.
    """

    uri: str
    measured: int = 0
    kept: int = 0
    unmeasured: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    retryable: bool = False

    def to_document(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return {
            "uri": self.uri,
            "measured": self.measured,
            "kept": self.kept,
            "unmeasured": self.unmeasured,
            "problems": len(self.problems),
        }


class DayMeter:
    """Measures the calls of one archive.

    Args:
        store: the bucket.
        layout: where the archive lies in it.
        silence_dbfs: what is quieter is silence.
        cancelled: set by a kill: reading ends at the next piece.
    """

    def __init__(
        self,
        store: ObjectStore,
        layout: ArchiveLayout,
        silence_dbfs: float = DEFAULT_SILENCE_DBFS,
        cancelled: threading.Event | None = None,
    ) -> None:
        self._store = store
        self._layout = layout
        self._silence_dbfs = silence_dbfs
        self._cancelled = cancelled or threading.Event()

    def measure_day(self, day: str) -> DayStatistics:
        """Bring a day's statistics up to date: one JSON line for each archived recording, by id.

        The same archive gives the same bytes, and nothing is written where nothing changed.

        Args:
            day: ``YYYY-MM-DD`` in UTC as in the media's keys, or ``unknown``.

        Raises:
            StoreError: the day cannot be listed, or its statistics not be stored.
            TransferCancelled: the work was cancelled; nothing is stored.
        """
        key = self._layout.statistics_key(day)
        answer = self._store.read(key, max_bytes=MAX_STATISTICS_BYTES)
        before = b"" if answer is None else answer[0]
        found = DayStatistics(self._layout.uri(key))
        after = self._lines(day, _by_id(before), found)
        if after != before:
            attributes = ObjectAttributes("application/x-ndjson", sha256=hashlib.sha256(after).hexdigest())
            self._store.put(key, after, attributes)
        return found

    def _lines(self, day: str, known: Mapping[str, bytes], found: DayStatistics) -> bytes:
        lines = []
        for key in self._store.list_keys(self._layout.day_prefix(day)):
            recording_id = recording_id_of(key.rpartition("/")[2].rpartition(".")[0])
            try:
                line = self._line(recording_id, key, day, known.get(recording_id), found)
            except TransferCancelled:
                raise
            except ArchiveError as error:
                found.problems[recording_id] = f"{type(error).__name__}: {error}"
                found.retryable |= error.retryable
                line = known.get(recording_id)  # better an older one than none
            if line is not None:
                lines.append(line)
        return b"".join(lines)

    def _line(self, recording_id: str, key: str, day: str, known: bytes | None, found: DayStatistics) -> bytes | None:
        manifest = read_manifest(self._store, self._layout, recording_id)
        if manifest is None or manifest.s3_uri != self._layout.uri(key):
            return None  # not committed yet, or not the object that counts
        if known is not None and self._is_of(known, manifest):
            found.kept += 1
            return known
        statistics, note = self._measured(manifest)
        found.measured += statistics is not None
        found.unmeasured += statistics is None
        return _line_of(manifest, day, self._silence_dbfs, statistics, note)

    def _is_of(self, line: bytes, manifest: Manifest) -> bool:
        document = json.loads(line)
        return (document["sha256"], document["silence_dbfs"]) == (manifest.sha256, self._silence_dbfs)

    def _measured(self, manifest: Manifest) -> tuple[CallStatistics | None, str | None]:
        if manifest.audio.get("format") != "wav":
            return None, f"compressed sound is not decoded: {manifest.audio.get('format')}"
        try:
            return self._read(manifest), None
        except WrongFormat as error:
            return None, str(error)

    def _read(self, manifest: Manifest) -> CallStatistics:
        _, key = split_uri(manifest.s3_uri)
        digest, sound = hashlib.sha256(), WavSound(self._meter_of)
        with self._store.stream(key, version_id=manifest.version_id) as pieces:
            for piece in pieces:
                if self._cancelled.is_set():
                    raise TransferCancelled("stopped while measuring", found=manifest.s3_uri)
                digest.update(piece)
                sound.feed(piece)
        if digest.hexdigest() != manifest.sha256:
            raise DigestMismatch(
                f"the media at {manifest.s3_uri} changed", found=digest.hexdigest(), expected=manifest.sha256
            )
        meter = sound.finish()
        assert isinstance(meter, LoudnessMeter)  # noqa: S101  # what _meter_of made
        return meter.finish()

    def _meter_of(self, kind: WaveFormat, order: ByteOrder) -> LoudnessMeter:
        return LoudnessMeter(kind, order, self._silence_dbfs)


def _line_of(
    manifest: Manifest, day: str, silence_dbfs: float, statistics: CallStatistics | None, note: str | None
) -> bytes:
    document = {
        "schema": STATISTICS_SCHEMA,
        "recording_id": manifest.recording_id,
        "date": day,
        "s3_uri": manifest.s3_uri,
        "sha256": manifest.sha256,
        "codec": manifest.audio.get("codec"),
        "silence_dbfs": silence_dbfs,
        "duration_s": manifest.audio.get("duration_s"),
        **(_NOTHING_MEASURED if statistics is None else statistics.to_document()),
        "note": note,
    }
    return json.dumps(document, allow_nan=False).encode() + b"\n"


def _by_id(raw: bytes) -> dict[str, bytes]:
    """Return stored lines by recording; what cannot be read is measured anew."""
    known = {}
    for line in raw.splitlines(keepends=True):
        try:
            document = json.loads(line)
            if document["schema"] == STATISTICS_SCHEMA and {"sha256", "silence_dbfs"} <= document.keys():
                known[str(document["recording_id"])] = line
        except (ValueError, KeyError, TypeError):
            continue
    return known
