"""Contacts of a simulated tenant, archived by the real adapter: what each costs, counted by who is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pendulum
import pytest

from cxone_provider.adapters.cxone.media_playback import MediaPlaybackSource
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.manifest import read_manifest
from cxone_provider.archive.validating import Checks, ValidationSettings, validate_recordings
from cxone_provider.simulator import ApiSettings, Interaction, Simulator
from cxone_provider.simulator import Segment as ContactSegment
from tests.fakes.clock import FakeClock
from tests.fakes.store import FakeStore
from tests.unit.archive.contact_cases import ends

pytestmark = pytest.mark.server

AUDIO = Path(__file__).parents[1] / "audio"
FIRST, SECOND = ((AUDIO / name).read_bytes() for name in ("call-aac-faststart.mp4", "call-aac-moov-last.mp4"))
START = pendulum.datetime(2026, 11, 21, 23, 59, tz="UTC")
LAYOUT = ArchiveLayout("archive", "cxone")
PART_BYTES = 16 * 1024
REF = {"recording_id": "4711", "recorded_at": "2026-11-21T23:59:00Z", "metadata": {"campaign": "autumn"}}
LEG_A, LEG_B = "4711.3", "4711.1"  # how the simulator numbers what it answers in no order
BOTH_ARCHIVED = {"4711.1": "ARCHIVED", "4711.2": "ARCHIVED"}


class Stage:
    """One contact with two calls and a chat at a simulated tenant, and a bucket in memory."""

    def __init__(self, simulator: Simulator, source: MediaPlaybackSource, clock: FakeClock) -> None:
        self.simulator = simulator
        self.source = source
        self.clock = clock
        self.store = FakeStore(min_part_bytes=1)

    def run(self, refs: list[Any] | None = None, **settings: Any) -> list[AuditLog]:
        """Validate and archive, as two tasks would."""
        checks: Any = Checks(recordings=_nothing_found, plans=_nothing_found)
        validation = validate_recordings(
            refs or [REF], source=self.source, clock=self.clock, settings=ValidationSettings(segment_size_bytes=4096),
            checks=checks,
        )  # fmt: skip
        return archive_recordings(
            validation.plans, source=self.source, store=self.store, clock=self.clock,
            settings=ArchiveSettings(**{"prefix": "cxone", "part_size_bytes": PART_BYTES, **settings}),
        )  # fmt: skip

    def asked(self) -> Counter[str]:
        """Return how many requests each API of the tenant got since the last look, tokens left out."""
        records = [record for record in self.simulator.requests if record.number > self._seen]
        self._seen = max((record.number for record in records), default=self._seen)
        return Counter(
            "playback" if "/media-playback/" in record.path else "media"
            for record in records
            if record.recording_id is not None
        )

    _seen = 0


class _NothingFound:
    reasons: dict[str, Any] = {}  # noqa: RUF012  # read only
    failed_rules: tuple[()] = ()


def _nothing_found(*_args: object, **_options: object) -> _NothingFound:
    return _NothingFound()


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with ExitStack() as stack:
        apis = ApiSettings(quota_requests=0)
        simulator = stack.enter_context(Simulator(apis=apis))
        extra = {
            "api": "media-playback",
            "access_key_id": apis.access_key_id,
            "access_key_secret": apis.access_key_secret,
            "media_hosts": ["127.0.0.1"],
            **getattr(request, "param", {}),
        }
        settings = settings_of(simulator.base_url, simulator.client_id, simulator.client_secret, extra)
        clock = FakeClock("2026-11-23T06:00:00Z")
        source = stack.enter_context(closing(MediaPlaybackSource(settings, clock)))
        simulator.add_contact(
            "4711",
            [
                _call("leg-b", SECOND, START.add(minutes=5)),
                Interaction(b"hello", format="mp4", media_type="chat", started_at=START, duration_s=1),
                _call("leg-a", FIRST, START),
            ],
        )
        yield Stage(simulator, source, clock)


def _call(name: str, content: bytes, starts_at: pendulum.DateTime) -> Interaction:
    return Interaction(content, format="mp4", started_at=starts_at, segments=[ContactSegment(name)])


def test_a_contact_costs_one_playback_request_and_each_recording_one_for_its_media(stage: Stage) -> None:
    assert ends(stage.run()) == BOTH_ARCHIVED
    assert stage.asked() == {"playback": 1, "media": 2}
    assert stage.store.body("cxone/recordings/date=2026-11-21/4711.1.mp4") == FIRST
    assert stage.store.body("cxone/recordings/date=2026-11-22/4711.2.mp4") == SECOND
    manifest = read_manifest(stage.store, LAYOUT, "4711.1")
    assert manifest is not None
    assert (manifest.metadata["campaign"], manifest.metadata["skill"]) == ("autumn", "Support")
    assert manifest.identity
    assert b"://127.0.0.1" not in manifest.to_bytes()
    assert b"X-Amz" not in manifest.to_bytes()


def test_an_archived_contact_costs_the_tenant_nothing(stage: Stage) -> None:
    stage.run()
    stage.asked()
    stage.store.calls.clear()
    assert set(ends(stage.run()).values()) == {"ALREADY_ARCHIVED"}
    assert stage.asked() == {}
    assert [call.operation for call in stage.store.calls if call.operation != "check"] == ["read"]


@pytest.mark.parametrize(
    ("stage", "ended"),
    [({}, "FAILED"), ({"duration_tolerance_s": 8}, "FAILED"), ({"duration_tolerance_s": 12.5}, "ARCHIVED")],
    indirect=["stage"],
)
def test_how_far_times_and_audio_may_disagree_is_a_setting(stage: Stage, ended: str) -> None:
    times_s = 80.0  # of an interaction whose audio plays for 70.0
    stage.simulator.add_contact(
        "4711", [Interaction(FIRST, format="mp4", started_at=START, duration_s=times_s)], started_at=START
    )
    [log] = stage.run()
    assert str(log.outcome) == ended
    assert (log.error is None) == (ended == "ARCHIVED")
    assert log.error is None or log.error.type == "DurationDisagrees"


def test_a_bare_id_costs_one_playback_request_for_each_task(stage: Stage) -> None:
    assert ends(stage.run(["4711"])) == BOTH_ARCHIVED
    assert stage.asked() == {"playback": 2, "media": 2}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_body_that_breaks_off_costs_one_request_for_the_rest(stage: Stage, concurrency: int) -> None:
    stage.simulator.script(LEG_A, [{"fault": "close", "after_bytes": PART_BYTES + 100}])
    assert ends(stage.run(concurrency=concurrency)) == BOTH_ARCHIVED
    assert stage.store.body("cxone/recordings/date=2026-11-21/4711.1.mp4") == FIRST
    ranges = [record.header("range") for record in stage.simulator.requests if record.header("range")]
    assert len(ranges) == 1
    assert str(ranges[0]).startswith("bytes=")
    assert str(ranges[0]).endswith("-")
    assert ranges != ["bytes=0-"]
    assert stage.asked() == {"playback": 1, "media": 3}


def test_of_a_contact_that_failed_in_part_the_next_run_fetches_the_missing_recording_alone(stage: Stage) -> None:
    stage.simulator.script(LEG_B, [{"fault": "status", "status": 410, "times": 1}])
    assert ends(stage.run()) == {"4711.1": "ARCHIVED", "4711.2": "NOT_FOUND"}
    stage.asked()
    assert ends(stage.run()) == {"4711.1": "ALREADY_ARCHIVED", "4711.2": "ARCHIVED"}
    assert stage.asked() == {"playback": 1, "media": 1}


def test_a_contact_of_chats_alone_has_no_recording(stage: Stage) -> None:
    chat = Interaction(b"hello", format="mp4", media_type="chat", started_at=START, duration_s=1)
    stage.simulator.add_contact("4711", [chat])
    assert ends(stage.run()) == {"4711": "NO_RECORDING"}


def test_a_contact_that_the_tenant_does_not_know_is_not_found(stage: Stage) -> None:
    assert ends(stage.run([{**REF, "recording_id": "4712"}])) == {"4712": "NOT_FOUND"}
