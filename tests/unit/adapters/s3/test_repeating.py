"""What S3Store sends again, how often, and how it ends."""

from __future__ import annotations

import pytest

from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.archive.errors import (
    ArchiveError,
    ObjectExists,
    StoreRefused,
    StoreUnavailable,
    TransferCancelled,
    UploadVanished,
)
from tests.fakes.clock import FakeClock
from tests.fakes.http_server import Answer
from tests.fakes.s3_answers import completed, described, nothing, ok, parts_page, refusal
from tests.unit.adapters.s3.calls import AUDIO, BODY, CALLS, PART, Call, every_call
from tests.unit.adapters.s3.conftest import Scripted
from tools.servers.ports import LOOPBACK, free_ports
from tools.servers.seaweedfs import S3Server

RESET = Answer([], reset=True)
SILENT_END = Answer([], close=True)
TRIES = 5


@every_call
@pytest.mark.parametrize("broken", [nothing(503), RESET, SILENT_END], ids=["503", "reset", "closed"])
def test_every_call_is_repeated_within_bounds(scripted: Scripted, clock: FakeClock, call: Call, broken: Answer) -> None:
    store, server = scripted(broken)

    with pytest.raises(StoreUnavailable) as raised:
        call(store)

    assert len(server.requests) == TRIES
    assert len(clock.sleeps) == TRIES - 1
    assert raised.value.retryable


@pytest.mark.parametrize("broken", [nothing(500), refusal(503, "SlowDown"), refusal(409, "OperationAborted"), RESET])
def test_a_put_that_fails_once_sends_the_same_body_again(scripted: Scripted, broken: Answer) -> None:
    store, server = scripted(broken, ok())

    stored = store.put("k", BODY, AUDIO, if_absent=True)

    assert stored.size_bytes == len(BODY)
    assert [request.body for request in server.requests] == [BODY, BODY]


def test_a_refused_connection_is_a_store_that_is_not_there(clock: FakeClock) -> None:
    nobody = S3Server(f"http://{LOOPBACK}:{free_ports(1)[0]}", "a", "b").client(tuned_client_config())

    with pytest.raises(StoreUnavailable):
        S3Store(nobody, "archive", clock=clock).stat("k")

    assert len(clock.sleeps) == TRIES - 1
    nobody.close()


def test_a_kill_ends_the_waiting(scripted: Scripted, clock: FakeClock) -> None:
    store, server = scripted(nothing(503))
    clock.cancelled.set()

    with pytest.raises(TransferCancelled):
        CALLS["put"](store)

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "first",
    [
        refusal(200, "InternalError"),
        refusal(409, "ConditionalRequestConflict"),
        refusal(503, "SlowDown"),
        SILENT_END,
    ],
    ids=["200 with an error", "conflict", "slow down", "answer lost"],
)
def test_a_completion_is_repeated(scripted: Scripted, first: Answer) -> None:
    store, server = scripted(first, completed(), described(5, {"ETag": '"5d41402abc4b2a76b9719d911017c592-1"'}))

    stored = store.complete_upload("k", "u-1", [PART], if_absent=True)

    assert stored.size_bytes == 5
    assert [request.line.split()[0] for request in server.requests] == ["POST", "POST", "HEAD"]
    assert all(request.headers["if-none-match"] == "*" for request in server.requests[:2])


@pytest.mark.parametrize(
    ("answers", "error", "requests"),
    [
        ([refusal(200, "InternalError")], StoreUnavailable, TRIES),
        ([refusal(200, "PreconditionFailed")], ObjectExists, 1),
        ([refusal(412, "PreconditionFailed")], ObjectExists, 1),
        ([refusal(404, "NoSuchUpload")], UploadVanished, 1),
        ([nothing(500), refusal(404, "NoSuchUpload")], UploadVanished, 2),
        ([SILENT_END, refusal(412, "PreconditionFailed")], ObjectExists, 2),
        ([refusal(400, "EntityTooSmall")], StoreRefused, 1),
        ([refusal(400, "InvalidPart")], StoreRefused, 1),
        ([refusal(409, "ConditionalRequestConflict")], StoreUnavailable, TRIES),
    ],
)
def test_how_a_completion_ends(
    scripted: Scripted, answers: list[Answer], error: type[ArchiveError], requests: int
) -> None:
    store, server = scripted(*answers)

    with pytest.raises(error):
        store.complete_upload("k", "u-1", [PART], if_absent=True)

    assert len(server.requests) == requests


@pytest.mark.parametrize("code", ["BadDigest", "XAmzContentChecksumMismatch"])
def test_a_body_that_was_damaged_on_its_way_is_sent_again(scripted: Scripted, code: str) -> None:
    store, server = scripted(refusal(400, code), ok())

    CALLS["put_part"](store)

    assert [request.body for request in server.requests] == [BODY, BODY]


def test_a_body_that_never_fits_its_digest_is_refused(scripted: Scripted) -> None:
    store, server = scripted(refusal(400, "BadDigest"))

    with pytest.raises(StoreRefused, match="BadDigest"):
        CALLS["put_part"](store)

    assert len(server.requests) == TRIES


def test_the_abort_is_repeated_until_no_part_is_left(scripted: Scripted) -> None:
    part = "<Part><PartNumber>1</PartNumber><Size>5</Size></Part>"
    gone = refusal(404, "NoSuchUpload")
    store, server = scripted(nothing(204), parts_page(part), nothing(204), parts_page(part), gone, gone)

    store.abort_upload("k", "u-1")

    assert [request.line.split()[0] for request in server.requests] == ["DELETE", "GET"] * 3


def test_parts_that_no_abort_removes_are_an_error(scripted: Scripted) -> None:
    store, server = scripted(
        lambda request: (
            nothing(204)
            if request.line.startswith("DELETE")
            else parts_page("<Part><PartNumber>1</PartNumber><Size>5</Size></Part>")
        )
    )

    with pytest.raises(StoreUnavailable, match="remain"):
        store.abort_upload("k", "u-1")

    assert len(server.requests) == 2 * TRIES
