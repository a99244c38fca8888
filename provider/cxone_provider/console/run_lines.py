"""The lines of a run's files, decoded no further than the console needs: a hundred thousand of them in a blink."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from cxone_provider.archive.audit import AUDIT_SCHEMA
from cxone_provider.archive.verifying import VERIFICATION_SCHEMA

MAX_LINE_BYTES = 2**20


class ErrorTold(msgspec.Struct, frozen=True, gc=False):
    """Why a recording was not archived, as its audit log tells it."""

    type: str = ""
    message: str = ""
    retryable: bool = False


class RunLine(msgspec.Struct, frozen=True, gc=False):
    """One line: an audit log without its entries, or what a verification found. Times are ISO 8601 in UTC."""

    recording_id: str
    schema: str = ""
    outcome: str = ""
    started_at: str = ""
    finished_at: str = ""
    recorded_at: str | None = None
    agent: str | None = None
    attempts: int | None = None
    s3_uri: str | None = None
    total_bytes: int = 0
    chunks_processed: int = 0
    latency_ms: float = 0.0
    duration_s: float | None = None
    format: str | None = None
    error: ErrorTold | None = None
    intact: bool | None = None
    problem: str | None = None
    error_type: str | None = None
    size_bytes: int = 0

    @property
    def tells_an_end(self) -> bool:
        """True for an audit log: how a recording ended."""
        return self.schema == AUDIT_SCHEMA and bool(self.outcome)

    @property
    def tells_a_check(self) -> bool:
        """True for a line of a verification's report."""
        return self.schema == VERIFICATION_SCHEMA and self.intact is not None


def run_lines(pieces: Iterable[bytes]) -> Iterator[RunLine | None]:
    """Yield the lines of a run's file; None for each that is no such line, e.g. a later version's.

    Args:
        pieces: the file's bytes in order; no more than two pieces and a line are held.
    """
    decoder = msgspec.json.Decoder(RunLine)
    for line in _split(pieces):
        try:
            decoded = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield None
            continue
        yield decoded if decoded.tells_an_end or decoded.tells_a_check else None


def _split(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines without their ends; one that is too long loses its beginning, and is no JSON then."""
    carried = b""
    for piece in pieces:
        *lines, carried = (carried + piece).split(b"\n")
        yield from (line for line in lines if line)
        if len(carried) > MAX_LINE_BYTES:
            carried = b"\0"
    if carried:
        yield carried
