"""Data Extraction: jobs, their states, the pause between two of them, and the table behind a link that expires soon."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cxone_provider.simulator import ApiSettings, Interaction, ManualClock, Segment, Simulator
from cxone_provider.simulator.contacts import ContactBook
from cxone_provider.simulator.listing import ExtractionJobs
from tests.unit.simulator.client import Reply
from tests.unit.simulator.playback import PlaybackClient

JOBS = "/data-extraction/v1/jobs"
DAY = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = {
    "entityName": "recording-interaction-metadata",
    "version": "10",
    "startDate": "2026-01-01",
    "endDate": "2026-01-01",
}


class Extraction(PlaybackClient):
    def post(self, **changes: object) -> Reply:
        headers = {"Authorization": f"Bearer {self.token()}"}
        return self.call("POST", JOBS, body=json.dumps({**ASKED, **changes}), headers=headers)

    def look(self, job_id: str) -> Any:
        return self.get(f"{JOBS}/{job_id}").document["jobStatus"]

    def rows(self) -> list[dict[str, str]]:
        table = self.follow(self.look(self.post().document)["result"]["url"]).body
        return list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))


def started(clock: ManualClock, **changes: Any) -> Simulator:
    simulator = Simulator(clock=clock, apis=ApiSettings(**changes))
    legs = [Segment("s-1", 0, 5, agent_id="7"), Segment("s-2", 5, recording_status="Deleted")]
    simulator.add_contact("1", [Interaction(4096, segments=legs), Interaction(4096)], disposition='Sold, "gold"\n')
    simulator.add_contact("2", [Interaction(4096)], is_logged=False)
    simulator.add_contact("3", [Interaction(4096)], started_at=DAY + timedelta(days=1))
    simulator.add_contact("4", [Interaction(4096)], listed_at=DAY + timedelta(days=1), contact_ids=["4", "5"])
    return simulator


@pytest.fixture
def extraction(clock: ManualClock) -> Iterator[Extraction]:
    with started(clock) as simulator:
        yield Extraction(simulator)


def test_a_job_is_a_json_string_and_succeeds(extraction: Extraction) -> None:
    posted = extraction.post()
    assert posted.status == 202
    assert isinstance(posted.document, str)
    status = extraction.look(posted.document)
    assert (status["status"], set(status["result"])) == ("SUCCEEDED", {"url", "errorMessage"})


def test_the_table_has_a_row_for_each_segment(extraction: Extraction) -> None:
    url = extraction.look(extraction.post().document)["result"]["url"]
    assert extraction.follow(url).body.startswith(b"\xef\xbb\xbfSegment ID,ACD Call ID,Start Date,")
    extraction.simulator.reset()
    rows = extraction_rows(extraction)
    assert [(row["ACD Call ID"], row["Segment ID"]) for row in rows] == [("1", "s-1"), ("1", "s-2"), ("1", "1-2")]
    first, second, _ = rows
    assert first == {
        "Segment ID": "s-1",
        "ACD Call ID": "1",
        "Start Date": "2026-01-01T00:00:00.000Z",
        "End Date": "2026-01-01T00:00:05.000Z",
        "Media Type": "voice-only",
        "Direction": "inbound",
        "Voice Recording Status": "Available",
        "ANI": "+15550100",
        "DNIS": "+15550199",
        "Skill": "Support",
        "Disposition": 'Sold, "gold"\n',
        "Agent 1 ID": "7",
        "Agent 1 Name": "Sam Agent",
        "Agent 1 Contact Number": "1",
    }
    assert (second["Voice Recording Status"], second["Agent 1 ID"]) == ("Deleted", "1001")


def extraction_rows(extraction: Extraction) -> list[dict[str, str]]:
    return Extraction(extraction.simulator).rows()


def test_late_contacts_are_in_later_jobs(extraction: Extraction, clock: ManualClock) -> None:
    assert {row["ACD Call ID"] for row in extraction_rows(extraction)} == {"1"}
    clock.advance(24 * 3600)
    assert {row["ACD Call ID"] for row in extraction_rows(extraction)} == {"1", "4"}


def test_an_early_post_is_refused_with_text(extraction: Extraction, clock: ManualClock) -> None:
    statuses = [extraction.post().status]
    clock.advance(29.9)
    early = extraction.post()
    statuses.append(early.status)
    clock.advance(0.1)
    statuses.append(extraction.post().status)
    assert statuses == [202, 403, 202]
    assert early.header("Content-Type") == "text/plain"
    assert b"wait" in early.body


def test_a_job_runs_and_ends_as_set(clock: ManualClock) -> None:
    ends = "FAILED,CANCELLED,EXPIRED,SUCCEEDED"
    with started(clock, extraction_job_s=20, extraction_interval_s=0, extraction_ends=ends) as simulator:
        extraction = Extraction(simulator)
        jobs = [extraction.post().document for _ in range(5)]
        clock.advance(19)
        running = [extraction.look(job) for job in jobs]
        clock.advance(1)
        ended = [extraction.look(job) for job in jobs]
    assert running == [{"status": "RUNNING", "result": None}] * 5
    assert [status["status"] for status in ended] == [*ends.split(","), "SUCCEEDED"]
    assert ended[0]["result"] == {"url": None, "errorMessage": "The job has failed"}


@pytest.mark.parametrize("renewed", [True, False])
def test_the_link_to_the_table_expires_soon(clock: ManualClock, *, renewed: bool) -> None:
    with started(clock, extraction_url_renewed=renewed) as simulator:
        extraction = Extraction(simulator)
        job = extraction.post().document
        first = extraction.look(job)["result"]["url"]
        clock.advance(29)
        assert extraction.follow(first).status == 200
        clock.advance(1)
        second = extraction.look(job)["result"]["url"]
        assert [extraction.follow(url).status for url in (first, second)] == [403, 200 if renewed else 403]


def test_the_link_takes_no_token_and_listing_faults_strike_it(extraction: Extraction) -> None:
    url = extraction.look(extraction.post().document)["result"]["url"]
    assert extraction.follow(url, Authorization="Bearer x").status == 400
    extraction.simulator.script_tenant([{"fault": "status", "status": 503, "on": "listing"}])
    assert [extraction.follow(url).status for _ in range(2)] == [503, 200]


def test_the_header_of_the_id_may_differ(clock: ManualClock) -> None:
    with started(clock, extraction_id_header="ACD Call ID (Master)") as simulator:
        assert Extraction(simulator).rows()[0]["ACD Call ID (Master)"] == "1"


@pytest.mark.parametrize(
    "changes",
    [
        {"entityName": "other"},
        {"version": None, "entityName": 5},
        {"startDate": "soon"},
        {"startDate": None},
        {"startDate": "2026-01-03"},
        {"endDate": ["2026-01-01"]},
    ],
)
def test_a_job_that_makes_no_sense_is_refused_and_costs_no_pause(
    extraction: Extraction, changes: dict[str, object]
) -> None:
    refused = extraction.post(**changes)
    assert (refused.status, set(refused.document)) == (400, {"internalCode", "message"})
    assert extraction.post().status == 202


@pytest.mark.parametrize(("version", "status"), [("7", 202), (12, 202), ("8", 400), ([], 400)])
def test_versions_may_be_limited(clock: ManualClock, version: object, status: int) -> None:
    with started(clock, extraction_versions="7,10,12") as simulator:
        assert Extraction(simulator).post(version=version).status == status


def test_an_unknown_job_is_404_and_a_token_is_needed(extraction: Extraction) -> None:
    job = extraction.post().document
    assert extraction.get(f"{JOBS}/other").status == 404
    assert extraction.call("GET", f"{JOBS}/{job}").status == 401
    assert extraction.call("POST", JOBS, body=json.dumps(ASKED)).status == 401
    assert extraction.get(JOBS).status == 405


def test_the_latest_thousand_jobs_are_kept(clock: ManualClock) -> None:
    jobs = ExtractionJobs(ApiSettings(extraction_interval_s=0), ContactBook(clock), clock)
    posted = [job for _ in range(1001) if (job := jobs.post(DAY, DAY)) is not None]
    assert [jobs.find(job.job_id) is None for job in (posted[0], posted[1], posted[1000])] == [True, False, False]


def test_the_health_counts_jobs_and_a_reset_forgets_them(extraction: Extraction) -> None:
    job = extraction.post().document
    assert extraction.call("GET", "/_simulator/health").document["extraction_jobs"] == 1
    extraction.simulator.reset()
    again = Extraction(extraction.simulator)
    assert again.get(f"{JOBS}/{job}").status == 404
    assert again.post().status == 202
