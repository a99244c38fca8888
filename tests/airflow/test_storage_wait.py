"""Waiting for archived media: in the worker, in a trigger by itself, and through a whole deferral."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from airflow.models.dagrun import DagRun
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred
from airflow.sdk import DAG
from airflow.triggers.base import BaseTrigger, TriggerEvent

from cxone_provider.archive.errors import SourceUnavailable
from cxone_provider.archive.waiting import StorageWait
from cxone_provider.operators import validation
from cxone_provider.operators.recordings import ValidateRecordingOperator
from cxone_provider.operators.running import KillableOperator
from cxone_provider.simulator import Simulator
from cxone_provider.triggers.storage import StorageStateTrigger
from tests.airflow.conftest import AUDIO, CLIENT_SECRET, STREAM_SECRET, Site
from tests.airflow.operator_world import World, entered, recording
from tests.airflow.versions import deserialize, serialize, timeout_s
from tests.fakes.clock import FakeClock
from tests.fakes.source import DESCRIBE
from tests.fakes.task import FakeTaskInstance, context_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # Airflow and its libraries warn each other
DEADLINE = "2026-11-22T08:00:00Z"
TWO_HOURS_S = 7200


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(KillableOperator, "clock", clock)
    return clock


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> World:
    world = entered(monkeypatch)
    world.source.recordings = {"warm": recording(), "cold": recording(storage_state="archived")}
    return world


def validator(recordings: Any = ("warm", "cold"), **arguments: Any) -> ValidateRecordingOperator:
    settings = {"wait_for_storage": "PT2H", "on_rejected": "report", **arguments}
    return ValidateRecordingOperator(task_id="validate", recordings=recordings, **settings)


def outcomes(plans: list[dict[str, Any]]) -> dict[str, str]:
    return {plan["recording_id"]: plan["outcome"] for plan in plans}


def deferral(operator: ValidateRecordingOperator) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context_of())
    deferred: TaskDeferred = caught.value
    return deferred


def ended(**ids: tuple[str, ...]) -> dict[str, Any]:
    event = {"schema": "cxone.storage-wait/1", "deadline_at": DEADLINE, "streamable": [], "final": [], "waiting": []}
    return {**event, **{name: list(value) for name, value in ids.items()}}


@pytest.mark.parametrize("wait", [None, False, "None", "", "false", "0"])
def test_nothing_is_waited_for_unless_asked_for(world: World, clock: FakeClock, wait: object) -> None:
    plans = validator(wait_for_storage=wait, deferrable=True).execute(context_of())
    assert outcomes(plans) == {"warm": "READY", "cold": "IN_COLD_STORAGE"}
    assert clock.sleeps == []


def test_a_batch_in_which_nothing_can_change_is_not_deferred(world: World) -> None:
    world.source.recordings["cold"] = recording(storage_state="deleted")
    plans = validator(deferrable=True).execute(context_of())
    assert outcomes(plans) == {"warm": "READY", "cold": "DELETED"}


def test_a_dialect_that_tells_no_state_waits_for_nothing(world: World, clock: FakeClock) -> None:
    world.source.recordings = {"contact": recording(storage_state=None)}
    assert outcomes(validator(["contact"], deferrable=True).execute(context_of())) == {"contact": "READY"}
    assert clock.sleeps == []


def test_a_recording_that_no_wait_would_let_through_is_not_waited_for(world: World) -> None:
    world.source.recordings["cold"] = recording(storage_state="archived", duration_s=10**6)
    assert outcomes(validator(deferrable=True).execute(context_of()))["cold"] == "REJECTED"


def test_a_batch_that_fails_anyway_fails_now(world: World, clock: FakeClock) -> None:
    with pytest.raises(AirflowFailException, match=r"2 of 3 recordings cannot be archived: cold is .* nope is"):
        validator(["warm", "cold", "nope"], deferrable=True, on_rejected="fail").execute(context_of())
    assert clock.sleeps == []


@pytest.mark.parametrize("deferrable", [True, "True", "yes"])
def test_a_deferred_task_names_what_it_waits_for_and_until_when(world: World, deferrable: object) -> None:
    deferred = deferral(validator(deferrable=deferrable, cxone_conn_id="tenant_a"))
    assert isinstance(deferred.trigger, StorageStateTrigger)
    assert deferred.trigger.serialize() == (
        "cxone_provider.triggers.storage.StorageStateTrigger",
        {
            "cxone_conn_id": "tenant_a",
            "recording_ids": ["cold"],
            "deadline_at": DEADLINE,
            "poll_interval_s": 60.0,
        },
    )
    assert deferred.method_name == "execute_complete"
    assert timeout_s(deferred) == pytest.approx(TWO_HOURS_S + 900), (
        "a triggerer that is gone fails the task, in the end"
    )
    assert world.source.closed == 1


@pytest.mark.parametrize("default", ["True", "False"])
def test_deferrable_follows_the_default_of_airflow(installed: dict[str, str], default: str) -> None:
    script = (
        "from cxone_provider.operators.recordings import ValidateRecordingOperator as Operator;"
        "print(Operator(task_id='validate', recordings='a').deferrable)"
    )
    environment = {**installed, "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": default}
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.split()[-1] == default


@pytest.mark.parametrize("wait", ["a while", "P8D", -1, [5]])
def test_a_wait_that_makes_no_sense_fails_at_once(world: World, wait: object) -> None:
    with pytest.raises(AirflowFailException, match="unusable wait_for_storage"):
        validator(wait_for_storage=wait).execute(context_of())
    assert world.source.calls == []


def test_the_resumed_task_asks_again_and_waits_no_more(world: World) -> None:
    operator = validator(["warm", "cold", "colder"], deferrable=True)
    world.source.recordings["colder"] = recording(storage_state="restoring")
    deferral(operator)
    world.source.recordings["cold"] = recording()
    world.source.calls.clear()
    plans = operator.execute_complete(context_of(), ended(streamable=("cold",), waiting=("colder",)))
    assert outcomes(plans) == {"warm": "READY", "cold": "READY", "colder": "IN_COLD_STORAGE"}
    assert len(world.source.calls_of(DESCRIBE)) == 3


def test_the_resumed_task_believes_the_tenant_not_the_event(world: World) -> None:
    plans = validator().execute_complete(context_of(), ended(streamable=("cold",)))
    assert outcomes(plans)["cold"] == "IN_COLD_STORAGE"


def test_what_still_waits_fails_a_task_that_rejects(world: World) -> None:
    with pytest.raises(AirflowFailException, match="cold is IN_COLD_STORAGE"):
        validator(on_rejected="fail").execute_complete(context_of(), ended(waiting=("cold",)))


@pytest.mark.parametrize("event", [None, {}, "streamable", {**ended(), "waiting": ["../x"]}])
def test_an_event_that_no_trigger_of_ours_sent_is_refused(world: World, event: object) -> None:
    with pytest.raises(AirflowFailException):
        validator().execute_complete(context_of(), event)
    assert world.source.calls == []


def test_without_deferral_the_worker_waits_and_goes_on(world: World, clock: FakeClock) -> None:
    world.source.script("cold", DESCRIBE, [None, SourceUnavailable("503")])
    sleep, woken = clock.sleep, iter([None, None, recording()])

    def restoring(seconds: float) -> None:
        sleep(seconds)
        world.source.recordings["cold"] = next(woken) or world.source.recordings["cold"]

    clock.sleep = restoring  # type: ignore[method-assign]  # the restore is done in the third pause
    plans = validator(deferrable=False).execute(context_of())
    assert outcomes(plans) == {"warm": "READY", "cold": "READY"}
    assert len(clock.sleeps) == 3
    assert len(world.source.calls_of(DESCRIBE, "warm")) == 2, "asked before and after, not meanwhile"


def test_without_deferral_the_deadline_holds(world: World, clock: FakeClock) -> None:
    assert outcomes(validator(deferrable="false").execute(context_of()))["cold"] == "IN_COLD_STORAGE"
    assert sum(clock.sleeps) == pytest.approx(TWO_HOURS_S)


def test_a_kill_ends_the_wait_in_the_worker_and_never_in_success(world: World, clock: FakeClock) -> None:
    clock.cancelled.set()
    with pytest.raises(AirflowException, match="cancelled"):
        validator(deferrable=False).execute(context_of())


def test_a_tenant_that_fails_after_the_wait_is_tried_again(world: World) -> None:
    world.source.script("warm", DESCRIBE, [SourceUnavailable("503")])
    with pytest.raises(AirflowException, match="could not be asked for: warm"):
        validator().execute_complete(context_of(FakeTaskInstance(try_number=1, max_tries=2)), ended())


# --- the trigger by itself, against a tenant ---------------------------------------------------------------------


@dataclass
class Triggerer:
    """Runs triggers as Airflow does: from what they serialise to, on a loop that must never be blocked."""

    tenant: Simulator
    clock: FakeClock = field(default_factory=FakeClock)

    async def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        await asyncio.sleep(0)

    def made(self, *recording_ids: str, deadline_at: str = DEADLINE) -> StorageStateTrigger:
        path, stored = StorageStateTrigger("cxone_default", recording_ids, deadline_at).serialize()
        assert path == f"{StorageStateTrigger.__module__}.{StorageStateTrigger.__qualname__}"
        kwargs: Any = deserialize(json.loads(json.dumps(serialize(stored))))
        return StorageStateTrigger(**kwargs, clock=self.clock, sleep=self.sleep)

    async def fired(self, trigger: BaseTrigger) -> StorageWait:
        events: AsyncIterator[TriggerEvent] = trigger.run()
        [payload] = [json.loads(json.dumps(event.payload)) async for event in events]
        await trigger.cleanup()
        return StorageWait.from_document(payload)

    def run(self, trigger: BaseTrigger) -> StorageWait:
        return asyncio.run(self.fired(trigger), debug=True)

    def asked(self) -> int:
        """Return how often metadata was asked for."""
        return sum(record.path.startswith("/api/v2/recording/") for record in self.tenant.requests)


@pytest.fixture
def triggerer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Triggerer]:
    with Simulator(client_secret=CLIENT_SECRET) as tenant:
        fields = {
            "conn_type": "cxone",
            "host": tenant.base_url,
            "login": tenant.client_id,
            "password": CLIENT_SECRET,
            "extra": {"stream_secret": STREAM_SECRET},
        }
        monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", json.dumps(fields))
        yield Triggerer(tenant)


def add(tenant: Simulator, recording_id: str, *phases: tuple[str, int] | str, **fields: Any) -> None:
    states: Any = [
        {"state": one} if isinstance(one, str) else {"state": one[0], "for_requests": one[1]} for one in phases
    ]
    tenant.add_recording(recording_id, AUDIO / "one-second.mp3", storage_state=states, **fields)


def test_the_trigger_fires_once_everything_has_settled(triggerer: Triggerer) -> None:
    add(triggerer.tenant, "restored", ("archived", 2), "available")
    add(triggerer.tenant, "wiped", ("archived", 1), ("pending", 1), "deleted")
    add(triggerer.tenant, "soon", "stored")
    end = triggerer.run(triggerer.made("restored", "wiped", "soon", "nowhere"))
    assert (end.streamable, end.final, end.waiting) == (("restored", "soon"), ("wiped", "nowhere"), ())
    assert triggerer.asked() == 3 + 3 + 1 + 1, "one request for each round and recording that still waits"
    assert triggerer.tenant.tokens_issued == 1


def test_the_trigger_fires_at_its_deadline(triggerer: Triggerer) -> None:
    add(triggerer.tenant, "cold", "archived")
    assert triggerer.run(triggerer.made("cold")).waiting == ("cold",)
    assert sum(triggerer.clock.sleeps) == pytest.approx(TWO_HOURS_S)


def test_a_trigger_that_starts_after_its_deadline_fires_without_a_request(triggerer: Triggerer) -> None:
    assert triggerer.run(triggerer.made("cold", deadline_at="2026-11-22T05:59:59Z")).waiting == ("cold",)
    assert triggerer.tenant.requests == []


def test_copies_side_by_side_see_the_same_and_leave_nothing(triggerer: Triggerer) -> None:
    add(triggerer.tenant, "cold", ("archived", 4), "available")

    async def both() -> list[StorageWait]:
        return await asyncio.gather(*(triggerer.fired(triggerer.made("cold")) for _ in range(2)))

    first, second = asyncio.run(both())
    assert first == second
    assert first.streamable == ("cold",)


def test_a_trigger_that_was_stopped_goes_on_elsewhere_with_its_deadline(triggerer: Triggerer) -> None:
    add(triggerer.tenant, "cold", "archived")
    _, kwargs = triggerer.made("cold").serialize()

    async def restart() -> StorageWait:
        paused, never = asyncio.Event(), asyncio.Event()

        async def stuck_in_the_third(seconds: float) -> None:
            triggerer.clock.sleep(seconds)
            if len(triggerer.clock.sleeps) == 3:
                paused.set()
                await never.wait()

        stopped = StorageStateTrigger(**kwargs, clock=triggerer.clock, sleep=stuck_in_the_third)
        running = asyncio.create_task(triggerer.fired(stopped))
        await paused.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await stopped.cleanup()
        return await triggerer.fired(StorageStateTrigger(**kwargs, clock=triggerer.clock, sleep=triggerer.sleep))

    assert asyncio.run(restart()).waiting == ("cold",)
    assert sum(triggerer.clock.sleeps) == pytest.approx(TWO_HOURS_S), "both together, not each"


def test_the_event_loop_is_never_blocked_by_a_request(triggerer: Triggerer, monkeypatch: pytest.MonkeyPatch) -> None:
    add(triggerer.tenant, "cold", ("archived", 2), "available")
    send, threads = requests.Session.send, set()

    def sent(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        threads.add(threading.get_ident())
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", sent)
    assert triggerer.run(triggerer.made("cold")).streamable == ("cold",)
    assert threads
    assert threading.get_ident() not in threads


def test_a_429_is_waited_for_by_the_loop_and_not_by_a_thread(triggerer: Triggerer) -> None:
    fault = {"fault": "status", "status": 429, "headers": {"Retry-After": "1800"}, "on": "metadata", "times": 1}
    add(triggerer.tenant, "cold", "available", faults=[fault])
    assert triggerer.run(triggerer.made("cold")).streamable == ("cold",)
    assert triggerer.clock.sleeps[1:] == [1800]
    assert triggerer.asked() == 2


def test_refused_credentials_end_the_wait_and_the_task_says_why(
    triggerer: Triggerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = json.loads(os.environ["AIRFLOW_CONN_CXONE_DEFAULT"])
    monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", json.dumps({**fields, "password": "another"}))
    end = triggerer.run(triggerer.made("a", "b"))
    assert end.final == ("a", "b")


def test_no_secret_is_stored_with_a_trigger_or_sent_by_it(triggerer: Triggerer) -> None:
    add(triggerer.tenant, "cold", "available")
    trigger = triggerer.made("cold")
    end = triggerer.run(trigger)
    written = json.dumps([trigger.serialize(), end.to_document()]) + repr(trigger) + repr(vars(trigger))
    assert "cold" in written
    for secret in (CLIENT_SECRET, STREAM_SECRET, triggerer.tenant.base_url):
        assert secret not in written


# --- a whole deferral, by Airflow --------------------------------------------------------------------------------


@pytest.mark.server
@pytest.mark.timeout(300)
def test_a_run_is_deferred_resumed_and_archives_what_was_restored(
    site: Site, load_dag: Callable[[str], DAG], monkeypatch: pytest.MonkeyPatch, task_log: Callable[[], str]
) -> None:
    monkeypatch.setattr(validation, "POLL_INTERVAL_S", 0.01)
    add(site.tenant, "restored", ("archived", 3), "available")
    dag = load_dag("cxone_archive_recording")
    monkeypatch.setattr(dag.get_task("validate"), "deferrable", True)

    run: DagRun = dag.test(logical_date=None, run_conf={"recording_id": "restored", "wait_for_storage": "PT2H"})

    assert {str(ti.state) for ti in run.get_task_instances()} == {"success"}
    assert "cxone/recordings/date=unknown/restored.mp3" in site.objects()
    written = task_log()
    for sentence in ("Pausing task as DEFERRED", "1 streamable, 0 final, 0 still waiting"):
        assert sentence in written
