"""The tenant's contacts while it runs: their recordings, their faults, and when they become known."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.contacts.model import Contact, Interaction, Participant, Segment, aware
from cxone_provider.simulator.dialect import Endpoint
from cxone_provider.simulator.entries import GENERATED_AT, format_of
from cxone_provider.simulator.errors import ScenarioError
from cxone_provider.simulator.faults import RECORDING_ENDPOINTS, Fault, Script, parse_rules
from cxone_provider.simulator.generated import GeneratedWav, Pcm
from cxone_provider.simulator.media import BytesMedia, FileMedia, Media
from cxone_provider.simulator.recording import Recording, RecordingSpec
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.storage import parse_phases

_UNTOLD_DURATION_S = 60.0
_NAMESPACE = uuid.UUID("6d1c5f4e-6f0b-4f5e-9a53-0242ac110004")


@dataclass(frozen=True, slots=True)
class KeptInteraction:
    """An interaction with its recording, whose id is ``{contact_id}.{n}``."""

    spec: Interaction
    recording: Recording
    started_at: datetime
    participants: tuple[Participant, ...]
    segments: tuple[Segment, ...]

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        told = self.recording.duration_s()
        return _UNTOLD_DURATION_S if told is None else told

    def at(self, offset_s: float | None) -> datetime:
        """Return the time so many seconds after the start; None is the end."""
        return self.started_at + timedelta(seconds=self.duration_s if offset_s is None else offset_s)


class KeptContact:
    """A contact, its interactions and its script. Safe under threads.

    Attributes:
        inner_id: the id that Media Playback gives it: a UUID, not the master contact id.
    """

    def __init__(self, spec: Contact, clock: Clock) -> None:
        self.spec = spec
        self._clock = clock
        self.inner_id = str(uuid.uuid5(_NAMESPACE, spec.contact_id))
        self.script = Script(parse_rules(spec.faults, RECORDING_ENDPOINTS))
        self.interactions = tuple(_kept(spec, number, clock) for number in range(len(spec.interactions)))

    @property
    def contact_ids(self) -> tuple[str, ...]:
        """The contacts that share the master id."""
        return tuple(self.spec.contact_ids) or (self.spec.contact_id,)

    @property
    def started_at(self) -> datetime:
        """When the contact began."""
        return aware(self.spec.started_at)

    @property
    def duration_s(self) -> float:
        """Seconds of the whole contact."""
        if self.spec.duration_s is not None:
            return self.spec.duration_s
        ends = [(known.at(None) - self.started_at).total_seconds() for known in self.interactions]
        return max(ends, default=0.0)

    @property
    def updated_at(self) -> datetime:
        """When the listings got to know of it."""
        listed_at = self.spec.listed_at
        return self.started_at + timedelta(seconds=self.duration_s) if listed_at is None else aware(listed_at)

    @property
    def is_listed(self) -> bool:
        """Whether the listings know of it by now."""
        return _has_come(self.spec.listed_at, self._clock)

    @property
    def is_available(self) -> bool:
        """Whether playback knows of it by now."""
        return _has_come(self.spec.available_at, self._clock)

    def striking(self, endpoint: Endpoint, request: Request) -> list[Fault]:
        """Count the request and return the contact's faults that strike it."""
        return self.script.striking(endpoint, request)

    def change_entity(self, size_change_bytes: int) -> None:
        """Make every recording of the contact another version."""
        for interaction in self.interactions:
            interaction.recording.change_entity(size_change_bytes)


class ContactBook:
    """Holds contacts by id, their segments and their recordings. Safe under threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._contacts: dict[str, KeptContact] = {}
        self._inner: dict[str, KeptContact] = {}
        self._segments: dict[str, KeptContact] = {}
        self._recordings: dict[str, tuple[KeptContact, KeptInteraction]] = {}

    def add(self, spec: Contact) -> KeptContact:
        """Add a contact, or replace the one with its id.

        Raises:
            ScenarioError: a format, a state, a size or a fault that makes no sense.
        """
        kept = KeptContact(spec, self._clock)
        with self._lock:
            self._keep(kept)
        return kept

    def find(self, contact_id: str | None) -> KeptContact | None:
        """Return a contact by its master id, or None."""
        with self._lock:
            return None if contact_id is None else self._contacts.get(contact_id)

    def find_inner(self, inner_id: str) -> KeptContact | None:
        """Return a contact by the id that Media Playback gives it, or None."""
        with self._lock:
            return self._inner.get(inner_id)

    def with_segment(self, segment_id: str) -> tuple[KeptContact, list[KeptInteraction]] | None:
        """Return the contact of a segment and those of its interactions that hold it, or None."""
        with self._lock:
            contact = self._segments.get(segment_id)
        if contact is None:
            return None
        holding = [
            known
            for known in contact.interactions
            if any(segment.segment_id == segment_id for segment in known.segments)
        ]
        return contact, holding

    def with_recording(self, recording_id: str) -> tuple[KeptContact, KeptInteraction] | None:
        """Return the contact and the interaction whose recording has this id, or None."""
        with self._lock:
            return self._recordings.get(recording_id)

    def contacts(self) -> list[KeptContact]:
        """Return all contacts in the order in which they were added."""
        with self._lock:
            return list(self._contacts.values())

    def reset(self) -> None:
        """Lead every contact back to how it was set up."""
        with self._lock:
            for kept in list(self._contacts.values()):
                self._keep(KeptContact(kept.spec, self._clock))

    def _keep(self, kept: KeptContact) -> None:
        replaced = self._contacts.get(kept.spec.contact_id)
        for known in () if replaced is None else replaced.interactions:
            self._recordings.pop(known.recording.recording_id, None)
            for segment in known.segments:
                self._segments.pop(segment.segment_id, None)
        self._contacts[kept.spec.contact_id] = self._inner[kept.inner_id] = kept
        for known in kept.interactions:
            self._recordings[known.recording.recording_id] = (kept, known)
            self._segments.update({segment.segment_id: kept for segment in known.segments})


def _kept(contact: Contact, index: int, clock: Clock) -> KeptInteraction:
    spec = contact.interactions[index]
    recording_id = f"{contact.contact_id}.{index + 1}"
    audio_format, media = _format_and_media(spec, recording_id, clock)
    recording = RecordingSpec(
        recording_id=recording_id,
        audio_format=audio_format,
        media=media,
        duration_s=media.duration_s if spec.duration_s is None and isinstance(media, GeneratedWav) else spec.duration_s,
        storage=parse_phases(spec.storage_state),
        faults=parse_rules(spec.faults, RECORDING_ENDPOINTS),
    )
    return KeptInteraction(
        spec=spec,
        recording=Recording(recording, clock),
        started_at=aware(spec.started_at or contact.started_at),
        participants=_participants(contact) if spec.participants is None else tuple(spec.participants),
        segments=tuple(spec.segments) or (Segment(f"{contact.contact_id}-{index + 1}"),),
    )


def _participants(contact: Contact) -> tuple[Participant, ...]:
    return Participant("AGENT", contact.agent_id, 0), Participant("CUSTOMER", contact.ani, 1)


def _format_and_media(spec: Interaction, recording_id: str, clock: Clock) -> tuple[str, Media]:
    if isinstance(spec.source, int):
        return "wav", GeneratedWav(spec.source, Pcm(), GENERATED_AT)
    audio_format = spec.format or (format_of(spec.source.name) if isinstance(spec.source, Path) else None)
    if audio_format is None:
        raise ScenarioError(f"the recording {recording_id!r} needs a format")
    return audio_format, BytesMedia(spec.source, clock.now()) if isinstance(spec.source, bytes) else FileMedia(
        spec.source
    )


def _has_come(moment: datetime | None, clock: Clock) -> bool:
    return moment is None or clock.now() >= aware(moment)
