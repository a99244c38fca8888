"""What a row breaks at the tenant: one recording, or a contact of two whose second one is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from cxone_provider.adapters.cxone.media_playback import MediaPlaybackSource
from cxone_provider.archive.ports import Media, WholeBody
from cxone_provider.archive.recording import RecordingRef
from cxone_provider.simulator import Interaction, Segment, Simulator
from tests.faults.row import AUDIO, Links, Row, Size, TenantFault

_BEGAN = datetime(2026, 11, 21, 10, tzinfo=UTC)
_NEIGHBOUR = "call-aac-faststart.mp4"
_OF_TENANT = frozenset({"token", "webhook"})


class Subject(Protocol):
    """What is archived."""

    @property
    def ref(self) -> RecordingRef:
        """What the archive is asked for."""

    @property
    def recording_ids(self) -> Sequence[str]:
        """The recordings' ids in the archive, the broken one last."""

    def set_up(self) -> None:
        """Make the tenant new, and whole."""

    def break_with(self, faults: Sequence[TenantFault]) -> None:
        """Script the tenant."""

    def mend(self) -> None:
        """Make it whole again; what has changed stays changed."""

    def content(self, recording_id: str) -> bytes:
        """Return what one of the recordings holds now."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of a tenant that speaks ``recording-v2``."""

    simulator: Simulator
    recording_id: str
    size: Size

    @property
    def ref(self) -> RecordingRef:
        """Its bare id."""
        return RecordingRef(self.recording_id)

    @property
    def recording_ids(self) -> Sequence[str]:
        """Its id."""
        return (self.recording_id,)

    def set_up(self) -> None:
        """Make the tenant new, with this recording."""
        self.simulator.reset()
        self.simulator.script_tenant(())
        if self.size.file is None:
            self.simulator.add_generated(self.recording_id, self.size.size_bytes)
        else:
            self.simulator.add_recording(self.recording_id, AUDIO / self.size.file)

    def break_with(self, faults: Sequence[TenantFault]) -> None:
        """Script the recording and the tenant."""
        self.simulator.script(self.recording_id, [fault for fault in faults if fault.get("on") not in _OF_TENANT])
        self.simulator.script_tenant([fault for fault in faults if fault.get("on") in _OF_TENANT])

    def mend(self) -> None:
        """Break it with nothing."""
        self.break_with(())

    def content(self, recording_id: str) -> bytes:
        """Return what it holds now."""
        return self.simulator.media_bytes(recording_id)


@dataclass(slots=True)
class Contact:
    """A contact of two recordings, of a tenant that speaks ``media-playback``; links and media of the second one break.

    Attributes:
        contact_id: the recordings are ``{contact_id}.1`` and ``{contact_id}.2``.
        size: of the second one.
        links: what becomes of the links while the contact is broken.
    """

    simulator: Simulator = field(repr=False)
    contact_id: str
    size: Size
    links: Links = field(repr=False)
    _broken: bool = False
    _swapped: bool = False

    @property
    def ref(self) -> RecordingRef:
        """What a listing tells: with it, only playing the contact costs a request."""
        return RecordingRef(self.contact_id, metadata={"listed": True})

    @property
    def recording_ids(self) -> Sequence[str]:
        """Both, by their start."""
        return f"{self.contact_id}.1", f"{self.contact_id}.2"

    def set_up(self) -> None:
        """Make the tenant new, with this contact."""
        self._broken = self._swapped = False
        self._add(link=None)
        self.simulator.reset()
        self.simulator.script_tenant(())

    def break_with(self, faults: Sequence[TenantFault]) -> None:
        """Script playback, the second recording's media and the tenant; let links become what the row says."""
        self._broken = True
        if self.links.given is not None:
            self._add(link=self.links.given)
        self._script(faults)

    def mend(self) -> None:
        """Let faults end, and links be what they should be."""
        self._broken = False
        if self.links.given is not None:
            self._add(link=None)
        self._script(())

    def content(self, recording_id: str) -> bytes:
        """Return what one of the recordings holds now."""
        first, second = self.recording_ids
        # The tenant numbers recordings by their places in its list, and the archive by their starts.
        listed_as = {first: second, second: first}[recording_id] if self._swapped else recording_id
        return self.simulator.media_bytes(listed_as)

    def lapse(self, start: int) -> None:
        """Let every link expire before a body is asked for from byte `start` on, where the row says so."""
        if not self._broken or self.links.lapse == "never" or (self.links.lapse == "rest" and not start):
            return
        if self.links.other_order and not self._swapped:
            self._swapped = True
            self._add(link=None)
        self.simulator.expire_links()

    def _add(self, *, link: str | None) -> None:
        source = self.size.size_bytes if self.size.file is None else AUDIO / self.size.file
        first = self._voice(AUDIO / _NEIGHBOUR, minute=58)
        second = self._voice(source, minute=59, link=link, changes_with_link=self.links.change)
        listed = (second, first) if self._swapped else (first, second)
        self.simulator.add_contact(self.contact_id, listed, started_at=_BEGAN)

    def _voice(self, source: Path | int, minute: int, **facts: Any) -> Interaction:
        # By name: the tenant's own would tell its place in the list.
        leg = Segment(f"{self.contact_id}-{minute}")
        return Interaction(source, started_at=_BEGAN.replace(minute=minute), segments=[leg], **facts)

    def _script(self, faults: Sequence[TenantFault]) -> None:
        of_tenant = [fault for fault in faults if fault.get("on") in _OF_TENANT]
        of_playback = [fault for fault in faults if fault.get("on") == "metadata"]
        of_media = [fault for fault in faults if fault not in of_tenant and fault not in of_playback]
        self.simulator.script_tenant(of_tenant)
        self.simulator.script(self.contact_id, of_playback)
        self.simulator.script(self.recording_ids[1], of_media)


class LapsingSource(MediaPlaybackSource):
    """The production source; right before it asks for a body, time passes for the links.

    Attributes:
        lapse: told the first byte that is asked for.
    """

    lapse: Callable[[int], None]

    @contextmanager
    def open_whole(self, media: Media, start: int = 0) -> Iterator[WholeBody]:
        """Ask for the whole media, or the rest of it; contract in the port."""
        self.lapse(start)
        with super().open_whole(media, start) as body:
            yield body


def subject_of(simulator: Simulator, row: Row, recording_id: str, size: Size) -> Recording | Contact:
    """Return what a row breaks."""
    if row.group == "playback":
        return Contact(simulator, recording_id, size, row.links)
    return Recording(simulator, recording_id, size)
