"""The audit trail: every event of a recording's tries as JSON Lines, each line holding the hash of the one before.

A line is canonical JSON, so any changed byte shows: a verified file is, byte for byte, what its own values serialise
to. The first line's ``prev`` binds the chain to its recording. A tail that was cut off leaves a valid shorter chain;
it shows only against a head kept elsewhere, which is why the manifest and the webhook carry it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cxone_provider.archive.errors import AuditBroken, ObjectExists, StoreUnavailable
from cxone_provider.archive.ports import ObjectAttributes, ObjectStore

TRAIL_SCHEMA = "cxone.audit-trail/1"
MAX_TRAIL_BYTES = 256 * 2**20
_CONTENT_TYPE = "application/x-ndjson"
_RACES_TOLERATED = 5
_CHAIN_FIELDS = frozenset({"seq", "prev", "hash"})


def origin(recording_id: str) -> str:
    """Return the ``prev`` of a trail's first line."""
    return hashlib.sha256(f"{TRAIL_SCHEMA}\n{recording_id}".encode()).hexdigest()


def _canonical(value: Mapping[str, Any]) -> bytes:
    return _ENCODER.encode(value).encode()


def _line(seq: int, prev: str, event: Mapping[str, Any]) -> tuple[bytes, dict[str, Any]]:
    told = {name: value for name, value in event.items() if name not in _CHAIN_FIELDS}
    body = {**told, "seq": seq, "prev": prev}
    chained = {**body, "hash": hashlib.sha256(_canonical(body)).hexdigest()}
    return _canonical(chained) + b"\n", chained


@dataclass(frozen=True, slots=True)
class Trail:
    """A verified trail.

    Attributes:
        recording_id: the recording it is bound to.
        raw: the file's bytes.
        events: the lines' values, in order, with their ``seq``, ``prev`` and ``hash``.
        head: hash of the last line, or the origin of an empty trail.
    """

    recording_id: str
    raw: bytes
    events: Sequence[Mapping[str, Any]]
    head: str

    @property
    def sha256(self) -> str:
        """Hex digest of the whole file."""
        return hashlib.sha256(self.raw).hexdigest()

    def extended(self, events: Sequence[Mapping[str, Any]]) -> Trail:
        """Return the trail with `events` behind its last line."""
        lines, head, chained = [self.raw], self.head, list(self.events)
        for event in events:
            line, stored = _line(len(chained), head, event)
            lines.append(line)
            chained.append(stored)
            head = stored["hash"]
        return Trail(self.recording_id, b"".join(lines), tuple(chained), head)

    def cut(self, lines: int) -> Trail:
        """Return the trail as it was after its first `lines` lines."""
        raw = b"".join(line + b"\n" for line in self.raw.split(b"\n", lines)[:lines])
        events = self.events[:lines]
        return Trail(self.recording_id, raw, events, events[-1]["hash"] if events else origin(self.recording_id))

    def passed(self, head: str) -> bool:
        """Tell whether `head` was the hash of the last line at some time: the trail went on from there, unchanged."""
        return any(event["hash"] == head for event in self.events)

    def last(self, kind: str) -> Mapping[str, Any] | None:
        """Return the newest event of a kind, or None."""
        return next((event for event in reversed(self.events) if event.get("event") == kind), None)


def empty_trail(recording_id: str) -> Trail:
    """Return the trail before its first event."""
    return Trail(recording_id, b"", (), origin(recording_id))


def verify_trail(recording_id: str, raw: bytes) -> Trail:
    """Return the trail that `raw` holds.

    Raises:
        AuditBroken: a line was changed, dropped, doubled or moved; the error names the first such line.
    """
    events = tuple(_chained(raw, 0, origin(recording_id)))
    return Trail(recording_id, raw, events, events[-1]["hash"] if events else origin(recording_id))


def _chained(raw: bytes, seq: int, prev: str) -> Iterator[Mapping[str, Any]]:
    """Yield the values of lines that hang on the line before; `seq` and `prev` are what the first one must name."""
    if raw and not raw.endswith(b"\n"):
        raise _broken(seq + raw.count(b"\n"), "a last line without its end", "a line feed")
    for number, line in enumerate(raw.split(b"\n")[:-1], seq):
        event = _event_of(number, line)
        prev = _checked_hash(number, prev, line, event)
        yield event


def _event_of(seq: int, line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("ascii")
        event, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise _broken(seq, "a line that is not JSON", "JSON Lines") from error
    if not isinstance(event, dict) or end != len(text):
        raise _broken(seq, "a line that is not an object", "an object")
    return event


def _checked_hash(seq: int, prev: str, line: bytes, event: Mapping[str, Any]) -> str:
    """Return the line's hash once it is shown to be that of these very bytes, in this place.

    The hash covers the line's bytes without the hash's own field. That field can stand in one place only: the names
    are in order. Serialising the values again would prove the same and take three times as long.
    """
    digest = event.get("hash")
    body = line.replace(b'"hash":"%b",' % str(digest).encode("ascii", "replace"), b"", 1)
    intact = digest == hashlib.sha256(body).hexdigest() and event.get("prev") == prev and event.get("seq") == seq
    if not intact or list(event) != sorted(event):
        raise _broken(seq, "a changed, dropped, doubled or moved line", f"its own hash, and prev {prev[:16]}…")
    return str(digest)


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


# Made once: json.dumps makes one for every call that asks for anything.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _broken(seq: int, found: str, expected: str) -> AuditBroken:
    return AuditBroken(
        f"the audit trail's hash chain breaks at line {seq + 1}", found=found, expected=expected,
        hint="Compare with the copies in older object versions; do not archive over it.",
    )  # fmt: skip


class TrailFile:
    """A recording's trail in the store: appended to, never rewritten.

    S3 cannot append, so the object is written again with its old content in front, on the condition that nobody else
    wrote meanwhile. A new recording costs one request: the trail is taken for empty until the store says otherwise.
    """

    def __init__(self, store: ObjectStore, key: str, recording_id: str) -> None:
        self._store = store
        self._key = key
        self._pending: list[Mapping[str, Any]] = []
        self._etag: str | None = None
        self.trail = empty_trail(recording_id)

    def load(self) -> Trail:
        """Read and verify what is stored.

        Raises:
            AuditBroken: it does not verify.
        """
        answer = self._store.read(self._key, max_bytes=MAX_TRAIL_BYTES)
        if answer is not None:
            raw, stored = answer
            self.trail, self._etag = verify_trail(self.trail.recording_id, raw), stored.etag
        return self.trail

    def append(self, *events: Mapping[str, Any]) -> None:
        """Put events behind the last line; nothing is stored before :meth:`save`."""
        self._pending.extend(events)

    def save(self) -> Trail:
        """Store what was appended; a trail that another worker extended meanwhile is read and extended again.

        Raises:
            AuditBroken: what the other worker left does not verify.
            StoreUnavailable: others kept writing at the same time.
        """
        for _ in range(_RACES_TOLERATED):
            extended = self.trail.extended(self._pending)
            try:
                stored = self._store.put(
                    self._key, extended.raw, ObjectAttributes(_CONTENT_TYPE, sha256=extended.sha256),
                    if_absent=self._etag is None, if_match=self._etag,
                )  # fmt: skip
            except ObjectExists:
                self.load()
                if self.trail.raw == extended.raw:  # our own write, answered to a connection that broke
                    self._pending.clear()
                    return self.trail
                continue
            self.trail, self._etag = extended, stored.etag
            self._pending.clear()
            return self.trail
        raise StoreUnavailable("the audit trail is written by others at the same time", found=self._key)
