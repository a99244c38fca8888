"""Bulk downloads in Airflow: the operator, the sensor in the worker and deferred, its trigger, and a whole backfill."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from airflow.models.dagrun import DagRun
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    PokeReturnValue,
    TaskDeferred,
)
from airflow.sdk import DAG
from airflow.triggers.base import BaseTrigger

from cxone_provider.archive.downloads import DownloadRequest, seen_requests
from cxone_provider.operators import batches
from cxone_provider.operators.recordings import RequestMediaDownloadOperator
from cxone_provider.operators.running import KillableOperator
from cxone_provider.sensors.media_download import MediaDownloadSensor
from cxone_provider.simulator import ApiSettings, Interaction, ManualClock, Refusal, Simulator
from cxone_provider.triggers.media_download import MediaDownloadTrigger
from tests.airflow.conftest import AUDIO, CLIENT_SECRET, Site
from tests.airflow.test_dag_runs import outcomes, result_of, states
from tests.airflow.versions import deserialize, serialize
from tests.fakes.clock import FakeClock
from tests.fakes.task import FakeStateStore, FakeTaskInstance, context_of

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn each other
]
MP3 = (AUDIO / "one-second.mp3").read_bytes()
NO_PACE = {"location": "links", "period_s": 0.1, "requests_per_period": 1000}


@dataclass
class Tenant:
    """A tenant with bulk downloads, and the time that passes there while somebody waits."""

    simulator: Simulator
    ticking: ManualClock
    clock: FakeClock = field(default_factory=FakeClock)

    def posted(self) -> int:
        return sum(record.method == "POST" and "/media-download/" in record.path for record in self.simulator.requests)

    def looked(self) -> int:
        return sum("/media-download/v1/status/" in record.path for record in self.simulator.requests)

    async def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.ticking.advance(seconds)

    def trigger(self, *request_ids: str, deadline_at: str = "2026-11-22T18:00:00Z") -> MediaDownloadTrigger:
        return MediaDownloadTrigger("cxone_default", request_ids, deadline_at, clock=self.clock, sleep=self.sleep)


def connection(simulator: Simulator, **media_download: Any) -> str:
    extra = {
        "api": "media-playback",
        "access_key_id": simulator.apis.access_key_id,
        "access_key_secret": simulator.apis.access_key_secret,
        "media_hosts": ["127.0.0.1"],
        "media_download": {**NO_PACE, **media_download},
    }
    fields = {
        "conn_type": "cxone", "host": simulator.base_url, "login": simulator.client_id, "password": CLIENT_SECRET,
        "extra": extra,
    }  # fmt: skip
    return json.dumps(fields)


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    ticking = ManualClock()
    apis = ApiSettings(download_requests=0, download_job_s=600)
    with Simulator(client_secret=CLIENT_SECRET, clock=ticking, apis=apis) as simulator:
        simulator.add_contact("1", [Interaction(MP3, format="mp3")])
        simulator.add_contact("2", [Interaction(MP3, format="mp3")], refusal=Refusal(403, "Locked", "no"))
        monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", connection(simulator))
        yield Tenant(simulator, ticking)


def operator(recordings: Any, **arguments: Any) -> RequestMediaDownloadOperator:
    return RequestMediaDownloadOperator(task_id="request", recordings=recordings, **arguments)


def requested(recordings: Any, **entries: Any) -> list[dict[str, Any]]:
    found = operator(recordings).execute(context_of(**entries))
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]  # as XCom hands it on


def sensor(requests_made: Any, **arguments: Any) -> MediaDownloadSensor:
    return MediaDownloadSensor(task_id="await", requests=requests_made, poke_interval=0, **arguments)


def ends(batches: list[list[dict[str, Any]]]) -> dict[str, str]:
    return {one["recording_id"]: one.get("outcome", "ready") for batch in batches for one in batch}


# --- asking ------------------------------------------------------------------------------------------------------


def test_a_hundred_ids_are_one_request_and_each_is_asked_for_once(tenant: Tenant) -> None:
    ids = [str(number) for number in range(250)]
    made = requested([ids, "7", [{"recording_id": "8", "metadata": {"agent": "Ada"}}]])
    assert [len(one["recordings"]) for one in made] == [100, 100, 50]
    assert tenant.posted() == 3
    assert [one["recording_id"] for request in made for one in request["recordings"]] == ids


def test_what_needs_no_request_is_carried_on_and_costs_none(tenant: Tenant) -> None:
    made = requested([{"recording_id": "3", "has_media": False}, "../x", {"recording_id": "4", "malformed": "cut"}])
    assert [one["request_id"] for one in made] == [None]
    assert [one["recording_id"] for one in made[0]["recordings"]] == ["3", "../x", "4"]
    assert tenant.posted() == 0


def test_a_retry_asks_for_nothing_a_second_time(tenant: Tenant) -> None:
    ids, state = [str(number) for number in range(150)], FakeStateStore()
    first = requested(ids, task_state_store=state)
    assert requested(ids, task_state_store=state) == first
    assert tenant.posted() == 2
    assert requested(ids[:149], task_state_store=state)[0]["request_id"] == first[0]["request_id"]
    assert tenant.posted() == 3, "another batch is another request"


def test_a_try_that_failed_midway_goes_on_behind_what_was_asked_for(tenant: Tenant) -> None:
    ids, state = [str(number) for number in range(250)], FakeStateStore()
    tenant.simulator.script_tenant([{"fault": "status", "status": 400, "on": "bulk", "at": 3}])
    with pytest.raises(AirflowFailException):
        requested(ids, task_state_store=state)
    before = tenant.posted()
    assert len(requested(ids, task_state_store=state)) == 3
    assert (before, tenant.posted()) == (3, 4)


def test_state_that_is_none_of_ours_is_not_trusted(tenant: Tenant) -> None:
    state = FakeStateStore()
    requested(["1"], task_state_store=state)
    [name] = state.values
    for forged in ({}, {"schema": "x"}, {**state.values[name], "requested_at": None}, "text", None):
        state.values[name] = forged
        assert requested(["1"], task_state_store=state)[0]["request_id"]
    assert tenant.posted() == 6


@pytest.mark.parametrize("value", [[], "[]"])
def test_nothing_listed_is_a_skip(tenant: Tenant, value: Any) -> None:
    with pytest.raises(AirflowSkipException):
        requested(value)


def test_a_kind_that_does_not_exist_is_refused(tenant: Tenant) -> None:
    with pytest.raises(AirflowFailException, match="contact-segments"):
        operator(["1"], kind="calls").execute(context_of())


# --- waiting in the worker ---------------------------------------------------------------------------------------


def test_a_poke_that_finds_all_ended_hands_on_one_outcome_for_each(tenant: Tenant) -> None:
    waiting = sensor(requested(["1", "2", "nobody"]))
    first = waiting.poke(context_of())
    tenant.ticking.advance(600)
    second = waiting.poke(context_of())
    assert (first.is_done, first.xcom_value, second.is_done) == (False, None, True)
    handed_on: Any = second.xcom_value
    assert ends(handed_on) == {"1": "ready", "2": "LOCKED", "nobody": "NOT_FOUND"}
    assert handed_on[0][0]["metadata"]["media_download"]
    assert "Signature" not in json.dumps(handed_on)


def test_a_whole_wait_in_the_worker(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    made = requested(["1"])
    poke = MediaDownloadSensor.poke

    def passing(task: MediaDownloadSensor, context: Any) -> PokeReturnValue:
        tenant.ticking.advance(300)
        return poke(task, context)

    monkeypatch.setattr(MediaDownloadSensor, "poke", passing)
    assert ends(sensor(made).execute(context_of())) == {"1": "ready"}
    assert tenant.looked() == 2


def test_what_has_not_ended_at_the_deadline_fails_and_the_rest_goes_on(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    [early] = requested(["1"])
    tenant.ticking.advance(600)
    [late] = requested(["2"])
    monkeypatch.setattr(KillableOperator, "clock", FakeClock("2099-01-01T00:00:00Z"))
    assert ends(sensor([early, late]).execute(context_of())) == {"1": "ready", "2": "FAILED"}


def test_what_needed_no_request_is_waited_for_by_nobody(tenant: Tenant) -> None:
    made = requested(["../x"])
    for deferrable in (False, True):
        batches = sensor(made, deferrable=deferrable).execute(context_of())
        assert [one["recording_id"] for batch in batches for one in batch] == ["../x"]
    assert tenant.looked() == 0


def test_many_requests_lie_in_xcoms_of_their_own_and_few_tasks_share_their_batches(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_INLINE_BYTES", 0)
    ids = [str(number) for number in range(1, 251)]
    asking = FakeTaskInstance(task_id="request")
    made = operator(ids).execute(context_of(asking))
    assert [(one["key"], one["count"]) for one in made] == [("batch_0", 1), ("batch_1", 1), ("batch_2", 1)]
    tenant.ticking.advance(700)
    waiting = FakeTaskInstance(task_id="await", xcom=asking.xcom)

    shares = sensor(made, max_tasks="2").execute(context_of(waiting))

    assert [[one["key"] for one in share] for share in shares] == [["batch_0", "batch_2"], ["batch_1"]]
    assert [len(batch) for batch in waiting.pushed.values()] == [100, 100, 50]
    assert ends(list(waiting.pushed.values())) == {**dict.fromkeys(ids, "NOT_FOUND"), "1": "ready", "2": "LOCKED"}
    assert tenant.posted() == 3


@pytest.mark.parametrize("max_tasks", ["0", "all"])
def test_a_number_of_tasks_that_cannot_be_is_refused_before_anything_is_waited_for(
    tenant: Tenant, max_tasks: str
) -> None:
    with pytest.raises(AirflowFailException, match="unusable max_tasks"):
        sensor(requested(["1"]), max_tasks=max_tasks).execute(context_of())
    assert tenant.looked() == 0


def test_a_request_that_the_tenant_forgot_is_failed(tenant: Tenant) -> None:
    made = requested(["1"])
    tenant.simulator.reset()
    handed_on: Any = sensor(made).poke(context_of()).xcom_value
    assert ends(handed_on) == {"1": "FAILED"}


def test_a_refusal_for_good_fails_the_task_and_one_that_passes_does_not(tenant: Tenant) -> None:
    made = requested(["1"])
    tenant.simulator.script_tenant([{"fault": "status", "status": 403, "on": "bulk"}])
    with pytest.raises(AirflowFailException):
        sensor(made).poke(context_of())


def test_a_kill_ends_the_wait(tenant: Tenant) -> None:
    waiting = sensor(requested(["1"]))
    waiting.cancelled.set()
    with pytest.raises(AirflowException, match="stop"):
        waiting.poke(context_of())


@pytest.mark.parametrize("value", [{}, ["1"], [{"schema": "cxone.segment-plan/1"}]])
def test_what_is_no_request_is_refused(tenant: Tenant, value: Any) -> None:
    with pytest.raises(AirflowFailException):
        sensor(value).execute(context_of())


# --- waiting in the triggerer ------------------------------------------------------------------------------------


def fired(trigger: BaseTrigger) -> dict[str, Any]:
    async def first() -> Any:
        async for event in trigger.run():
            return event.payload
        raise AssertionError("it did not fire")

    return json.loads(json.dumps(asyncio.run(first())))  # type: ignore[no-any-return]  # as the database keeps it


def deferred(waiting: MediaDownloadSensor) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as raised:
        waiting.execute(context_of())
    return raised.value


def test_the_trigger_survives_the_database(tenant: Tenant) -> None:
    request = requested(["1"])[0]
    trigger = deferred(sensor([request], deferrable=True)).trigger
    path, kwargs = trigger.serialize()
    assert path == "cxone_provider.triggers.media_download.MediaDownloadTrigger"
    stored: Any = deserialize(json.loads(json.dumps(serialize(kwargs))))
    again = MediaDownloadTrigger(**stored)
    assert again.serialize() == (path, kwargs)
    assert kwargs["request_ids"] == [request["request_id"]]
    for secret in (CLIENT_SECRET, tenant.simulator.apis.access_key_secret, tenant.simulator.base_url):
        assert secret not in f"{kwargs}{trigger!r}{vars(trigger)}"


def test_the_trigger_fires_once_all_have_ended_and_the_sensor_asks_no_more(tenant: Tenant) -> None:
    made = [*requested(["1", "2"]), *requested(["nobody"])]
    event = fired(tenant.trigger(*(one["request_id"] for one in made)))
    looked = tenant.looked()
    batches = sensor(made).execute_complete(context_of(), event)
    assert ends(batches) == {"1": "ready", "2": "LOCKED", "nobody": "NOT_FOUND"}
    assert tenant.looked() == looked
    assert "Signature" not in json.dumps(event)


def test_the_trigger_fires_at_its_deadline_and_says_how_things_stand(tenant: Tenant) -> None:
    made = requested(["1"])
    event = fired(tenant.trigger(made[0]["request_id"], deadline_at="2026-11-22T06:05:00Z"))
    assert [one.is_ended for one in seen_requests(event).values()] == [False]
    assert ends(sensor(made).execute_complete(context_of(), event)) == {"1": "FAILED"}
    assert sum(tenant.clock.sleeps) == pytest.approx(300)


def test_a_trigger_that_starts_after_its_deadline_fires_without_a_request(tenant: Tenant) -> None:
    event = fired(tenant.trigger("r-1", deadline_at="2026-11-22T05:00:00Z"))
    assert (seen_requests(event), tenant.looked()) == ({}, 0)


def test_looks_are_paced_by_the_loop_and_block_it_never(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [requested(["1"])[0]["request_id"] for _ in range(3)]
    paced = connection(tenant.simulator, period_s=300, requests_per_period=15)
    monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", paced)
    send, threads = requests.Session.send, set()

    def sent(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        threads.add(threading.get_ident())
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", sent)
    fired(tenant.trigger(*ids))
    assert threads
    assert threading.get_ident() not in threads
    assert tenant.clock.sleeps[:3] == [pytest.approx(20.4)] * 3


def test_copies_side_by_side_see_the_same(tenant: Tenant) -> None:
    request_id = requested(["1"])[0]["request_id"]

    async def both() -> list[Any]:
        async def first(trigger: BaseTrigger) -> Any:
            return [event.payload async for event in trigger.run()]

        return await asyncio.gather(*(first(tenant.trigger(request_id)) for _ in range(2)))

    one, other = asyncio.run(both())
    assert one == other
    assert len(one) == 1


def test_refused_credentials_end_the_wait_and_the_task_says_why(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = requested(["1"])
    fields = json.loads(connection(tenant.simulator))
    fields["extra"]["access_key_secret"] = "another===="
    monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", json.dumps(fields))
    event = fired(tenant.trigger(made[0]["request_id"]))
    assert seen_requests(event) == {}
    with pytest.raises(AirflowFailException, match="credentials"):
        sensor(made).execute_complete(context_of(), event)


# --- a whole backfill, by Airflow --------------------------------------------------------------------------------


@pytest.mark.timeout(300)
@pytest.mark.parametrize("deferrable", [False, True])
def test_a_backfill_archives_by_one_request_and_a_second_run_asks_for_nothing(
    site: Site, load_dag: Callable[[str], DAG], monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", connection(site.tenant))
    site.tenant.add_contact("4711", [Interaction(MP3, format="mp3"), Interaction(MP3, format="mp3")])
    site.tenant.add_contact("4712", [Interaction(MP3, format="mp3")], refusal=Refusal(403, "Locked", "no"))

    def run() -> DagRun:
        dag = load_dag("cxone_bulk_backfill")
        for name in ("request_media", "await_media", "batch.stream"):
            dag.get_task(name).pool = "default_pool"
        waiting: Any = dag.get_task("await_media")
        waiting.deferrable, waiting.poke_interval = deferrable, 0.01
        ended: DagRun = dag.test(logical_date=None, run_conf={"recordings": ["4711", "4712", "nobody"]})
        return ended

    first = run()
    assert set(states(first).values()) == {"success"}
    assert outcomes(result_of(first, "batch.stream", 0)) == {
        "4711.1": "ARCHIVED", "4711.2": "ARCHIVED", "4712": "LOCKED", "nobody": "NOT_FOUND",
    }  # fmt: skip
    stored = site.objects()
    media = [stored[f"cxone/recordings/date=unknown/4711.{n}.mp3"] for n in (1, 2)]
    assert {hashlib.sha256(one).digest() for one in media} == {hashlib.sha256(MP3).digest()}
    posted = sum(record.method == "POST" and "/media-download/" in record.path for record in site.tenant.requests)
    assert (posted, site.tenant.quota.used) == (1, 0)

    second = run()
    requests_made = [DownloadRequest.from_document(one) for one in result_of(second, "request_media")]
    asked = [one["recording_id"] for request in requests_made if request.request_id for one in request.documents]
    assert asked == ["4712", "nobody"]
    logs = [log for index in range(2) for log in result_of(second, "batch.stream", index)]
    assert outcomes(logs)["4711.1"] == "ALREADY_ARCHIVED"
