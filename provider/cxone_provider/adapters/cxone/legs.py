"""The legs of contacts, merged: CXone lists a call once for each leg, and it is archived once.

CXone calls the legs contacts that share a master contact, or contact segments of one ACD call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pendulum

from cxone_provider.archive.errors import ArchiveError
from cxone_provider.archive.id_numbers import IdNumbers
from cxone_provider.archive.listing import bounded_metadata, malformed
from cxone_provider.archive.packed import Packed
from cxone_provider.archive.recording import RecordingRef

# In the order in which they are kept while there is room in a ref.
METADATA_FIELDS = (
    "agent_id", "agent_name", "skill", "direction", "ani", "dnis", "disposition", "media_type", "recording_status",
    "team",
)  # fmt: skip
_LAST_CONTACTS = 256


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of a contact.

    Attributes:
        recording_id: the master contact's id: what all legs share, and what is archived under.
        started_at: start, or None where the row does not tell.
        ended_at: end, or None.
        has_media: whether the tenant says that it was recorded; None where it does not tell.
        metadata: of :data:`METADATA_FIELDS`, without those that the row has no value for.
    """

    recording_id: str
    started_at: pendulum.DateTime | None = None
    ended_at: pendulum.DateTime | None = None
    has_media: bool | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class MergedLegs:
    """Legs in any order, merged into one ref for each contact.

    Start and end are the earliest and the latest. Of metadata, the leg that started first says what it can, and the
    others fill what is missing. Media is there where any leg has it, and not there only where every leg says so.

    A contact's legs may lie anywhere in a listing, so none can be told before the last one has come. The last contacts
    are merged as they come, for legs mostly lie together; the others wait, compressed, as so many pieces each.
    """

    def __init__(self) -> None:
        self._last: dict[str, _Piece] = {}
        self._pieces = Packed()
        self._counts = IdNumbers()
        self._refused = Packed()
        self._refused_names = IdNumbers()

    def add(self, leg: Leg) -> None:
        """Take one leg."""
        known = self._last.get(leg.recording_id)
        if known is None and len(self._last) >= _LAST_CONTACTS:
            self._put_away()
        piece = _Piece(leg, 1)
        self._last[leg.recording_id] = piece if known is None else known.with_other(piece)

    def refuse(self, recording_id: str, error: ArchiveError) -> None:
        """Take a row that cannot be used; it counts only where no other row names its contact."""
        if self._refused_names.put(recording_id, 0):
            self._refused.append([recording_id, malformed(recording_id, error)])

    def documents(self) -> Iterator[dict[str, Any]]:
        """Yield the ref document of each contact in the order of their last pieces, then what could not be used."""
        self._put_away()
        begun: dict[str, tuple[_Piece, int]] = {}
        for fields in self._pieces:
            piece, read = _Piece.of(fields), 1
            name = piece.leg.recording_id
            if name in begun:
                known, before = begun.pop(name)
                piece, read = known.with_other(piece), before + 1
            if read == self._counts.get(name):
                yield _ref(piece.leg, piece.count).to_document()
            else:
                begun[name] = piece, read
        yield from (dict(row) for name, row in self._refused if name not in self._counts)

    def _put_away(self) -> None:
        for name, piece in self._last.items():
            self._counts.count(name)
            self._pieces.append(piece.fields())
        self._last.clear()


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some legs of a contact, merged."""

    leg: Leg
    count: int

    def with_other(self, other: _Piece) -> _Piece:
        return _Piece(_merged(self.leg, other.leg), self.count + other.count)

    def fields(self) -> Sequence[Any]:
        leg = self.leg
        times = (None if moment is None else moment.isoformat() for moment in (leg.started_at, leg.ended_at))
        return [leg.recording_id, *times, leg.has_media, dict(leg.metadata), self.count]

    @classmethod
    def of(cls, fields: Sequence[Any]) -> _Piece:
        recording_id, started_at, ended_at, has_media, metadata, count = fields
        return cls(Leg(recording_id, _moment(started_at), _moment(ended_at), has_media, metadata), count)


def _moment(text: str | None) -> pendulum.DateTime | None:
    return None if text is None else pendulum.DateTime.fromisoformat(text)


def _merged(one: Leg, other: Leg) -> Leg:
    first, second = (other, one) if _begins_before(other, one) else (one, other)
    starts = [leg.started_at for leg in (one, other) if leg.started_at is not None]
    ends = [leg.ended_at for leg in (one, other) if leg.ended_at is not None]
    return Leg(
        recording_id=one.recording_id,
        started_at=min(starts, default=None),
        ended_at=max(ends, default=None),
        has_media=_any_media(one.has_media, other.has_media),
        metadata={**second.metadata, **first.metadata},
    )


def _begins_before(one: Leg, other: Leg) -> bool:
    if one.started_at is None or other.started_at is None:
        return one.started_at is not None
    return one.started_at < other.started_at


def _any_media(one: bool | None, other: bool | None) -> bool | None:  # noqa: FBT001  # three-valued logic
    if one or other:
        return True
    return None if one is None or other is None else False


def _ref(leg: Leg, count: int) -> RecordingRef:
    metadata = {name: leg.metadata[name] for name in METADATA_FIELDS if name in leg.metadata}
    if count > 1:
        metadata["legs"] = count
    return RecordingRef(leg.recording_id, leg.started_at, _duration_s(leg), leg.has_media, bounded_metadata(metadata))


def _duration_s(leg: Leg) -> float | None:
    if leg.started_at is None or leg.ended_at is None:
        return None
    return max(0.0, (leg.ended_at - leg.started_at).total_seconds())
