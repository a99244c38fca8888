"""The Media Playback quota: counted over a sliding window for the whole tenant, and enforced."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.simulator import ApiSettings, Interaction, ManualClock, Simulator
from cxone_provider.simulator.playback import Quota
from tests.unit.simulator.client import Reply
from tests.unit.simulator.playback import PlaybackClient


def tenant(clock: ManualClock, **settings: object) -> Simulator:
    simulator = Simulator(clock=clock, apis=ApiSettings(quota_requests=3, quota_period_s=10, **settings))  # type: ignore[arg-type]  # the test's own words
    simulator.add_contact("1", [Interaction(4096)])
    return simulator


def asked(client: PlaybackClient, times: int) -> list[int]:
    return [client.contact("1").status for _ in range(times)]


def test_requests_over_the_quota_are_refused_until_the_window_has_slid(clock: ManualClock) -> None:
    with tenant(clock) as simulator:
        client = PlaybackClient(simulator)
        assert asked(client, 2) == [200, 200]
        clock.advance(6)
        assert asked(client, 2) == [200, 429]
        clock.advance(4)
        assert asked(client, 3) == [200, 200, 429]
        assert (simulator.quota.used, simulator.quota.refused, simulator.quota.most_in_window) == (5, 2, 3)


def throttled(clock: ManualClock, **settings: object) -> Reply:
    with tenant(clock, **settings) as simulator:
        client = PlaybackClient(simulator)
        asked(client, 3)
        clock.advance(2.5)
        return client.contact("1")


def test_a_refusal_has_the_documented_shape(clock: ManualClock) -> None:
    reply = throttled(clock)
    assert (reply.status, reply.document["route"]) == (429, "/media-playback/v1/contacts")
    assert set(reply.document) == {"message", "route"}
    assert reply.header("Retry-After") is None


def test_a_refusal_may_say_when_to_come_back(clock: ManualClock) -> None:
    assert throttled(clock, quota_retry_after=True).header("Retry-After") == "8"


def test_the_quota_is_the_tenant_s_not_the_client_s(clock: ManualClock) -> None:
    with tenant(clock) as simulator:
        clients = [PlaybackClient(simulator) for _ in range(8)]
        tokens = {client.token() for client in clients}
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda client: client.contact("1").status, clients))
        assert len(tokens) == 8
        assert sorted(statuses) == [200] * 3 + [429] * 5


def test_only_requests_that_reach_the_api_count(clock: ManualClock) -> None:
    with tenant(clock) as simulator:
        client = PlaybackClient(simulator)
        simulator.script("1", [{"fault": "status", "status": 500, "on": "metadata"}])
        assert client.contact("1").status == 500
        assert client.call("GET", "/media-playback/v1/contacts?acd-call-id=1").status == 401
        assert client.contact("nobody").status == 404
        link = client.links("1")[0]
        assert [client.follow(link).status for _ in range(5)] == [200] * 5
        assert simulator.quota.used == 2


def test_a_quota_may_only_count_or_have_no_limit(clock: ManualClock) -> None:
    with tenant(clock, quota_enforced=False) as simulator:
        assert asked(PlaybackClient(simulator), 5) == [200] * 5
        assert (simulator.quota.used, simulator.quota.most_in_window) == (5, 5)
    with Simulator(apis=ApiSettings(quota_requests=0)) as simulator:
        simulator.add_contact("1")
        assert asked(PlaybackClient(simulator), 200) == [200] * 200


def test_the_timeline_and_the_health_tell_what_happened(clock: ManualClock) -> None:
    with tenant(clock) as simulator:
        client = PlaybackClient(simulator)
        asked(client, 4)
        assert [event.accepted for event in simulator.quota.timeline] == [True, True, True, False]
        assert {event.at for event in simulator.quota.timeline} == {clock.now()}
        told = client.call("GET", "/_simulator/health").document["quota"]
        assert told == {"limit": 3, "period_s": 10, "used": 3, "refused": 1, "most_in_window": 3}
        simulator.reset()
        assert (simulator.quota.used, simulator.quota.refused, simulator.quota.timeline) == (0, 0, [])


@given(enforced=st.booleans(), steps_s=st.lists(st.floats(0, 7), max_size=60))
def test_no_window_ever_holds_more_than_it_says(*, enforced: bool, steps_s: list[float]) -> None:
    clock = ManualClock()
    quota = Quota(clock, 3, 10, enforced=enforced, retry_after=False)
    for step_s in steps_s:
        clock.advance(step_s)
        quota.refusal("/")
    accepted = [event.at.timestamp() for event in quota.timeline if event.accepted]
    most = max((sum(end - 10 < at <= end for at in accepted) for end in accepted), default=0)
    assert most == quota.most_in_window
    assert not enforced or most <= 3
    assert quota.used + quota.refused == len(steps_s)
