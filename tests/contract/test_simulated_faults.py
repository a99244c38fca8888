"""Every fault the simulator knows, against the adapter: the right bytes, or the error that names what happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import Timeouts, settings_of
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    DigestMismatch,
    EncodedBody,
    ExcessBody,
    RangeIgnored,
    RangeNotSatisfiable,
    RateLimited,
    RecordingChanged,
    ShortBody,
    SignatureMismatch,
    SignatureMissing,
    SizeDisagrees,
    SourceUnavailable,
    TransferStalled,
    UnexpectedAnswer,
    WrongContentType,
    WrongRange,
)
from cxone_provider.archive.integrity import verify_chunk
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.ports import Media
from cxone_provider.archive.recording import Outcome, RecordingRef
from cxone_provider.simulator import FAULTS, Simulator
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.server

STREAM_SECRET = b"0123456789abcdef"
CONTENT = bytes(range(256)) * 400
SIZE = len(CONTENT)
STEP = 30_000
ALWAYS = {"times": "always"}
MENDED: dict[str, Any] = {"times": 2}
Fault = dict[str, Any]

# fault, and the error it ends with; None where the bytes arrive all the same
MEDIA_FAULTS: list[tuple[Fault, type[ArchiveError] | None]] = [
    ({"fault": "status", "status": 429, "retry_after": "3", **MENDED}, None),
    ({"fault": "status", "status": 429, "retry_after_in_s": 30, **MENDED}, None),
    ({"fault": "status", "status": 429, **ALWAYS}, RateLimited),
    ({"fault": "status", "status": 503, **MENDED}, None),
    ({"fault": "status", "status": 503, **ALWAYS}, SourceUnavailable),
    ({"fault": "status", "status": 403, **ALWAYS}, AccessDenied),
    ({"fault": "status", "status": 418, **ALWAYS}, UnexpectedAnswer),
    ({"fault": "status", "status": 401, "times": 1}, None),
    ({"fault": "status", "status": 401, **ALWAYS}, AuthenticationFailed),
    ({"fault": "redirect", "location": "http://169.254.169.254/", **ALWAYS}, UnexpectedAnswer),
    ({"fault": "revoke_token", "at": 3}, None),
    ({"fault": "revoke_token", "every_token": True, "at": 2}, None),
    ({"fault": "html_page", **ALWAYS}, WrongContentType),
    ({"fault": "html_page", "status": 206, **ALWAYS}, WrongContentType),
    ({"fault": "json_page", **ALWAYS}, WrongContentType),
    ({"fault": "json_page", "status": 206, **ALWAYS}, WrongContentType),
    ({"fault": "html_page", "status": 206, "content_type": "audio/mpeg", "at": 2}, SignatureMismatch),
    ({"fault": "ignore_range", "at": 2}, RangeIgnored),
    ({"fault": "short_206", "size_bytes": 7000, **ALWAYS}, None),
    ({"fault": "shift_range", "by_bytes": 1, **ALWAYS}, WrongRange),
    ({"fault": "shift_range", "by_bytes": -100, "at": 2}, WrongRange),
    ({"fault": "wrong_content_range", "start_shift": 1, "end_shift": 1, **ALWAYS}, WrongRange),
    ({"fault": "wrong_content_range", "total_shift": 1, **ALWAYS}, SizeDisagrees),
    ({"fault": "wrong_content_range", "value": "bytes x", **ALWAYS}, WrongRange),
    ({"fault": "wrong_content_range", "missing": True, **ALWAYS}, WrongRange),
    ({"fault": "range_not_satisfiable", "at": 2}, RangeNotSatisfiable),
    ({"fault": "range_not_satisfiable", "total_shift": -10, **ALWAYS}, RangeNotSatisfiable),
    ({"fault": "multipart_byteranges", **ALWAYS}, WrongContentType),
    ({"fault": "change_entity", "at": 2}, RecordingChanged),
    ({"fault": "change_entity", "at": 2, "size_change_bytes": 8}, RecordingChanged),
    ({"fault": "flip_bit", "offset": 40_000, **ALWAYS}, SignatureMismatch),
    ({"fault": "weak_etag", "at": 2}, RecordingChanged),
    ({"fault": "no_etag", "at": 2}, RecordingChanged),
    ({"fault": "stale_headers", "at": 2}, RecordingChanged),
    ({"fault": "headers", "set": {"Content-Length": "x"}, **ALWAYS}, UnexpectedAnswer),
    ({"fault": "duplicate_headers", "names": ["Content-Range"], **ALWAYS}, WrongRange),
    ({"fault": "duplicate_headers", "names": ["Content-Length"], "value": "7", **ALWAYS}, UnexpectedAnswer),
    ({"fault": "digest", "header": "Content-Digest", **ALWAYS}, None),
    ({"fault": "digest", "header": "Content-Digest", "algorithm": "sha-512", **ALWAYS}, None),
    ({"fault": "digest", "header": "Content-Digest", "right": False, **ALWAYS}, DigestMismatch),
    ({"fault": "bad_signature", **ALWAYS}, SignatureMismatch),
    ({"fault": "no_signature", **ALWAYS}, SignatureMissing),
    ({"fault": "framing", "framing": "chunked", **ALWAYS}, None),
    ({"fault": "framing", "framing": "none", **ALWAYS}, None),
    ({"fault": "early_terminator", "after_bytes": 100, **MENDED}, None),
    ({"fault": "early_terminator", "after_bytes": 100, **ALWAYS}, ShortBody),
    ({"fault": "declared_longer", **MENDED}, None),
    ({"fault": "declared_longer", **ALWAYS}, ExcessBody),
    ({"fault": "extra_bytes", "count": 5, **ALWAYS}, ExcessBody),
    ({"fault": "extra_bytes", "count": 5, "declared": False, **MENDED}, None),
    ({"fault": "endless", "framing": "chunked", **ALWAYS}, ExcessBody),
    ({"fault": "endless", "framing": "none", **ALWAYS}, ExcessBody),
    ({"fault": "endless", "framing": "length", **ALWAYS}, ExcessBody),
    ({"fault": "gzip", **ALWAYS}, EncodedBody),
    ({"fault": "gzip", "only_header": True, **ALWAYS}, EncodedBody),
    ({"fault": "gzip_bomb", **ALWAYS}, EncodedBody),
    *(({"fault": "close", "after_bytes": 100, "framing": f, **MENDED}, None) for f in ("length", "chunked", "none")),
    *(({"fault": "close", "after_bytes": 0, "framing": f, **ALWAYS}, ShortBody) for f in ("length", "chunked", "none")),
    ({"fault": "reset", "after_bytes": 100, **MENDED}, None),
    ({"fault": "no_answer", "ending": "fin", **MENDED}, None),
    ({"fault": "no_answer", "ending": "rst", **ALWAYS}, SourceUnavailable),
    ({"fault": "not_http", **ALWAYS}, SourceUnavailable),
    ({"fault": "delay", "seconds": 30, **ALWAYS}, SourceUnavailable),
    ({"fault": "drip", "interval_s": 0.02, **ALWAYS}, TransferStalled),
    ({"fault": "slow_headers", "interval_s": 0.05, **ALWAYS}, SourceUnavailable),
]  # fmt: skip
METADATA_FAULTS: list[tuple[Fault, type[ArchiveError] | None]] = [
    ({"fault": "override_fields", "fields": {"size": -1}}, UnexpectedAnswer),
    ({"fault": "override_fields", "remove": ["storageState"]}, UnexpectedAnswer),
    ({"fault": "override_fields", "fields": {"id": "other"}}, UnexpectedAnswer),
    ({"fault": "huge_metadata", "times": "always"}, UnexpectedAnswer),
    ({"fault": "raw_body", "body": ""}, UnexpectedAnswer),
    ({"fault": "raw_body", "body": '{"id": "call-1", "id": "call-1"}'}, UnexpectedAnswer),
    ({"fault": "raw_body", "body": "[" * 100_000}, UnexpectedAnswer),
    ({"fault": "status", "status": 503, "on": "metadata", **MENDED}, None),
    ({"fault": "revoke_token", "on": "metadata", "times": 1}, None),
    ({"fault": "gzip", "on": "metadata"}, UnexpectedAnswer),
    ({"fault": "close", "after_bytes": 10, "on": "metadata", **MENDED}, None),
    ({"fault": "no_answer", "on": "metadata", **MENDED}, None),
    ({"fault": "delay", "seconds": 30, "on": "metadata", **ALWAYS}, SourceUnavailable),
]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(stream_secret=STREAM_SECRET.decode()) as running:
        running.add_recording("call-1", CONTENT, format="mp3", duration_s=1.0)
        yield running


def source_of(simulator: Simulator) -> RecordingV2Source:
    settings = settings_of(simulator.base_url, simulator.client_id, simulator.client_secret)
    timeouts = Timeouts(token_s=0.3, metadata_s=0.3, media_s=0.3)
    hurried = replace(settings, stream_secret=STREAM_SECRET, timeouts=timeouts, retries=RetryPolicy(attempts=3))
    return RecordingV2Source(hurried, FakeClock())


def transfer(source: RecordingV2Source) -> bytes:
    """Read the recording as the pipeline does: one entity, every chunk's signature verified."""
    received = bytearray()
    etag = None
    for segment in SegmentPlan("call-1", Outcome.READY, STEP, size_bytes=SIZE).segments():
        buffer = memoryview(bytearray(segment.size_bytes))
        result = source.read_segment(Media("call-1", None, SIZE, etag), segment, buffer)
        verify_chunk(STREAM_SECRET, segment, buffer[: result.bytes_read], result.signature)
        etag = result.etag
        received += buffer[: result.bytes_read]
    return bytes(received)


def name_of(value: object) -> str:
    """Return a readable id for a row of the tables."""
    return " ".join(map(str, value.values())) if isinstance(value, dict) else getattr(value, "__name__", "mended")


@pytest.mark.parametrize(("fault", "kind"), MEDIA_FAULTS, ids=name_of)
def test_a_fault_of_the_media(simulator: Simulator, fault: Fault, kind: type[ArchiveError] | None) -> None:
    simulator.script("call-1", [{"on": "media", **fault}])
    source = source_of(simulator)
    if kind is None:
        assert transfer(source) == CONTENT
        return
    with pytest.raises(ArchiveError) as raised:
        transfer(source)
    assert type(raised.value) is kind
    assert simulator.client_secret not in str(raised.value)


@pytest.mark.parametrize(("fault", "kind"), METADATA_FAULTS, ids=name_of)
def test_a_fault_of_the_metadata(simulator: Simulator, fault: Fault, kind: type[ArchiveError] | None) -> None:
    simulator.script("call-1", [fault])
    source = source_of(simulator)
    if kind is None:
        assert source.describe(RecordingRef("call-1")).size_bytes == SIZE
        return
    with pytest.raises(ArchiveError) as raised:
        source.describe(RecordingRef("call-1"))
    assert type(raised.value) is kind


def test_no_fault_is_forgotten() -> None:
    assert set(FAULTS) == {fault["fault"] for fault, _ in (*MEDIA_FAULTS, *METADATA_FAULTS)}
