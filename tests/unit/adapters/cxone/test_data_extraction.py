"""Data Extraction: posts, polls, results behind short-lived links, and every answer that is not one of these."""

from __future__ import annotations

import json
from typing import Any

import pendulum
import pytest

from cxone_provider.adapters.cxone.data_extraction import MAX_POSTS, POST_INTERVAL_S
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    InvalidDocument,
    RateLimited,
    ShortBody,
    SourceUnavailable,
    UnexpectedAnswer,
)
from cxone_provider.archive.listing import Window
from cxone_provider.archive.listing_errors import (
    JobCancelled,
    JobExpired,
    JobFailed,
    JobOverdue,
    JobRefused,
    JobUnknown,
    ListingFailed,
)
from cxone_provider.archive.listing_ports import JobState
from tests.fakes.cxone_tenant import CLIENT_SECRET, Reply, ScriptedTenant, json_answer
from tests.fakes.extraction import ACCEPTED, JOB, JOBS, RESULT, ScriptedExtraction, csv_of, job, row
from tests.fakes.http_server import Answer, answer, head

pytestmark = pytest.mark.server

DAY = Window(pendulum.datetime(2026, 11, 22), pendulum.datetime(2026, 11, 23))


@pytest.fixture
def extraction(tenant: ScriptedTenant) -> ScriptedExtraction:
    return ScriptedExtraction(tenant)


def begin(extraction: ScriptedExtraction, *replies: Reply) -> str:
    extraction.tenant.script(JOBS, *replies)
    adapter = extraction.adapter()
    return adapter.begin(adapter.request(DAY))


def refs(extraction: ScriptedExtraction, body: bytes, **options: Any) -> list[Any]:
    extraction.tenant.script(JOB, extraction.done())
    extraction.result(answer(200, body, {"Content-Type": "text/csv"}))
    return list(extraction.adapter(**options).refs("job-1"))


# --- what is asked for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "asked"),
    [
        ("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z", ("2026-11-22", "2026-11-23")),
        ("2026-11-22T18:30:00Z", "2026-11-23T00:00:01Z", ("2026-11-22", "2026-11-24")),
        ("2026-11-22T00:00:00+02:00", "2026-11-23T00:00:00+02:00", ("2026-11-21", "2026-11-23")),
    ],
)
def test_a_window_is_asked_for_in_whole_days_around_it(
    extraction: ScriptedExtraction, start: str, end: str, asked: tuple[str, str]
) -> None:
    window = Window(pendulum.parse(start), pendulum.parse(end))  # type: ignore[arg-type]  # both are times
    request = extraction.adapter().request(window)
    assert (request["startDate"], request["endDate"]) == asked
    assert request["entityName"] == "recording-interaction-metadata"
    assert request["version"] == "7"


def test_a_tenant_that_takes_moments_is_asked_for_them(extraction: ScriptedExtraction) -> None:
    request = extraction.adapter(whole_days=False, entity_version=12, entity_name="other").request(DAY)
    assert dict(request) == {
        "entityName": "other",
        "version": "12",
        "startDate": "2026-11-22T00:00:00Z",
        "endDate": "2026-11-23T00:00:00Z",
    }


def test_one_post_begins_a_job(extraction: ScriptedExtraction) -> None:
    assert begin(extraction, ACCEPTED) == "job-1"
    [request] = extraction.tenant.to(JOBS)
    assert request.line.startswith("POST ")
    assert request.headers["authorization"] == "Bearer canary-token-1"
    assert json.loads(request.body)["startDate"] == "2026-11-22"


def test_a_post_that_comes_too_early_waits_its_turn(extraction: ScriptedExtraction) -> None:
    early = answer(403, b"Only one job in 30 seconds is allowed")
    assert begin(extraction, early, early, ACCEPTED) == "job-1"
    assert [POST_INTERVAL_S <= wait_s <= 2 * POST_INTERVAL_S for wait_s in extraction.clock.sleeps] == [True, True]


def test_a_post_that_is_always_refused_ends_and_can_be_tried_again(extraction: ScriptedExtraction) -> None:
    with pytest.raises(JobRefused, match="found 403 not for you") as caught:
        begin(extraction, answer(403, b"not for you"))
    assert caught.value.retryable
    assert len(extraction.tenant.to(JOBS)) == MAX_POSTS
    assert sum(extraction.clock.sleeps) < 2 * MAX_POSTS * POST_INTERVAL_S


@pytest.mark.parametrize(
    "body",
    [
        b"", b"job-1", b"null", b"1", b'""', b'{"jobId": "job-1"}', b'["job-1"]', b'"../jobs"', b'".."', b'"a/b"',
        b'"a b"', b'"a\\u0000"', b'"a?b"', b'"a#b"', b'"' + b"x" * 129 + b'"', b"\xff", b'"job-1', b'"j\xc3\xb6b"',
        b"<html></html>", b"[" * 50_000,
    ],
)  # fmt: skip
def test_an_answer_without_a_job_id_is_refused(extraction: ScriptedExtraction, body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="no job id"):
        begin(extraction, answer(202, body))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(400, b'{"message": "unknown entity"}'), UnexpectedAnswer),
        (answer(401), AuthenticationFailed),
        (answer(404), UnexpectedAnswer),
        (answer(409), UnexpectedAnswer),
        (answer(429), RateLimited),
        (answer(500), SourceUnavailable),
        (answer(202, b'"job', declared=7), SourceUnavailable),
    ],
)
def test_each_status_of_a_post_has_its_error(
    extraction: ScriptedExtraction, reply: Answer, kind: type[ArchiveError]
) -> None:
    with pytest.raises(kind):
        begin(extraction, reply)


# --- how a job stands --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [*JobState, "running", "Succeeded"])
def test_every_state_is_understood(extraction: ScriptedExtraction, state: str) -> None:
    extraction.tenant.script(JOB, job(state))
    assert extraction.adapter().look("job-1").state == state.upper()


def test_the_reason_of_a_failure_is_told_and_the_link_never(extraction: ScriptedExtraction) -> None:
    extraction.tenant.script(JOB, job("FAILED", errorMessage="out of\nmemory", url=extraction.link))
    look = extraction.adapter().look("job-1")
    assert look.message == r"out of\nmemory"
    assert "canary" not in repr(look)


@pytest.mark.parametrize("job_id", ["", ".", "..", "a/b", "a b", "x" * 129, "job?1"])
def test_an_id_that_leads_elsewhere_is_never_asked_for(extraction: ScriptedExtraction, job_id: str) -> None:
    with pytest.raises(InvalidDocument, match="unusable job id"):
        extraction.adapter().look(job_id)
    assert extraction.tenant.to(JOBS) == []


@pytest.mark.parametrize(
    "document",
    [
        {}, [], "RUNNING", None, 1, {"jobStatus": None}, {"jobStatus": "RUNNING"}, {"jobStatus": []},
        {"jobStatus": {}}, {"jobStatus": {"status": None}}, {"jobStatus": {"status": "QUEUED"}},
        {"jobStatus": {"status": 1}}, {"jobStatus": {"status": ""}}, {"jobStatus": {"status": ["RUNNING"]}},
        {"jobStatus": {"status": "SUCCEEDED", "result": "https://x"}},
        {"jobStatus": {"status": "SUCCEEDED", "result": []}},
        {"jobStatus": {"status": "SUCCEEDED", "result": {"url": 1}}},
        {"jobStatus": {"status": "SUCCEEDED", "result": {"url": ["https://x"]}}},
        {"jobStatus": {"status": "FAILED", "result": {"errorMessage": {"code": 1}}}},
        {"jobStatus": {"status": "FAILED", "result": {"errorMessage": 5}}},
    ],
)  # fmt: skip
def test_a_document_that_is_no_job_is_refused(extraction: ScriptedExtraction, document: Any) -> None:
    extraction.tenant.script(JOB, json_answer(document))
    with pytest.raises(UnexpectedAnswer, match=r"jobStatus|the listing job is not"):
        extraction.adapter().look("job-1")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(404, b"gone"), JobUnknown),
        (answer(403), AccessDenied),
        (answer(401), AuthenticationFailed),
        (answer(429), RateLimited),
        (answer(502), SourceUnavailable),
        (answer(204), UnexpectedAnswer),
        (answer(200, b"{"), UnexpectedAnswer),
        (answer(200, b" " * (2**20 + 1)), UnexpectedAnswer),
    ],
)
def test_each_status_of_a_look_has_its_error(
    extraction: ScriptedExtraction, reply: Answer, kind: type[ArchiveError]
) -> None:
    extraction.tenant.script(JOB, reply)
    with pytest.raises(kind):
        extraction.adapter().look("job-1")


# --- the result --------------------------------------------------------------------------------------------------


def test_a_row_becomes_a_ref(extraction: ScriptedExtraction) -> None:
    assert refs(extraction, csv_of(row())) == [
        {
            "recording_id": "4711",
            "recorded_at": "2026-11-22T10:00:00Z",
            "duration_s": 60.0,
            "has_media": True,
            "metadata": {
                "agent_id": "7",
                "agent_name": "Sam Agent",
                "skill": "Support",
                "ani": "+15550100",
                "dnis": "+15550199",
                "disposition": "Sold",
                "recording_status": "Success",
            },
        }
    ]


def test_the_token_is_not_sent_to_the_link(extraction: ScriptedExtraction) -> None:
    refs(extraction, csv_of(row()))
    [request] = extraction.tenant.to(RESULT)
    assert "authorization" not in request.headers
    assert "canary-token" not in str(request)


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/x?y",
        "ftp://127.0.0.1/x",
        "/results/job-1.csv",
        "https://user@127.0.0.1/x",
        "nonsense",
    ],
)
def test_a_link_that_may_not_be_followed_is_refused_and_not_shown(extraction: ScriptedExtraction, link: str) -> None:
    extraction.tenant.script(JOB, job("SUCCEEDED", url=f"{link}canary"))
    with pytest.raises(UnexpectedAnswer) as caught:
        list(extraction.adapter().refs("job-1"))
    assert "canary" not in str(caught.value)


def test_an_empty_result_is_an_empty_listing(extraction: ScriptedExtraction) -> None:
    assert refs(extraction, csv_of()) == []


@pytest.mark.parametrize(
    ("state", "kind"),
    [("RUNNING", JobOverdue), ("FAILED", JobFailed), ("CANCELLED", JobCancelled), ("EXPIRED", JobExpired)],
)
def test_a_job_that_did_not_succeed_has_no_result(
    extraction: ScriptedExtraction, state: str, kind: type[ListingFailed]
) -> None:
    extraction.tenant.script(JOB, job(state, errorMessage="too much data"))
    with pytest.raises(kind, match="found too much data") as caught:
        list(extraction.adapter().refs("job-1"))
    assert caught.value.retryable, "the next try asks for another one"


def test_a_success_without_a_link_is_refused(extraction: ScriptedExtraction) -> None:
    extraction.tenant.script(JOB, job("SUCCEEDED"))
    with pytest.raises(UnexpectedAnswer, match=r"result\.url"):
        list(extraction.adapter().refs("job-1"))


@pytest.mark.parametrize("status", [400, 403, 404, 410, 429, 500, 503])
def test_a_link_that_is_over_costs_a_new_one(extraction: ScriptedExtraction, status: int) -> None:
    extraction.result(answer(status, b"<Error>Request has expired</Error>"), answer(200, csv_of(row())))
    extraction.tenant.script(JOB, extraction.done())
    assert [ref["recording_id"] for ref in extraction.adapter().refs("job-1")] == ["4711"]
    assert len(extraction.tenant.to(JOB)) == 2, "polled again for a new link"


def test_a_link_that_is_always_over_ends_and_shows_nothing_of_itself(extraction: ScriptedExtraction) -> None:
    extraction.tenant.script(JOB, extraction.done())
    extraction.result(answer(403, extraction.link.encode()))
    with pytest.raises(SourceUnavailable) as caught:
        list(extraction.adapter().refs("job-1"))
    assert "canary" not in str(caught.value)
    assert len(extraction.tenant.to(RESULT)) == 4


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(302, b"", {"Location": "https://elsewhere.example"}), UnexpectedAnswer),
        (answer(204), UnexpectedAnswer),
        (answer(206, b"x"), UnexpectedAnswer),
        (answer(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}), UnexpectedAnswer),
        (answer(200, csv_of(row()), declared=10_000), ShortBody),
        (Answer([head(200, {"Content-Length": 10_000}), b"ACD"], reset=True), SourceUnavailable),
        (answer(200, b""), UnexpectedAnswer),
    ],
)
def test_each_broken_result_has_its_error(
    extraction: ScriptedExtraction, reply: Answer, kind: type[ArchiveError]
) -> None:
    extraction.tenant.script(JOB, extraction.done())
    extraction.result(reply)
    with pytest.raises(kind):
        list(extraction.adapter().refs("job-1"))


def test_a_result_that_broke_is_read_from_the_start_and_counted_once(extraction: ScriptedExtraction) -> None:
    body = csv_of(row(), row(segment="s-2"))
    extraction.tenant.script(JOB, extraction.done())
    extraction.result(answer(200, body[:-20], declared=len(body)), answer(200, body))
    [found] = extraction.adapter().refs("job-1")
    assert found["metadata"]["legs"] == 2


def test_a_result_over_the_limit_is_not_read_to_its_end(
    extraction: ScriptedExtraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxone_provider.adapters.cxone.data_extraction.MAX_RESULT_BYTES", 100_000)
    with pytest.raises(UnexpectedAnswer, match="too large"):
        refs(extraction, csv_of(*[row()] * 2000))


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_no_error_shows_a_secret(extraction: ScriptedExtraction, status: int) -> None:
    def echoing(request: Any) -> Answer:
        return answer(status, json.dumps({**request.headers, "secret": CLIENT_SECRET}).encode())

    extraction.tenant.script(JOB, echoing)
    with pytest.raises(ArchiveError) as caught:
        extraction.adapter().look("job-1")
    assert "canary" not in str(caught.value)
    with pytest.raises(ArchiveError) as caught:
        begin(extraction, echoing)
    assert "canary" not in str(caught.value)
