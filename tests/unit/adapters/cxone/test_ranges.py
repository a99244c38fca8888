"""Header fields of media answers: tables for what is known to go wrong, properties for what is not."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.cxone.ranges import (
    ContentRange,
    DigestCheck,
    check_identity,
    check_media_type,
    check_range,
    parse_content_length,
    parse_content_range,
    parse_digests,
    parse_unsatisfied,
    strong_etag,
)
from cxone_provider.archive.errors import (
    ArchiveError,
    DigestMismatch,
    EncodedBody,
    SizeDisagrees,
    UnexpectedAnswer,
    WrongContentType,
    WrongRange,
)

SHA256 = base64.b64encode(hashlib.sha256(b"chunk").digest()).decode()
SHA512 = base64.b64encode(hashlib.sha512(b"chunk").digest()).decode()

# what a header can hold by the time http.client has decoded it: latin-1, control characters included
hostile = st.text(st.characters(max_codepoint=255)) | st.from_regex(r"[0-9bytes\-/* =:,;\"W]{0,40}", fullmatch=True)


@pytest.mark.parametrize(
    ("value", "start", "stop", "total_bytes"),
    [
        ("bytes 0-0/1", 0, 1, 1),
        ("bytes 0-262143/262144", 0, 262144, 262144),
        ("bytes 5-9/*", 5, 10, None),
        ("Bytes 5-9/20", 5, 10, 20),
        (" bytes 5-9/20 ", 5, 10, 20),
        ("bytes 007-008/020", 7, 9, 20),
        ("bytes 0-999999999999999998/999999999999999999", 0, 10**18 - 1, 10**18 - 1),
    ],
)
def test_reads_content_range(value: str, start: int, stop: int, total_bytes: int | None) -> None:
    assert parse_content_range(value) == ContentRange(start, stop, total_bytes)


BAD_CONTENT_RANGES = [
    None, "", "bytes", "bytes 0-9", "bytes 0-9/", "bytes 0-/10", "bytes -9/10", "bytes */10", "bytes 9-0/10",
    "bytes 0-10/10", "bytes 0-9/0", "bytes 0-9/-1", "bytes 0--9/10", "bytes +0-9/10", "bytes 0-9/10 ; x",
    "bytes=0-9/10",
    "items 0-9/10", "0-9/10", "bytes 0-9/10, bytes 0-9/10", "bytes 0-9/1e3", "bytes 0x0-0x9/10", "bytes 0.0-9/10",
    "bytes \u0660-\u0669/10", "bytes 0-9/10\r\nX: y", "bytes 0-9\0/10", "bytes 0-9999999999999999999/*",
    "bytes 0-9/" + "9" * 10_000,
    "x" * 10_240, "\x1b[31mbytes 0-9/10", "bytes 0 - 9 / 10", "bytes\t0-9/10", "bytes  0-9/10", "NaN", "true",
    "bytes 1_0-19/20",
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_CONTENT_RANGES)
def test_a_bad_content_range_is_named_and_shown_escaped(value: str | None) -> None:
    with pytest.raises(WrongRange, match="Content-Range") as raised:
        parse_content_range(value)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 500


@given(st.integers(0, 10**17), st.integers(1, 10**9), st.integers(0, 10**9) | st.none())
def test_reads_every_range_it_could_be_sent(start: int, size_bytes: int, behind: int | None) -> None:
    stop = start + size_bytes
    total_bytes = None if behind is None else stop + behind
    written = f"bytes {start}-{stop - 1}/{'*' if total_bytes is None else total_bytes}"
    assert parse_content_range(written) == ContentRange(start, stop, total_bytes)


@given(hostile)
def test_any_header_value_gives_a_value_or_a_typed_error(value: str) -> None:
    for parse in (
        parse_content_range, parse_unsatisfied, parse_content_length, strong_etag, check_identity, check_media_type,
        lambda text: parse_digests("Content-Digest", text),
    ):  # fmt: skip
        try:
            parse(value)
        except ArchiveError as error:
            assert str(error).isprintable()  # noqa: PT017  # the property is about every error there can be


@pytest.mark.parametrize(
    ("value", "size_bytes"),
    [
        ("bytes */0", 0), ("bytes */1234", 1234), ("BYTES */1234", 1234), (None, None), ("", None),
        ("bytes */*", None),
        ("bytes 0-9/10", None), ("bytes */-1", None), ("bytes */" + "9" * 30, None), ("*/10", None),
        ("x" * 10_240, None),
    ],
)  # fmt: skip
def test_reads_the_size_in_a_416(value: str | None, size_bytes: int | None) -> None:
    assert parse_unsatisfied(value) == size_bytes


@pytest.mark.parametrize("answered", [(10, 20, 100), (10, 11, 100), (10, 20, None), (10, 15, None)])
def test_a_range_may_be_shorter_than_asked(answered: tuple[int, int, int | None]) -> None:
    check_range(ContentRange(*answered), 10, 20, 100)


@pytest.mark.parametrize(
    "answered", [(9, 20, 100), (0, 10, 100), (11, 20, 100), (10, 21, 100), (20, 30, 100), (0, 100, 100)]
)
def test_other_bytes_than_asked_are_refused(answered: tuple[int, int, int]) -> None:
    found = f"found bytes {answered[0]}-{answered[1] - 1}, expected bytes 10-19"
    with pytest.raises(WrongRange, match=found):
        check_range(ContentRange(*answered), 10, 20, 100)


@pytest.mark.parametrize("total_bytes", [99, 101, 20])
def test_another_size_than_agreed_is_refused(total_bytes: int) -> None:
    with pytest.raises(SizeDisagrees, match=f"found {total_bytes}, expected 100"):
        check_range(ContentRange(10, 20, total_bytes), 10, 20, 100)


def test_any_size_will_do_while_none_is_agreed() -> None:
    check_range(ContentRange(10, 20, 7777), 10, 20, None)


@pytest.mark.parametrize(("value", "length"), [(None, None), ("0", 0), ("12", 12), (" 12 ", 12), ("007", 7)])
def test_reads_content_length(value: str | None, length: int | None) -> None:
    assert parse_content_length(value) == length


@pytest.mark.parametrize(
    "value", ["", "-1", "+1", "1.0", "1e3", "abc", "5, 5", "5, 6", "٣", "9" * 19, "9" * 10_000, "0x10", "1 2"]
)
def test_a_bad_content_length_is_refused(value: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="Content-Length"):
        parse_content_length(value)


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ('"v1"', '"v1"'), (' "v1" ', '"v1"'), ('"9f86d0-81:884,c=7d"', '"9f86d0-81:884,c=7d"'), ('"W/x"', '"W/x"'),
        (None, None), ("", None), ('""', None), ("v1", None), ('W/"v1"', None), ('w/"v1"', None),
        ('"v1', None), ('v1"', None),
        ('"a"b"', None), ('"a b"', None), ('"a\r\nX: y"', None), ('"a\0"', None), ('"ä"', None), ('"a", "b"', None),
        ('"' + "a" * 201 + '"', None), ("*", None),
    ],
)  # fmt: skip
def test_only_a_strong_entity_tag_counts(value: str | None, tag: str | None) -> None:
    assert strong_etag(value) == tag


@pytest.mark.parametrize("value", [None, "", "identity", "Identity", " identity "])
def test_identity_is_no_encoding(value: str | None) -> None:
    check_identity(value)


@pytest.mark.parametrize(
    "value", ["gzip", "x-gzip", "br", "zstd", "deflate", "identity, gzip", "gzip\r\n", "aws-chunked", "?"]
)
def test_any_encoding_is_refused(value: str) -> None:
    with pytest.raises(EncodedBody, match="Content-Encoding"):
        check_identity(value)


@pytest.mark.parametrize(
    "value",
    [
        None, "", "audio/mpeg", "audio/x-wav", "AUDIO/WAV; rate=8000", "video/mp4", "application/octet-stream",
        "binary/octet-stream",
        "application/x-download", "text/plain", "nonsense", "application/ogg",
    ],
)  # fmt: skip
def test_audio_travels_under_many_names(value: str | None) -> None:
    check_media_type(value)


@pytest.mark.parametrize(
    "value",
    [
        "text/html", "text/html; charset=utf-8", "TEXT/HTML", "text/xml", "application/json",
        "application/json;charset=utf-8",
        "application/problem+json", "application/xml", "application/xhtml+xml", "multipart/byteranges; boundary=x",
        "multipart/mixed", "  text/html  ", "application/vnd.api+json",
    ],
)  # fmt: skip
def test_pages_and_documents_are_refused(value: str) -> None:
    with pytest.raises(WrongContentType, match="Content-Type"):
        check_media_type(value)


@pytest.mark.parametrize(
    ("value", "algorithms"),
    [
        (None, []),
        ("", []),
        (f"sha-256=:{SHA256}:", ["sha-256"]),
        (f"sha-512=:{SHA512}:, sha-256=:{SHA256}:", ["sha-512", "sha-256"]),
        (f"md5=:{'A' * 22}==:,sha-256=:{SHA256}:;q=1", ["sha-256"]),
        ("unixsum=:MTIzNA==:", []),
    ],
)
def test_only_sha2_digests_count(value: str | None, algorithms: list[str]) -> None:
    assert list(parse_digests("Repr-Digest", value)) == algorithms


@pytest.mark.parametrize(
    "value",
    [
        "sha-256", "sha-256=", f"sha-256={SHA256}", f"sha-256=:{SHA256}", "sha-256=::", "sha-256=:AAAA:",
        f"sha-256=:{SHA512}:",
        f"sha-512=:{SHA256}:", "sha-256=:!!!!:", f"sha-256=:{SHA256[:-1]}:", f"SHA-256=:{SHA256}:", ",",
        f"sha-256=:{SHA256}:,",
        "x" * 10_240, "sha-256=:" + "A" * 10_000 + ":", "\x1b[31m",
    ],
)  # fmt: skip
def test_a_malformed_digest_is_refused(value: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="Content-Digest"):
        parse_digests("Content-Digest", value)


@pytest.mark.parametrize(
    "value", [f"sha-256=:{SHA256}:", f"sha-512=:{SHA512}:", f"sha-512=:{SHA512}:, sha-256=:{SHA256}:"]
)
def test_a_digest_is_compared_with_the_bytes(value: str) -> None:
    digests = parse_digests("Content-Digest", value)
    good, bad = DigestCheck("Content-Digest", digests), DigestCheck("Content-Digest", digests)
    for check, chunk in ((good, b"chunk"), (bad, b"chunx")):
        assert check.active
        check.update(memoryview(chunk)[:2])
        check.update(memoryview(chunk)[2:])
    good.finish()
    with pytest.raises(DigestMismatch, match="Content-Digest"):
        bad.finish()


def test_without_a_digest_there_is_nothing_to_compare() -> None:
    check = DigestCheck("Content-Digest", {})
    check.update(memoryview(b"anything"))
    check.finish()
    assert not check.active
