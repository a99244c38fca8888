"""Recordings that were asked for in bulk: documents both ways, the watch over requests, and one outcome for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pendulum
import pytest

from cxone_provider.archive.downloads import (
    DownloadRequest,
    DownloadStatus,
    DownloadWatch,
    EntityEnd,
    documents_after,
    seen_requests,
)
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    InvalidDocument,
    InvalidInput,
    RateLimited,
    RecordingNotFound,
    SourceUnavailable,
    TransferCancelled,
    UnexpectedAnswer,
)
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.recording import Outcome, parse_ref

NOW = pendulum.datetime(2026, 11, 22, 6)
READY = EntityEnd(Outcome.READY)
ENDED = DownloadStatus(
    "COMPLETED",
    is_ended=True,
    entities={"1": READY, "2": EntityEnd(Outcome.LOCKED, "PLAYBACK_LOCK")},
    location="https://secret",
)
REQUEST = DownloadRequest(
    "r-1", NOW, [parse_ref({"recording_id": one, "metadata": {"agent": "Ada"}}).to_document() for one in "123"]
)


def answering(*answers: DownloadStatus | ArchiveError) -> Callable[[str], DownloadStatus]:
    """Return a function that gives the answers in turn."""
    left = list(answers)

    def ask(_request_id: str) -> DownloadStatus:
        answer = left.pop(0)
        if isinstance(answer, ArchiveError):
            raise answer
        return answer

    return ask


def test_documents_survive_xcom_and_show_no_location() -> None:
    request = json.loads(json.dumps(REQUEST.to_document()))
    assert DownloadRequest.from_document(request) == REQUEST
    watch = DownloadWatch(["r-1", "r-2"], NOW)
    watch.look(answering(ENDED), "r-1")
    event = json.loads(json.dumps(watch.to_document()))
    assert "secret" not in json.dumps(event) + repr(ENDED)
    assert seen_requests(event) == {"r-1": DownloadStatus("COMPLETED", is_ended=True, entities=ENDED.entities)}


def test_each_recording_ends_in_its_own_way_and_keeps_what_the_listing_knew() -> None:
    ready, locked, unnamed = documents_after(REQUEST, ENDED)
    assert (ready["recording_id"], ready["metadata"]) == ("1", {"media_download": "r-1", "agent": "Ada"})
    plans = [SegmentPlan.from_document(one) for one in (locked, unnamed)]
    assert [(plan.recording_id, plan.outcome) for plan in plans] == [("2", Outcome.LOCKED), ("3", Outcome.FAILED)]
    assert [plan.reasons[0].value for plan in plans] == [
        "PLAYBACK_LOCK",
        "COMPLETED, but not named",
    ]
    assert plans[0].metadata["agent"] == "Ada"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (None, "nothing known at the deadline"),
        (DownloadStatus("IN_PROGRESS", is_ended=False), "IN_PROGRESS at the deadline"),
        (DownloadStatus("UNKNOWN", is_ended=True), "UNKNOWN, but not named"),
    ],
)
def test_what_has_not_ended_well_is_failed_with_what_is_known(status: DownloadStatus | None, reason: str) -> None:
    plans = [SegmentPlan.from_document(one) for one in documents_after(REQUEST, status)]
    assert {(plan.outcome, plan.reasons[0].value) for plan in plans} == {(Outcome.FAILED, reason)}


def test_what_was_not_asked_for_is_carried_on_as_it_is() -> None:
    documents = [{"recording_id": "x", "malformed": "no id", "found": None, "expected": None}]
    assert documents_after(DownloadRequest(None, None, documents), None) == documents


def test_a_watch_is_over_when_all_have_ended_or_at_the_deadline() -> None:
    watch = DownloadWatch(["r-1", "r-2"], NOW.add(hours=1))
    pending = DownloadStatus("PENDING", is_ended=False)
    assert watch.look(answering(pending), "r-1")
    assert (watch.waiting, watch.is_over(NOW), watch.is_over(NOW.add(hours=1))) == (("r-1", "r-2"), False, True)
    assert watch.look(answering(ENDED), "r-2")
    assert watch.look(answering(ENDED), "r-1")
    assert (watch.waiting, watch.is_over(NOW)) == ((), True)


def test_failures_that_may_pass_leave_a_request_waiting_and_a_refusal_ends_the_round() -> None:
    watch = DownloadWatch(["r-1"], NOW)
    limited = RateLimited("later")
    limited.retry_after_s = 240.0
    assert watch.look(answering(SourceUnavailable("503")), "r-1")
    assert not watch.look(answering(limited), "r-1")
    assert (watch.waiting, watch.take_pause_s(), watch.take_pause_s()) == (("r-1",), 240.0, 0.0)


def test_a_request_that_the_tenant_does_not_know_has_ended() -> None:
    watch = DownloadWatch(["r-1"], NOW)
    assert watch.look(answering(RecordingNotFound("404")), "r-1")
    assert watch.waiting == ()


@pytest.mark.parametrize("kind", [AuthenticationFailed, AccessDenied, UnexpectedAnswer, TransferCancelled])
def test_what_asking_again_does_not_mend_is_raised(kind: type[ArchiveError]) -> None:
    with pytest.raises(kind):
        DownloadWatch(["r-1"], NOW).look(answering(kind("no")), "r-1")


@pytest.mark.parametrize(
    "document",
    [
        None, [], {}, {"schema": "cxone.segment-plan/1"}, {**REQUEST.to_document(), "request_id": 7},
        {**REQUEST.to_document(), "requested_at": "soon"}, {**REQUEST.to_document(), "recordings": ["1"]},
        {**REQUEST.to_document(), "recordings": None},
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(document: Any) -> None:
    with pytest.raises(InvalidDocument):
        DownloadRequest.from_document(document)


@pytest.mark.parametrize(
    "requests",
    [
        None, [], {"r": None}, {"r": {}}, {"r": {"status": "X", "is_ended": True, "ready": ["../x"], "ended": {}}},
        {"r": {"status": "X", "is_ended": True, "ready": [], "ended": {"1": ["NO_SUCH_END", None]}}},
        {"r": {"status": "X", "is_ended": True, "ready": [], "ended": {"1": []}}},
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(requests: Any) -> None:
    with pytest.raises(InvalidInput):
        seen_requests({"schema": "cxone.media-download-wait/1", "requests": requests})
    with pytest.raises(InvalidDocument):
        seen_requests({"requests": {}})
