"""The legs of contacts, merged: CXone lists a call once for each leg, and it is archived once.

CXone calls the legs contacts that share a master contact, or contact segments of one ACD call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pendulum

from cxone_provider.archive.errors import ArchiveError
from cxone_provider.archive.listing import bounded_metadata, malformed
from cxone_provider.archive.recording import RecordingRef

# In the order in which they are kept while there is room in a ref.
METADATA_FIELDS = (
    "agent_id", "agent_name", "skill", "direction", "ani", "dnis", "disposition", "media_type", "recording_status",
    "team",
)  # fmt: skip


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
    """Legs in any order, merged into one ref for each contact; holds no more than the refs.

    Start and end are the earliest and the latest. Of metadata, the leg that started first says what it can, and the
    others fill what is missing. Media is there where any leg has it, and not there only where every leg says so.
    """

    def __init__(self) -> None:
        self._merged: dict[str, Leg] = {}
        self._counts: dict[str, int] = {}
        self._malformed: dict[str, Mapping[str, Any]] = {}

    def add(self, leg: Leg) -> None:
        """Take one leg."""
        known = self._merged.get(leg.recording_id)
        self._merged[leg.recording_id] = leg if known is None else _merged(known, leg)
        self._counts[leg.recording_id] = self._counts.get(leg.recording_id, 0) + 1

    def refuse(self, recording_id: str, error: ArchiveError) -> None:
        """Take a row that cannot be used; it counts only where no other row names its contact."""
        self._malformed.setdefault(recording_id, malformed(recording_id, error))

    def documents(self) -> Iterator[dict[str, Any]]:
        """Yield the ref document of each contact, then what could not be used."""
        for recording_id, leg in self._merged.items():
            yield _ref(leg, self._counts[recording_id]).to_document()
        yield from (dict(row) for name, row in self._malformed.items() if name not in self._merged)


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
