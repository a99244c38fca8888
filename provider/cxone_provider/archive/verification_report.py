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
_PROBLEMS_KEPT = 50


class VerificationReport:
    """Counts what is found; memory does not grow with the archive, but for the ids of what is wrong.

    Attributes:
        part: what was read: all, or a slice.
        recordings, intact, unread: how many; what is neither intact nor unread has a problem.
        size_bytes: bytes that were read back.
        found: the first problems, to be shown.
        damaged: ids of all recordings that have a problem or could not be read.
    """

    def __init__(self, part: Slice) -> None:
        self.part = part
        self.recordings = self.intact = self.unread = self.size_bytes = 0
        self.found: list[Verification] = []
        self.damaged: list[str] = []

    @property
    def problems(self) -> int:
        """Recordings that are not what manifest and trail say."""
        return self.recordings - self.intact - self.unread

    @property
    def clean(self) -> bool:
        """True when something was read and all of it is intact."""
        return 0 < self.recordings == self.intact

    def add(self, found: Verification) -> None:
        """Count one recording."""
        self.recordings += 1
        self.size_bytes += found.size_bytes
        self.intact += found.intact
        self.unread += found.unread
        if not found.intact:
            self.damaged.append(found.recording_id)
            if len(self.found) < _PROBLEMS_KEPT:
                self.found.append(found)

    def to_document(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return {
            "schema": SUMMARY_SCHEMA,
            "slice": {"index": self.part.index, "count": self.part.count},
            "recordings": self.recordings,
            "intact": self.intact,
            "problems": self.problems,
            "unread": self.unread,
            "size_bytes": self.size_bytes,
            "proves": SINCE_RECEIPT,
        }

    def __str__(self) -> str:
        """Return a table for a log or a terminal: counts, every problem with its cause, and what this proves."""
        columns = ("recordings", "intact", "problems", "unread", "bytes read back")
        counts = (self.recordings, self.intact, self.problems, self.unread, self.size_bytes)
        lines = [str(self.part), "".join(f"{name:>17}" for name in columns), "".join(f"{n:>17,}" for n in counts)]
        lines += [f"  {one.recording_id}  {one.error_type or 'not archived'}  {one.problem}" for one in self.found]
        if len(self.damaged) > len(self.found):
            lines.append(f"  and {len(self.damaged) - len(self.found)} more, all of them in the report")
        return "\n".join([*lines, SINCE_RECEIPT])


def report_line(found: Verification) -> bytes:
    """Return one recording as a line of the stored report, JSON Lines."""
    return json.dumps(found.to_document(), sort_keys=True).encode() + b"\n"
