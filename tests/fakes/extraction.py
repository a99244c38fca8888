"""An extraction tenant whose every answer is scripted: jobs at the API, results behind links at another host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cxone_provider.adapters.cxone.data_extraction import DataExtraction
from cxone_provider.adapters.cxone.links import LinkSession
from cxone_provider.adapters.cxone.listing_settings import ListingSettings
from cxone_provider.adapters.cxone.media_hosts import MediaHosts
from cxone_provider.adapters.cxone.tenant_api import TenantApi
from tests.fakes.clock import FakeClock
from tests.fakes.cxone_tenant import Reply, ScriptedTenant, json_answer
from tests.fakes.http_server import Answer, answer

JOBS = "/data-extraction/v1/jobs"
JOB = f"{JOBS}/job-1"
RESULT = "/results/job-1.csv"
SIGNATURE = "X-Amz-Signature=canary-signature"
HEADER = (
    "ACD Call ID (Master Contact ID)", "Segment ID", "Start Date", "End Date", "Voice Recording Status", "ANI", "DNIS",
    "Disposition", "Agent 1 ACD ID", "Agent 1 Name", "Agent 1 Skills",
)  # fmt: skip
ROW = (
    "4711", "s-1", "2026-11-22T10:00:00Z", "2026-11-22T10:01:00Z", "Success", "+15550100", "+15550199", "Sold", "7",
    "Sam Agent", "Support",
)  # fmt: skip
ACCEPTED = answer(202, b'"job-1"', {"Content-Type": "application/json"})


def row(**cells: str) -> list[str]:
    """Return a row; cells are named by the first word of their header, in lower case."""
    names = ["acd", "segment", "start", "end", "voice", "ani", "dnis", "disposition", "agent_id", "agent", "skill"]
    return [cells.get(name, value) for name, value in zip(names, ROW, strict=True)]


def csv_of(*rows: Sequence[str], header: Sequence[str] = HEADER, bom: bytes = b"\xef\xbb\xbf") -> bytes:
    """Return a CSV as Data Extraction makes it."""
    lines = [",".join(f'"{cell}"' if set(cell) & set(',"\n') else cell for cell in line) for line in (header, *rows)]
    return bom + ("\r\n".join(lines) + "\r\n").encode()


def job(status: Any, **result: Any) -> Answer:
    """Return a job's document."""
    return json_answer({"jobStatus": {"id": "job-1", "status": status, "result": result}})


class ScriptedExtraction:
    """The tenant, and the adapter that asks it."""

    def __init__(self, tenant: ScriptedTenant) -> None:
        self.tenant = tenant
        self.clock = FakeClock()

    @property
    def link(self) -> str:
        """The link to the result."""
        return f"{self.tenant.server.url}{RESULT}?{SIGNATURE}"

    def done(self) -> Answer:
        """Return the document of a job that succeeded."""
        return job("SUCCEEDED", url=self.link)

    def adapter(self, **options: Any) -> DataExtraction:
        """Return the adapter."""
        settings = self.tenant.settings(media_hosts=MediaHosts.parse(["127.0.0.1"]))
        return DataExtraction(
            TenantApi(settings, self.clock), LinkSession(settings), ListingSettings().changed(options)
        )

    def result(self, *replies: Reply) -> None:
        """Script what the link leads to."""
        self.tenant.script(RESULT, *replies)
