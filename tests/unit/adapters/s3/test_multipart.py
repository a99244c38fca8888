"""How uploads are opened, listed and completed on stores that differ in what they tell."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest

from cxone_provider.adapters.s3 import store_settings
from cxone_provider.archive.errors import DigestMismatch, StoreRefused
from cxone_provider.archive.ports import ObjectAttributes, Part
from tests.fakes.http_server import Answer
from tests.fakes.s3_answers import (
    ETAG,
    completed,
    described,
    listed_part,
    nothing,
    ok,
    opened,
    parts_page,
    refusal,
    retained,
    uploads_page,
)
from tests.unit.adapters.s3.conftest import Scripted

AUDIO = ObjectAttributes("audio/mpeg")
ZERO_SHA256 = b64encode(hashlib.sha256(bytes(1)).digest()).decode()
LISTED = {"ChecksumAlgorithm": "SHA256"}
OURS = f'"{ETAG}-1"'
UNTIL = "2033-01-01T00:00:00Z"
LOCK = store_settings(object_lock_mode="GOVERNANCE", retain_until=UNTIL)


def digests(*bodies: bytes) -> list[Part]:
    return [
        Part(number, len(body), ETAG, b64encode(hashlib.sha256(body).digest()).decode())
        for number, body in enumerate(bodies, start=1)
    ]


def composite(*bodies: bytes) -> str:
    joined = b"".join(hashlib.sha256(body).digest() for body in bodies)
    return f"{b64encode(hashlib.sha256(joined).digest()).decode()}-{len(bodies)}"


def test_the_first_upload_finds_that_digests_are_listed(scripted: Scripted) -> None:
    store, server = scripted(opened("first"), parts_page(**LISTED), opened("second"))

    assert [store.create_upload("k", AUDIO), store.create_upload("k", AUDIO)] == ["first", "second"]

    assert len(server.requests) == 3
    assert server.requests[2].headers["x-amz-checksum-algorithm"] == "SHA256"


@pytest.mark.parametrize("digest", [None, "b3RoZXI="])
def test_where_digests_are_not_listed_uploads_are_opened_without(scripted: Scripted, digest: str | None) -> None:
    store, server = scripted(
        opened("probed"), parts_page(), ok(), parts_page(listed_part(1, digest)), nothing(204), opened("first"),
        opened("second"),
    )  # fmt: skip

    assert [store.create_upload("k", AUDIO), store.create_upload("k", AUDIO)] == ["first", "second"]

    requests = server.requests
    assert requests[2].headers["x-amz-checksum-sha256"] == ZERO_SHA256
    assert requests[4].line.startswith("DELETE /archive/k?uploadId=probed")
    assert all("x-amz-checksum-algorithm" not in request.headers for request in requests[5:])
    assert len(requests) == 7


def test_a_store_that_only_lists_digests_of_parts_keeps_its_upload(scripted: Scripted) -> None:
    store, server = scripted(opened("kept"), parts_page(), ok(), parts_page(listed_part(1, ZERO_SHA256)))

    assert store.create_upload("k", AUDIO) == "kept"

    assert len(server.requests) == 4


@pytest.mark.parametrize("steps", [[parts_page(), refusal(403, "AccessDenied")], [refusal(403, "AccessDenied")]])
@pytest.mark.parametrize("removal", [nothing(204), refusal(403, "AccessDenied")])
def test_an_upload_that_could_not_be_found_out_about_is_removed(
    scripted: Scripted, steps: list[Answer], removal: Answer
) -> None:
    store, server = scripted(opened("probed"), *steps, removal)

    with pytest.raises(StoreRefused, match=r"UploadPart|ListParts"):
        store.create_upload("k", AUDIO)

    assert server.requests[-1].line.startswith("DELETE /archive/k?uploadId=probed")


def test_without_checksums_nothing_is_found_out(scripted: Scripted) -> None:
    store, server = scripted(opened("first"), settings=store_settings(checksum="none"))

    assert store.create_upload("k", AUDIO) == "first"

    assert len(server.requests) == 1


def test_listings_are_followed_to_their_end(scripted: Scripted) -> None:
    more = {"IsTruncated": "true", "NextKeyMarker": "p/a b", "NextUploadIdMarker": "id of p/a b"}
    store, server = scripted(
        uploads_page("p/a", "p/a b", **more), uploads_page("p/c", "elsewhere"),
        parts_page(listed_part(1), IsTruncated="true", NextPartNumberMarker="1"), parts_page(listed_part(2)),
    )  # fmt: skip

    assert [(upload.key, upload.upload_id) for upload in store.uploads("p/")] == [
        ("p/a", "id of p/a"), ("p/a b", "id of p/a b"), ("p/c", "id of p/c"),
    ]  # fmt: skip
    assert [part.number for part in store.parts("p/a", "u-1")] == [1, 2]

    targets = [request.target for request in server.requests]
    assert "key-marker=p%2Fa%20b" in targets[1]
    assert "upload-id-marker=id%20of%20p%2Fa%20b" in targets[1]
    assert "part-number-marker=1" in targets[3]


@pytest.mark.parametrize("elements", [{}, {"NextPartNumberMarker": "1"}])
def test_a_listing_that_does_not_end_is_an_error(scripted: Scripted, elements: dict[str, str]) -> None:
    store, _ = scripted(parts_page(listed_part(1), IsTruncated="true", **elements))

    with pytest.raises(StoreRefused, match="end"):
        store.parts("k", "u-1")


def test_listed_digests_are_kept(scripted: Scripted) -> None:
    store, _ = scripted(parts_page(listed_part(1, ZERO_SHA256), listed_part(2)))

    assert [part.sha256 for part in store.parts("k", "u-1")] == [ZERO_SHA256, None]


@pytest.mark.parametrize("where", ["answer", "head"])
def test_the_checksum_over_all_parts_is_compared(scripted: Scripted, where: str) -> None:
    right, wrong = composite(b"one", b"two"), composite(b"two", b"one")
    etag = {"ETag": OURS}
    head = described(6, {**etag, "x-amz-checksum-sha256": wrong if where == "head" else right})
    other = described(6, {"ETag": '"another version"', "x-amz-checksum-sha256": right})
    store, _ = scripted(
        completed(ChecksumSHA256=wrong), head if where == "head" else other, completed(ChecksumSHA256=right), head
    )

    with pytest.raises(DigestMismatch):
        store.complete_upload("k", "u-1", digests(b"one", b"two"))

    if where == "answer":
        stored = store.complete_upload("k", "u-1", digests(b"one", b"two"))
        assert stored.checksums == {"sha256": right}


def test_what_another_writer_put_there_is_not_taken_for_ours(scripted: Scripted) -> None:
    store, _ = scripted(completed(), described(99, {"ETag": '"of another"'}))

    stored = store.complete_upload("k", "u-1", digests(b"hello"))

    assert (stored.size_bytes, stored.etag) == (5, f"{ETAG}-1")


@pytest.mark.parametrize(
    ("kept", "requests"),
    [
        (retained("GOVERNANCE", UNTIL), ["POST", "HEAD", "GET"]),
        (retained("COMPLIANCE", "2040-01-01T00:00:00Z"), ["POST", "HEAD", "GET"]),
    ],
)
def test_a_lock_that_is_kept_is_left_alone(scripted: Scripted, kept: Answer, requests: list[str]) -> None:
    store, server = scripted(completed(), described(5, {"ETag": OURS}), kept, settings=LOCK)

    store.complete_upload("k", "u-1", digests(b"hello"))

    assert [request.line.split()[0] for request in server.requests] == requests


@pytest.mark.parametrize(
    "dropped",
    [
        refusal(404, "NoSuchObjectLockConfiguration"),
        refusal(404, "ObjectLockConfigurationNotFoundError"),
        retained("GOVERNANCE", "2032-12-31T23:59:59Z"),
    ],
    ids=["none", "none, other word", "too short"],
)
def test_a_lock_that_was_dropped_is_set_again(scripted: Scripted, dropped: Answer) -> None:
    steps = [completed(), described(5, {"ETag": OURS, "x-amz-version-id": "v1"}), dropped, nothing(200)]
    store, server = scripted(*steps, retained("GOVERNANCE", UNTIL), settings=LOCK)

    store.complete_upload("k", "u-1", digests(b"hello"))

    put = server.requests[3]
    assert put.line.startswith("PUT /archive/k?retention")
    assert UNTIL.encode() in put.body


def test_a_lock_that_does_not_hold_is_an_error(scripted: Scripted) -> None:
    none = refusal(404, "NoSuchObjectLockConfiguration")
    store, _ = scripted(completed(), described(5, {"ETag": OURS}), none, nothing(200), none, settings=LOCK)

    with pytest.raises(StoreRefused, match="retention"):
        store.complete_upload("k", "u-1", digests(b"hello"))
