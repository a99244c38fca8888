"""A real tenant's secrets: access key, tokens of every kind and links, in no log at DEBUG, document or manifest."""

from __future__ import annotations

import json
import random
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import pytest

from cxone_provider.adapters.cxone.links import Link, LinkSession
from cxone_provider.adapters.cxone.media_playback import MediaPlaybackSource
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import audit_documents
from cxone_provider.archive.errors import ArchiveError
from cxone_provider.archive.planning import plan_of
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.recording import parse_ref
from cxone_provider.simulator import ApiSettings, Interaction, Simulator
from tests.fakes.clock import FakeClock
from tests.fakes.store import FakeStore
from tests.faults.playback_rows import LINK_ROWS, PLAYBACK_ROWS
from tests.faults.row import AUDIO, ONE_SEGMENT, Row, Strike
from tests.faults.subject import Contact, LapsingSource
from tests.security import canaries
from tests.security.canaries import found
from tests.security.listening import Listener, listening

pytestmark = pytest.mark.server

ACCESS_KEY_ID = "canary-access+key/id=="
APIS = ApiSettings(access_key_id=ACCESS_KEY_ID, access_key_secret=canaries.ACCESS_KEY_SECRET)
# what happens to requests for the contact and for its media
ROWS: Mapping[str, list[dict[str, Any]]] = {
    "nothing": [],
    "every link has expired": [],
    "playback down": [{"fault": "status", "status": 503, "on": "metadata", "times": 2}],
    "playback refused": [{"fault": "status", "status": 403, "on": "metadata", "times": "always"}],
    "store down": [{"fault": "status", "status": 503, "on": "media", "times": 3}],
    "store refuses": [{"fault": "status", "status": 403, "on": "media", "times": "always"}],
    "redirected": [{"fault": "redirect", "location": "https://media.example/x?X-Amz-Signature=c", "on": "media"}],
    "broken off": [{"fault": "close", "after_bytes": 5000, "on": "media"}],
    "reset": [{"fault": "reset", "after_bytes": 100, "on": "media", "times": 2}],
    "page for media": [{"fault": "html_page", "on": "media", "times": "always"}],
}


class Run:
    """One contact archived with the log at DEBUG, and what is left of it.

    Args:
        broken: one of :data:`ROWS`, or a row of the fault matrix.
        monkeypatch: for the watch on links.
    """

    def __init__(self, broken: str | Row, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tokens: list[str] = []
        self.links: list[str] = []
        self.left: dict[str, bytes] = {}
        self.expired = broken == "every link has expired"
        self._watch_links(monkeypatch)
        with Simulator(client_secret=canaries.CLIENT_SECRET, apis=APIS) as self.tenant, listening() as self.listener:
            if isinstance(broken, str):
                self.tenant.add_contact("4711", [Interaction(AUDIO / "one-second.mp3")])
                self.tenant.script("4711", ROWS[broken])
                self._archive(lapse=lambda _: None)
            else:
                self._archive(lapse=self._broken_as(broken).lapse)

    def _broken_as(self, row: Row) -> Contact:
        contact = Contact(self.tenant, "4711", ONE_SEGMENT, row.links)
        contact.set_up()
        strike = Strike.drawn(ONE_SEGMENT, random.Random(row.name))
        contact.break_with([strike.resolve(fault) for fault in row.tenant])
        return contact

    def _watch_links(self, monkeypatch: pytest.MonkeyPatch) -> None:
        followed = LinkSession.get

        @contextmanager
        def watched(session: LinkSession, link: Link, headers: Mapping[str, str]) -> Iterator[Any]:
            if self.expired and not self.links:
                self.tenant.expire_links()
            self.links.append(link.url)
            with followed(session, link, headers) as answer:
                yield answer

        monkeypatch.setattr(LinkSession, "get", watched)

    def _archive(self, lapse: Callable[[int], None]) -> None:
        extra = {
            "api": "media-playback",
            "access_key_id": ACCESS_KEY_ID,
            "access_key_secret": canaries.ACCESS_KEY_SECRET,
            "media_hosts": ["127.0.0.1"],
        }
        settings = settings_of(self.tenant.base_url, self.tenant.client_id, canaries.CLIENT_SECRET, extra)
        clock, store = FakeClock(), FakeStore(min_part_bytes=1)
        with closing(LapsingSource(settings, clock, on_token=self.tokens.append)) as source:
            source.lapse = lapse
            ref = parse_ref({"recording_id": "4711", "metadata": {"listed": True}})
            plan = plan_of(
                ref, source.describe(ref), audio_format=None, segment_size_bytes=1024, policy=ArchivePolicy(),
                now=clock.now(),
            )  # fmt: skip
            logs = archive_recordings(
                [plan], source=source, store=store, clock=clock, settings=ArchiveSettings(part_size_bytes=4096)
            )
            medias = self._resolved(source, plan)
            self.left["representations"] = f"{settings!r} {source!r} {vars(source)!r} {medias!r}".encode()
        self.left["plan"] = json.dumps(plan.to_document()).encode()
        self.left["audit logs"] = json.dumps(audit_documents(logs)).encode()
        for key, versions in store.objects.items():
            self.left[key] = b"".join(version.body for version in versions) + repr(versions[0].attributes).encode()

    def _resolved(self, source: MediaPlaybackSource, plan: Any) -> Any:
        try:
            return source.resolve(plan)
        except ArchiveError as error:
            self.left["error"] = "".join(traceback.format_exception(error)).encode()
            return None

    def secrets(self) -> dict[str, str]:
        """Return all that must not show; of a link its signature and its whole."""
        signed = {f"link {number}": link for number, link in enumerate(self.links)}
        parts = {f"signature {number}": link.rpartition("=")[2] for number, link in enumerate(self.links)}
        return {
            "client secret": canaries.CLIENT_SECRET,
            "access key id": ACCESS_KEY_ID,
            "access key secret": canaries.ACCESS_KEY_SECRET,
            **{f"token {number}": token for number, token in enumerate(self.tokens)},
            **signed,
            **parts,
        }


@pytest.mark.parametrize("name", ROWS)
def test_no_secret_of_a_real_tenant_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(name, monkeypatch)
    assert debug_lines(run.listener)
    assert len(run.tokens) >= 3, "access, refresh and id token"
    assert found(run.secrets(), {**run.listener.places(), **run.left}) == []
    assert name == "playback refused" or run.links


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.name, marks=() if row in LINK_ROWS else pytest.mark.slow) for row in PLAYBACK_ROWS]
)
def test_no_row_of_the_matrix_shows_a_link_or_another_secret(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(row, monkeypatch)
    assert debug_lines(run.listener)
    assert len(run.tokens) >= 3, "access, refresh and id token"
    given = {"given link": row.links.given} if row.links.given else {}
    assert found({**run.secrets(), **given}, {**run.listener.places(), **run.left}) == []
    assert run.links or {fault.get("on") for fault in row.tenant} == {"metadata"}


def test_no_token_goes_to_a_link_and_no_link_leaves_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run("every link has expired", monkeypatch)
    media = [request for request in run.tenant.requests if request.endpoint == "media"]
    assert [request.status for request in media] == [403, 200]
    assert [request for request in media if request.header("authorization")] == []
    assert any(request.header("authorization") for request in run.tenant.requests), "the token travels to the API"
    assert len({link.rpartition("=")[2] for link in run.links}) == 2


def debug_lines(listener: Listener) -> list[str]:
    return [record.getMessage() for record in listener.records if record.name.startswith("urllib3")]
