"""One recording of the tenant: what it is, and what has become of it so far."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.dialect import Endpoint
from cxone_provider.simulator.duration import measured_duration_s
from cxone_provider.simulator.faults import Fault, Rule, Script
from cxone_provider.simulator.media import Change, ChangedMedia, Media
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.storage import Phase, StateTimeline

AVAILABLE = (Phase("available"),)
COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class RecordingSpec:
    """A recording as it is set up; a reset leads back to this.

    Attributes:
        audio_format: of `media`: ``mp3``, ``wav``, ``mp4``, ``ogg``.
        duration_s: None measures it, and gives null where the audio does not tell.
        declared_size_bytes: the size the metadata gives in place of the true one.
        renditions: further formats that ``?format=`` reaches.
    """

    recording_id: str
    audio_format: str
    media: Media
    duration_s: float | None = None
    recorded_at: datetime | None = None
    storage: Sequence[Phase] = AVAILABLE
    status: str = COMPLETED
    declared_size_bytes: int | None = None
    renditions: Mapping[str, Media] = field(default_factory=dict)
    faults: Sequence[Rule] = ()


class Recording:
    """A recording with its script, storage state and version. Safe under threads."""

    def __init__(self, spec: RecordingSpec, clock: Clock) -> None:
        self.spec = spec
        self._clock = clock
        self._lock = threading.Lock()
        self._duration_s = spec.duration_s
        self._changed: dict[str, Media] = {}
        self._version = 1
        self.status = spec.status
        self.storage = StateTimeline(spec.storage, clock)
        self.script = Script(spec.faults)

    @property
    def recording_id(self) -> str:
        """The id in the API's paths."""
        return self.spec.recording_id

    def set_state(self, phases: Sequence[Phase] | None, status: str | None) -> None:
        """Replace the storage states, the status, or both."""
        if phases is not None:
            self.storage = StateTimeline(phases, self._clock)
        if status is not None:
            self.status = status

    def media(self, audio_format: str | None) -> tuple[str, Media] | None:
        """Return format and bytes of the native form (None) or of a rendition; None when there is no such rendition."""
        wanted = audio_format or self.spec.audio_format
        original = self._originals().get(wanted)
        with self._lock:
            return None if original is None else (wanted, self._changed.get(wanted, original))

    def formats(self) -> list[str]:
        """Return the formats there are, the native one first."""
        return list(self._originals())

    def change_entity(self, size_change_bytes: int) -> None:
        """Make every form of the recording another version, with other bytes and another entity tag."""
        with self._lock:
            self._version += 1
            change = Change(self._version, size_change_bytes)
            self._changed = {form: ChangedMedia(media, change) for form, media in self._originals().items()}

    def striking(self, endpoint: Endpoint, request: Request) -> list[Fault]:
        """Count the request and return the recording's faults that strike it."""
        return self.script.striking(endpoint, request)

    def duration_s(self) -> float | None:
        """Return the seconds the metadata gives; measured once."""
        with self._lock:
            if self._duration_s is None:
                self._duration_s = measured_duration_s(self.spec.media, self.spec.audio_format)
            return self._duration_s

    def description(self, storage_state: str) -> dict[str, object]:
        """Return the metadata document ``{id, format, size, duration, status, storageState}``."""
        declared = self.spec.declared_size_bytes
        native = self._changed.get(self.spec.audio_format, self.spec.media)
        return {
            "id": self.recording_id,
            "format": self.spec.audio_format,
            "size": native.size_bytes if declared is None else declared,
            "duration": self.duration_s(),
            "status": self.status,
            "storageState": storage_state,
        }

    def _originals(self) -> dict[str, Media]:
        return {self.spec.audio_format: self.spec.media, **self.spec.renditions}
