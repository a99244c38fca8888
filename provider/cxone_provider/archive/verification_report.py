"""What a run of the verification found: counts, every problem, and what the result proves."""

from __future__ import annotations

import json
from typing import Any

from cxone_provider.archive.slices import Slice
from cxone_provider.archive.verifying import Verification

SUMMARY_SCHEMA = "cxone.verification-summary/1"
SINCE_RECEIPT = (
    "Intact means unchanged since receipt: the digests were taken when the bytes arrived. What the tenant had sent"
    " before that is proven by its own chunk signatures alone, where it signs."
)
_PROBLEMS_SHOWN = 50


class VerificationReport:
    """Counts what is found; memory does not grow with the archive, but for the ids of what is not intact.

    Attributes:
        part: what was read: all or a slice of the archive; None for recordings that were named.
        recordings: how many were read.
        contacts: how many contact manifests were compared with those of their recordings.
        intact: recordings whose media, manifest and trail agree.
        size_bytes: bytes that were read back.
        damaged: ids of those that are not what their evidence says.
        unread: ids of those that the store could not deliver.
    """

    def __init__(self, part: Slice | None) -> None:
        self.part = part
        self.recordings = 0
        self.contacts = 0
        self.intact = 0
        self.size_bytes = 0
        self.damaged: list[str] = []
        self.unread: list[str] = []
        self._shown: list[Verification] = []

    @property
    def scope(self) -> str:
        """What was read, in words."""
        return "recordings by name" if self.part is None else str(self.part)

    @property
    def empty(self) -> bool:
        """True when nothing was there to be read."""
        return not self.recordings + self.contacts

    @property
    def clean(self) -> bool:
        """True when something was read and all of it is intact."""
        return not (self.empty or self.damaged or self.unread)

    def add(self, found: Verification) -> None:
        """Count one recording, or one contact."""
        self.contacts += found.contact
        self.recordings += not found.contact
        self.intact += found.intact and not found.contact
        self.size_bytes += found.size_bytes
        if not found.intact:
            (self.unread if found.unread else self.damaged).append(found.recording_id)
            if len(self._shown) < _PROBLEMS_SHOWN:
                self._shown.append(found)

    def to_document(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return {
            "schema": SUMMARY_SCHEMA,
            "slice": None if self.part is None else {"index": self.part.index, "count": self.part.count},
            "recordings": self.recordings,
            "contacts": self.contacts,
            "intact": self.intact,
            "problems": len(self.damaged),
            "unread": len(self.unread),
            "size_bytes": self.size_bytes,
            "proves": SINCE_RECEIPT,
        }

    def __str__(self) -> str:
        """Return a table for a log or a terminal: counts, every problem with its cause, and what this proves."""
        columns = ("recordings", "intact", "problems", "unread", "bytes read back")
        counts = (self.recordings, self.intact, len(self.damaged), len(self.unread), self.size_bytes)
        lines = [self.scope, "".join(f"{name:>17}" for name in columns), "".join(f"{n:>17,}" for n in counts)]
        lines += [f"  {one.recording_id}  {one.error_type or 'not archived'}  {one.problem}" for one in self._shown]
        if self.contacts:
            lines.insert(1, f"  and {self.contacts:,} contact manifests, compared with those of their recordings")
        more = len(self.damaged) + len(self.unread) - len(self._shown)
        if more:
            lines.append(f"  and {more} more, all of them in the report")
        return "\n".join([*lines, SINCE_RECEIPT])


def report_line(found: Verification) -> bytes:
    """Return one recording as a line of the stored report, JSON Lines."""
    return json.dumps(found.to_document(), sort_keys=True).encode() + b"\n"
