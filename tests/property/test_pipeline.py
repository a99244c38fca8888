"""The whole pipeline over every small size, segment size and part size: the right bytes, or the right named error."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.recording import Outcome
from tests.unit.archive.archiving_cases import Case

KEY = "cxone/recordings/date=unknown/rec.wav"


def wav(data_bytes: int) -> bytes:
    """Return a valid PCM file of 8 kHz mono 8 bit with so many bytes of sound."""
    sound = bytes(n * 7 % 256 for n in range(data_bytes)) + b"\x00" * (data_bytes % 2)
    header = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    body = b"WAVE" + header + b"data" + struct.pack("<I", data_bytes) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body


@settings(max_examples=250, deadline=None)
@given(
    data_bytes=st.integers(0, 700),
    segment_size_bytes=st.integers(1, 300),
    part_size_bytes=st.integers(12, 900),  # the first part tells the format; in S3 it has 5 MiB
    concurrency=st.integers(1, 5),
    size_told=st.booleans(),
    signed=st.booleans(),
    ranges=st.booleans(),
)
def test_every_size_gives_the_right_bytes(
    data_bytes: int,
    segment_size_bytes: int,
    part_size_bytes: int,
    concurrency: int,
    size_told: bool,
    signed: bool,
    ranges: bool,
) -> None:
    content = wav(data_bytes)
    case = Case(
        content,
        segment_size_bytes=segment_size_bytes,
        part_size_bytes=part_size_bytes,
        concurrency=concurrency,
        signed=signed and ranges,
        size_bytes=len(content) if size_told else None,
        audio_format="wav",
        ranges=ranges,
    )
    log = case.run()
    assert log.outcome is Outcome.ARCHIVED, log.error
    assert case.store.body(KEY) == content
    plan = SegmentPlan("rec", Outcome.READY, segment_size_bytes, size_bytes=len(content))
    assert [entry.range for entry in log.entries] == [segment.inclusive for segment in plan.segments()]
    assert case.no_upload_left()


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, 743), segment_size_bytes=st.integers(1, 400), told=st.booleans())
def test_every_truncated_recording_is_seen(cut: int, segment_size_bytes: int, told: bool) -> None:
    content = wav(700)[:cut]
    case = Case(
        content,
        segment_size_bytes=segment_size_bytes,
        part_size_bytes=300,
        size_bytes=len(content) if told else None,
        audio_format="wav",
    )
    log = case.run()
    assert log.outcome is Outcome.FAILED
    assert log.error is not None
    assert log.error.type in {"TruncatedAudio", "UnknownAudio", "CorruptAudio", "RangeNotSatisfiable"}
    assert case.nothing_published()
    assert case.no_upload_left()
