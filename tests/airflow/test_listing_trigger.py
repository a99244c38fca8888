"""Waiting for a listing job: the trigger by itself, against a tenant, and a whole deferral by Airflow."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pendulum
import pytest
import requests
from airflow.triggers.base import BaseTrigger, TriggerEvent

from cxone_provider.archive.jobs import JobWait
from cxone_provider.archive.listing import Window
from cxone_provider.archive.listing_ports import JobState
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.listing import extraction_jobs
from cxone_provider.operators import listing
from cxone_provider.simulator import ApiSettings, Interaction, ManualClock, Simulator
from cxone_provider.triggers.jobs import ListingJobTrigger
from tests.airflow.versions import deserialize, parsed_dags, serialize, sync_bag_to_db
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # Airflow and its libraries warn each other
DEADLINE = "2026-11-22T07:00:00Z"
HOUR_S = 3600
KEY_SECRET = "canary-access-key-secret===="
CLIENT_SECRET = "canary-client-secret-Zm9v&+=%41"
START = datetime(2026, 11, 21, 8, tzinfo=UTC)
DAY = Window(pendulum.datetime(2026, 11, 21), pendulum.datetime(2026, 11, 22))


def connect(monkeypatch: pytest.MonkeyPatch, tenant: Simulator, **extra: Any) -> None:
    fields = {
        "conn_type": "cxone",
        "host": tenant.base_url,
        "login": tenant.client_id,
        "password": CLIENT_SECRET,
        "extra": {
            "api": "media-playback",
            "access_key_id": tenant.apis.access_key_id,
            "access_key_secret": KEY_SECRET,
            "media_hosts": ["127.0.0.1"],
            **extra,
        },
    }
    monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", json.dumps(fields))


@dataclass
class Triggerer:
    """Runs triggers as Airflow does: from what they serialise to, on a loop that must never be blocked.

    The tenant's clock goes with the trigger's.
    """

    tenant: Simulator
    time: ManualClock
    clock: FakeClock = field(default_factory=FakeClock)

    async def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.time.advance(seconds)
        await asyncio.sleep(0)

    def posted(self) -> str:
        """Post a job and return its id."""
        jobs = extraction_jobs(CXoneHook(), {})
        try:
            return jobs.begin(jobs.request(DAY))
        finally:
            jobs.close()

    def made(self, job_id: str, deadline_at: str = DEADLINE) -> ListingJobTrigger:
        path, stored = ListingJobTrigger("cxone_default", job_id, deadline_at).serialize()
        assert path == f"{ListingJobTrigger.__module__}.{ListingJobTrigger.__qualname__}"
        kwargs: Any = deserialize(json.loads(json.dumps(serialize(stored))))
        return ListingJobTrigger(**kwargs, clock=self.clock, sleep=self.sleep)

    async def fired(self, trigger: BaseTrigger) -> JobWait:
        events: AsyncIterator[TriggerEvent] = trigger.run()
        [payload] = [json.loads(json.dumps(event.payload)) async for event in events]
        await trigger.cleanup()
        return JobWait.from_document(payload)

    def run(self, trigger: BaseTrigger) -> JobWait:
        return asyncio.run(self.fired(trigger), debug=True)

    def looks(self) -> int:
        """Return how often a job was looked at."""
        return sum("/jobs/" in record.path for record in self.tenant.requests)


@pytest.fixture
def triggerers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Triggerer]]:
    started: list[Simulator] = []

    def start(**apis: Any) -> Triggerer:
        time = ManualClock(datetime(2026, 11, 22, 6, tzinfo=UTC))
        settings = ApiSettings(access_key_secret=KEY_SECRET, **apis)
        tenant = Simulator(client_secret=CLIENT_SECRET, clock=time, apis=settings)
        tenant.start()
        started.append(tenant)
        tenant.add_contact("4711", [Interaction(4096)], started_at=START)
        connect(monkeypatch, tenant)
        return Triggerer(tenant, time)

    yield start
    for tenant in started:
        tenant.stop()


@pytest.mark.parametrize("end", ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"])
def test_the_trigger_fires_when_the_job_has_ended(triggerers: Callable[..., Triggerer], end: str) -> None:
    triggerer = triggerers(extraction_job_s=100, extraction_ends=end)
    job_id = triggerer.posted()
    ended = triggerer.run(triggerer.made(job_id))
    assert (ended.job_id, ended.state) == (job_id, JobState(end))
    assert 100 <= sum(triggerer.clock.sleeps) < 200


def test_the_trigger_fires_at_its_deadline(triggerers: Callable[..., Triggerer]) -> None:
    triggerer = triggerers(extraction_job_s=10_000)
    assert triggerer.run(triggerer.made(triggerer.posted())).state is JobState.RUNNING
    assert sum(triggerer.clock.sleeps) == pytest.approx(HOUR_S)


def test_a_trigger_that_starts_after_its_deadline_fires_without_a_request(triggerers: Callable[..., Triggerer]) -> None:
    triggerer = triggerers()
    assert triggerer.run(triggerer.made("job-1", "2026-11-22T05:59:59Z")).state is JobState.RUNNING
    assert triggerer.looks() == 0


def test_a_job_that_the_tenant_does_not_know_ends_the_wait_at_once(triggerers: Callable[..., Triggerer]) -> None:
    triggerer = triggerers()
    assert triggerer.run(triggerer.made("job-1")).state is None
    assert triggerer.looks() == 1


def test_refused_credentials_end_the_wait_and_the_task_says_why(
    triggerers: Callable[..., Triggerer], monkeypatch: pytest.MonkeyPatch
) -> None:
    triggerer = triggerers()
    connect(monkeypatch, triggerer.tenant, access_key_secret="another====")
    assert triggerer.run(triggerer.made("job-1")).state is None


def test_what_passes_is_waited_for_by_the_loop_and_not_by_a_thread(triggerers: Callable[..., Triggerer]) -> None:
    triggerer = triggerers()
    job_id = triggerer.posted()
    triggerer.tenant.script_tenant([
        {"fault": "status", "status": 503, "on": "listing", "times": 1},
        {"fault": "status", "status": 429, "headers": {"Retry-After": "900"}, "on": "listing", "at": 2},
    ])  # fmt: skip
    assert triggerer.run(triggerer.made(job_id)).state is JobState.SUCCEEDED
    assert triggerer.clock.sleeps[-1] == 900
    assert triggerer.looks() == 3


def test_copies_side_by_side_see_the_same_and_leave_nothing(triggerers: Callable[..., Triggerer]) -> None:
    triggerer = triggerers(extraction_job_s=60)
    job_id = triggerer.posted()

    async def both() -> list[JobWait]:
        return await asyncio.gather(*(triggerer.fired(triggerer.made(job_id)) for _ in range(2)))

    first, second = asyncio.run(both())
    assert first == second
    assert first.state is JobState.SUCCEEDED


def test_a_trigger_that_was_stopped_goes_on_elsewhere_with_its_job_and_deadline(
    triggerers: Callable[..., Triggerer],
) -> None:
    triggerer = triggerers(extraction_job_s=10_000)
    job_id = triggerer.posted()
    _, kwargs = triggerer.made(job_id).serialize()

    async def restart() -> JobWait:
        paused, never = asyncio.Event(), asyncio.Event()

        async def stuck_in_the_fourth(seconds: float) -> None:
            await triggerer.sleep(seconds)
            if len(triggerer.clock.sleeps) == 4:
                paused.set()
                await never.wait()

        stopped = ListingJobTrigger(**kwargs, clock=triggerer.clock, sleep=stuck_in_the_fourth)
        running = asyncio.create_task(triggerer.fired(stopped))
        await paused.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await stopped.cleanup()
        return await triggerer.fired(ListingJobTrigger(**kwargs, clock=triggerer.clock, sleep=triggerer.sleep))

    assert asyncio.run(restart()) == JobWait(job_id, pendulum.datetime(2026, 11, 22, 7), JobState.RUNNING)
    assert sum(triggerer.clock.sleeps) == pytest.approx(HOUR_S), "both together, not each"


def test_the_event_loop_is_never_blocked_by_a_request(
    triggerers: Callable[..., Triggerer], monkeypatch: pytest.MonkeyPatch
) -> None:
    triggerer = triggerers(extraction_job_s=10)
    job_id = triggerer.posted()
    send, threads = requests.Session.send, set()

    def sent(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        threads.add(threading.get_ident())
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", sent)
    assert triggerer.run(triggerer.made(job_id)).state is JobState.SUCCEEDED
    assert threads
    assert threading.get_ident() not in threads


def test_no_secret_is_stored_with_a_trigger_or_sent_by_it(triggerers: Callable[..., Triggerer]) -> None:
    triggerer = triggerers()
    job_id = triggerer.posted()
    end = triggerer.run(triggerer.made(job_id))
    trigger = ListingJobTrigger("cxone_default", job_id, DEADLINE)
    written = json.dumps([trigger.serialize(), end.to_document()]) + repr(trigger) + repr(vars(trigger))
    assert job_id in written
    for secret in (KEY_SECRET, CLIENT_SECRET, triggerer.tenant.apis.access_key_id, triggerer.tenant.base_url):
        assert secret not in written


# --- a whole run, by Airflow -------------------------------------------------------------------------------------

DAG_FILE = """
import pendulum
from airflow.sdk import DAG

from cxone_provider.operators.recordings import ListRecordingsOperator

with DAG("listing_by_{name}", schedule=None, start_date=pendulum.datetime(2026, 1, 1)):
    ListRecordingsOperator(
        task_id="list", source="{source}", start="2026-11-21", end="2026-11-22", deferrable={deferrable}, batch_size=2,
    )
"""


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    apis = ApiSettings(access_key_secret=KEY_SECRET, extraction_job_s=0.5)
    with Simulator(client_secret=CLIENT_SECRET, apis=apis) as tenant:
        for number in (1, 2, 3):
            tenant.add_contact(f"471{number}", [Interaction(4096)], started_at=START, agent_name="Zoë")
        connect(monkeypatch, tenant)
        yield tenant


@pytest.mark.server
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("source", "deferrable"),
    [("completed-contacts", False), ("data-extraction", False), ("data-extraction", True)],
)
def test_a_run_lists_what_the_tenant_has(
    tenant: Simulator,
    airflow_db: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    task_log: Callable[[], str],
    source: str,
    deferrable: bool,
) -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    monkeypatch.setattr(listing, "POLL_INTERVAL_S", 0.05)
    name = f"{source.replace('-', '_')}_{deferrable}"
    (tmp_path / "listing.py").write_text(DAG_FILE.format(name=name, source=source, deferrable=deferrable))
    bag = parsed_dags(tmp_path)
    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]  # Airflow's
    sync_bag_to_db(
        bag, "dags-folder", None
    )  # `dag.test()` runs what is stored, and looks no further than the project's
    dag: DAG = bag.dags[f"listing_by_{name}"]

    run: DagRun = dag.test(logical_date=None)

    [ti] = run.get_task_instances()
    assert str(ti.state) == "success"
    batches = ti.xcom_pull(task_ids="list")
    assert [[ref["recording_id"] for ref in batch] for batch in batches] == [["4711", "4712"], ["4713"]]
    assert batches[0][0]["metadata"]["agent_name"] == "Zoë"
    written = task_log()
    assert ("Pausing task as DEFERRED" in written) is deferrable
    assert "3 recordings in" in written
    # What a task asks to have masked, Airflow's own supervisor logs at DEBUG inside of `dag.test()`.
    told = "".join(line for line in written.splitlines() if "MaskSecret" not in line)
    for secret in (KEY_SECRET, "X-Amz-Signature"):
        assert secret not in told
