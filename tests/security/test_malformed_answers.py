"""Over two hundred malformed headers and metadata fields: each a typed error that names the field and its value."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from cxone_provider.adapters.cxone.documents import parse_description, parse_object
from cxone_provider.adapters.cxone.ranges import (
    check_identity,
    check_media_type,
    parse_content_length,
    parse_content_range,
    parse_digests,
)
from cxone_provider.archive.errors import ArchiveError, IntegrityError, SourceError, shown
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.ports import Media
from cxone_provider.archive.recording import RecordingRef
from tests.fakes.cxone_tenant import METADATA, ScriptedTenant, json_answer
from tests.fakes.http_server import Answer, head

SHA256 = base64.b64encode(hashlib.sha256(b"0123456789").digest()).decode()
LONG = "9" * 10_000
PARSERS: Mapping[str, Callable[[str], object]] = {
    "Content-Range": parse_content_range,
    "Content-Length": parse_content_length,
    "Content-Encoding": check_identity,
    "Content-Type": check_media_type,
    "Content-Digest": lambda value: parse_digests("Content-Digest", value),
}
HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Range": (
        "bytes", "bytes ", "bytes 0-9", "bytes 0-9/", "bytes 0-/10", "bytes -9/10", "bytes */10", "bytes 9-0/10",
        "bytes 0-10/10", "bytes 0-9/0", "bytes 0-9/-1", "bytes 0--9/10", "bytes +0-9/10", "bytes 0-9/10 ; x",
        "bytes=0-9/10", "items 0-9/10", "0-9/10", "bytes 0-9/10, bytes 0-9/10", "bytes 0-9/1e3", "bytes 0x0-0x9/10",
        "bytes 0.0-9/10", "bytes 0-9/10\0", "bytes 0-9999999999999999999/*", f"bytes 0-9/{LONG}", "x" * 9000,
        "\x1b[31mbytes 0-9/10", "bytes 0 - 9 / 10", "bytes\t0-9/10", "bytes  0-9/10", "NaN", "true", "bytes 1_0-19/20",
        "bytes 0-9/10/10", "bytes 0-9/**", "bytes 0-9/ten", "bytes zero-9/10", "bytes 00-09/1O", "BYTES", "none",
        "bytes 0-9-19/20", "bytes 0,9/10", "bytes \xa00-9/10", "bytes 0-9/\xb2", "bytes 9223372036854775807-0/*",
        "bytes \xbd-9/10", "multipart/byteranges", "bytes 0-9/10\x7f", "bytes 0-9;10", "byte 0-9/10",
    ),
    "Content-Length": (
        "-1", "+10", "10.0", "1e1", "ten", "10, 10", "10, 11", "9" * 19, LONG, "0x0a", "1 0", "10;q=1", "\xb2",
        "Infinity", "\x1b[1m10", "10\x1f", "1_0",
    ),
    "Content-Encoding": (
        "gzip", "x-gzip", "br", "zstd", "deflate", "identity, gzip", "aws-chunked", "?", "compress", "gzip;q=0", "*",
        "identity;q=1", "\x1b[0mgzip", "g" * 5000, "utf-8", "none",
    ),
    "Content-Type": (
        "text/html", "text/html; charset=utf-8", "TEXT/HTML", "text/xml", "application/json", "application/json;v=1",
        "application/problem+json", "application/xml", "application/xhtml+xml", "multipart/byteranges; boundary=x",
        "multipart/mixed", "application/vnd.api+json", "application/soap+xml; action=x", "image/svg+xml",
        "application/json ; \x1b[31m", "text/html;" + "x" * 5000,
    ),
    "Content-Digest": (
        "sha-256", "sha-256=", f"sha-256={SHA256}", f"sha-256=:{SHA256}", "sha-256=::", "sha-256=:AAAA:",
        f"sha-512=:{SHA256}:", "sha-256=:!!!!:", f"sha-256=:{SHA256[:-1]}:", f"SHA-256=:{SHA256}:", ",",
        f"sha-256=:{SHA256}:,", "x" * 9000, "sha-256=:" + "A" * 9000 + ":", "\x1b[31m", f"sha-256:{SHA256}",
        f"sha-256=:{SHA256}:;\xe9", f"=:{SHA256}:", f"sha-256=:{SHA256}: x", "sha-256=:A===:",
    ),
}  # fmt: skip
NO_NUMBERS: tuple[Any, ...] = (
    -1, -0.5, True, False, "123", "", [], {}, 2**63, 2**80, 1e30, "NaN", [1], {"a": 1}, -(2**63), "1e3", "\x1b[31m1",
    "0x10", 1e308, [[]], "9" * 5000,
)  # fmt: skip
NO_TEXTS: tuple[Any, ...] = (
    "", 1, 1.5, True, [], {}, "a\nb", "a\0b", "\x1b[31m", "x" * 65, "x" * 9000, "\u202eabc", "a\u2028b", "\ufeffmp3",
    [""],
)  # fmt: skip
FIELDS: Mapping[str, tuple[Any, ...]] = {
    "size": (*NO_NUMBERS, 1.5, 1000.0, 5 * 2**40 + 1),
    "duration": (*NO_NUMBERS, 366 * 24 * 3600 + 1),
    "format": NO_TEXTS,
    "status": NO_TEXTS,
    "storageState": (*NO_TEXTS, None),
    "id": (None, "", "call-2", 4711, 1.0, True, [], {}, "call-1 ", "../call-1", "CALL-1", "x" * 9000, "call-1\0"),
}
HEADER_CASES = [(name, value) for name, values in HEADERS.items() for value in values]
FIELD_CASES = [(name, value) for name, values in FIELDS.items() for value in values]


def check_told(error: ArchiveError, name: str, value: object) -> None:
    """Check that an error names the field and shows the beginning of the value, escaped, in one bounded line."""
    text = str(error)
    assert name in text
    assert text.isprintable()
    assert len(text) < 700
    beginning = shown(value.strip() if isinstance(value, str) else value, limit=16).partition("…")[0]
    assert beginning in text, (beginning, text)


def test_there_are_more_than_two_hundred_of_them() -> None:
    assert len({(name, repr(value)) for name, value in (*HEADER_CASES, *FIELD_CASES)}) >= 200


@pytest.mark.parametrize(("name", "value"), HEADER_CASES)
def test_a_malformed_header(name: str, value: str) -> None:
    with pytest.raises(ArchiveError) as raised:
        PARSERS[name](value)
    assert isinstance(raised.value, (SourceError, IntegrityError))
    check_told(raised.value, name, value)


@pytest.mark.parametrize(("name", "value"), FIELD_CASES)
def test_a_malformed_metadata_field(name: str, value: Any) -> None:
    body = json.dumps({**METADATA, name: value}).encode()
    with pytest.raises(SourceError) as raised:
        parse_description(parse_object(body, "metadata"), RecordingRef("call-1"))
    check_told(raised.value, f"metadata field {name}", value)


@pytest.fixture(scope="module")
def tenant() -> Iterator[ScriptedTenant]:
    scripted = ScriptedTenant()
    with scripted.server:
        yield scripted


@pytest.mark.server
# urllib3 leaves an answer whose lengths contradict each other to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("name", "value"), [case for case in HEADER_CASES if len(case[1]) < 9000])
def test_a_malformed_header_on_the_wire(tenant: ScriptedTenant, name: str, value: str) -> None:
    """The same through the whole HTTP stack: the error is the archive's own, whichever layer sees it first."""
    recording_id = f"call-{len(tenant.server.requests)}"
    fields = {"Content-Range": "bytes 0-9/10", "Content-Length": "10", "ETag": '"v1"', name: value}
    tenant.media(Answer([head(206, fields), b"0123456789"], close=True), recording_id=recording_id)
    buffer = memoryview(bytearray(10))
    with closing(tenant.source()) as source, pytest.raises(ArchiveError) as raised:
        source.read_segment(Media(recording_id, None, 10), Segment(0, 0, 10), buffer)
    assert str(raised.value).isprintable()
    assert not any(isinstance(cause, (AttributeError, KeyError, TypeError)) for cause in causes(raised.value))


@pytest.mark.server
@pytest.mark.parametrize(("name", "value"), FIELD_CASES)
def test_a_malformed_metadata_field_on_the_wire(tenant: ScriptedTenant, name: str, value: Any) -> None:
    recording_id = f"call-{len(tenant.server.requests)}"
    document = {**METADATA, "id": recording_id, name: value}
    tenant.metadata(json_answer(document), recording_id=recording_id)
    with closing(tenant.source()) as source, pytest.raises(SourceError, match=f"metadata field {name}"):
        source.describe(RecordingRef(recording_id))
    assert not [one for one in tenant.to(recording_id) if "download" in one.target], "nothing is asked for after it"


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
