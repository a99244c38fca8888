"""Attacks on the console's doors: nobody, the wrong person, the wrong page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.models.log import Log
from airflow.utils.session import create_session
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import delete, select
from starlette.testclient import TestClient

from cxone_provider.archive.recording import Outcome
from cxone_provider.console.app import CONTENT_SECURITY_POLICY
from cxone_provider.console.event_log import EventLog, NotRecorded
from tests.airflow.console.conftest import SECRET, SignIn, TableAuthManager, anonymous, csrf
from tests.airflow.versions import routes_of
from tests.fakes.console_archive import CONTEXT, DAY, ConsoleArchive, log_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # Airflow's own about its keys and routers
DAG = "cxone_daily_archive"
LOOK, LISTEN = ("GET", "RUN", DAG), ("GET", "XCOM", DAG)
BODY = {"recording_id": "call"}


def requests_of(console: FastAPI) -> list[tuple[str, str]]:
    """Return method and path of every route, as the app itself lists them."""
    filled = {"name": "console.css", "ticket": "x.y.z"}
    found = []
    for route in routes_of(console):
        made = getattr(route, "original_route", route)
        assert isinstance(made, APIRoute), f"{route}: a route that no dependency of the app guards"
        found += [(method, route.path.format(**filled)) for method in route.methods]
    return found


@pytest.fixture(autouse=True)
def no_events(auth_manager: TableAuthManager) -> Iterator[None]:
    yield
    with create_session() as session:
        session.execute(delete(Log))


def events() -> list[tuple[str, str, dict[str, Any], str | None]]:
    with create_session() as session:
        rows = session.scalars(select(Log).order_by(Log.id)).all()
        return [(row.event, str(row.owner), json.loads(row.extra or "{}"), row.dag_id) for row in rows]


def test_there_are_routes_to_attack(console: FastAPI) -> None:
    found = requests_of(console)
    assert len(found) >= 14
    assert {("POST", "/api/listen"), ("POST", "/api/verify"), ("GET", "/media/x.y.z"), ("GET", "/")} <= set(found)


def test_every_route_refuses_who_is_not_signed_in(console: FastAPI, archive: ConsoleArchive) -> None:
    archive.add_recording("call", b"media")
    archive.store.calls.clear()
    for method, path in requests_of(console):
        answer = anonymous(console).request(method, path, json=BODY if method == "POST" else None)
        assert answer.status_code == 401, (method, path)
        assert "call" not in answer.text
    assert archive.store.calls == []


def test_every_route_refuses_a_forged_token(console: FastAPI) -> None:
    for method, path in requests_of(console):
        client = anonymous(console)
        client.cookies.set("_token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiJ9.")
        assert client.request(method, path).status_code in {401, 403}, (method, path)


@pytest.mark.parametrize(("role", "denied"), [(None, set()), ("admin", {LOOK})], ids=["no role", "no right"])
def test_every_route_refuses_who_may_not_read_the_runs(
    console: FastAPI, sign_in: SignIn, archive: ConsoleArchive, role: str | None, denied: Any
) -> None:
    client = sign_in("eve", role, denied)
    for method, path in requests_of(console):
        assert client.request(method, path, json=BODY if method == "POST" else None).status_code == 403, (method, path)
    assert archive.store.calls == []


def test_there_is_no_documentation_of_routes_to_read(sign_in: SignIn) -> None:
    client = sign_in()
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404


def test_whoever_may_look_but_not_listen_hears_nothing(sign_in: SignIn, archive: ConsoleArchive) -> None:
    archive.add_recording("call", b"media")
    client = sign_in("vic", "viewer", {LISTEN})
    assert client.get("/api/recording", params=BODY).status_code == 200
    assert client.get("/api/session").json()["may_listen"] is False
    assert client.post("/api/listen", json=BODY, headers=csrf(client)).status_code == 403
    assert client.get("/api/waveform", params=BODY).status_code == 403
    assert events() == []


def test_who_may_not_start_the_dag_learns_neither_bucket_nor_prefix(sign_in: SignIn) -> None:
    told = sign_in("vic", "viewer").get("/api/session").json()
    assert (told["may_archive"], told["archive"]) == (False, None)
    assert sign_in("uma", "user").get("/api/session").json()["may_archive"] is True


def test_another_dags_recordings_stay_with_those_who_may_see_its_runs(sign_in: SignIn, archive: ConsoleArchive) -> None:
    archive.add_recording("call", b"media", context={**CONTEXT, "dag_id": "secret_archive", "run_id": "theirs"})
    archive.add_run([log_of("call"), log_of("call-failed", Outcome.FAILED)], name="theirs")
    archive.add_run([log_of("ours")], name="ours")
    client = sign_in("vic", "viewer", {("GET", "RUN", "secret_archive")})
    assert client.get("/api/recording", params=BODY).status_code == 403
    assert client.get("/api/waveform", params=BODY).status_code == 403
    for path in ("/api/listen", "/api/verify"):
        assert client.post(path, json=BODY, headers=csrf(client)).status_code == 403
    day = client.get("/api/day", params={"day": str(DAY)}).json()
    assert [row["recording_id"] for row in day["rows"]] == ["ours"]
    assert [run["run_id"] for run in day["runs"]] == ["ours"]
    assert b"call" not in client.get("/api/day.csv", params={"day": str(DAY)}).content
    told = client.get("/api/standouts", params={"first": str(DAY), "last": str(DAY)}).text
    assert "call" not in told
    assert "ours" in told
    told = sign_in().get("/api/standouts", params={"first": str(DAY), "last": str(DAY)}).text
    assert "call-failed" in told
    seen = sign_in().get("/api/day", params={"day": str(DAY)}).json()
    assert {row["recording_id"] for row in seen["rows"]} == {"ours", "call", "call-failed"}
    assert {run["dag_id"] for run in seen["runs"]} == {DAG, "secret_archive"}


@pytest.mark.parametrize("path", ["/api/listen", "/api/verify"])
def test_a_post_without_the_pages_word_changes_nothing(sign_in: SignIn, archive: ConsoleArchive, path: str) -> None:
    archive.add_recording("call", b"media")
    client, other = sign_in("ada"), sign_in("eve")
    own = csrf(client)["X-CXone-Console"]
    forged: list[dict[str, str]] = [
        {},
        {"X-CXone-Console": ""},
        {"X-CXone-Console": own[:-12] + own[:-13:-1]},
        csrf(other),
        {"X-CXone-Console": own, "Sec-Fetch-Site": "cross-site"},
        {"X-CXone-Console": own, "Sec-Fetch-Site": "same-site"},
        {"X-CXone-Console": own, "Sec-Fetch-Site": "none"},
    ]
    for headers in forged:
        assert client.post(path, json=BODY, headers=headers).status_code == 403, headers
    assert events() == []
    assert client.post(path, json=BODY, headers={"X-CXone-Console": own, "Sec-Fetch-Site": "same-origin"}).is_success


def test_a_form_cannot_post(sign_in: SignIn, archive: ConsoleArchive) -> None:
    archive.add_recording("call", b"media")
    client = sign_in()
    assert client.post("/api/listen", data=BODY, headers=csrf(client)).status_code == 422
    assert events() == []


@pytest.mark.parametrize("path", ["/api/listen", "/api/verify"])
def test_nothing_changes_by_get(sign_in: SignIn, path: str) -> None:
    assert sign_in().get(path, params=BODY).status_code == 405


def test_an_old_word_of_a_page_does_not_count(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    client = sign_in()
    headers = csrf(client)
    later = time.time() + 13 * 3600
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert client.post("/api/verify", json=BODY, headers=headers).status_code in {401, 403}


def listen(client: TestClient) -> str:
    answer = client.post("/api/listen", json=BODY, headers=csrf(client))
    assert answer.status_code == 200
    return str(answer.json()["address"])


def test_listening_is_written_down_before_a_byte_can_be_fetched(sign_in: SignIn, archive: ConsoleArchive) -> None:
    manifest = archive.add_recording("call", b"the media")
    client = sign_in("ada")
    archive.store.calls.clear()
    address = listen(client)
    assert events() == [
        ("cxone_console_listen", "ada",
         {"recording_id": "call", "version_id": manifest.version_id, "sha256": manifest.sha256}, DAG)
    ]  # fmt: skip
    assert {call.operation for call in archive.store.calls} == {"read"}
    assert client.get(f"/{address}").content == b"the media"


def test_nothing_is_heard_when_it_cannot_be_written_down(
    sign_in: SignIn, archive: ConsoleArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotRecorded("the database is gone")

    archive.add_recording("call", b"media")
    archive.add_run([log_of("call")])
    monkeypatch.setattr(EventLog, "record", refuse)
    client = sign_in()
    for path in ("/api/listen", "/api/verify"):
        answer = client.post(path, json=BODY, headers=csrf(client))
        assert (answer.status_code, "address" in answer.text) == (503, False)
    assert client.get("/api/day.csv", params={"day": str(DAY)}).status_code == 503


def test_verifying_and_exporting_are_written_down_too(sign_in: SignIn, archive: ConsoleArchive) -> None:
    archive.add_recording("call", b"media")
    archive.add_run([log_of("call")])
    client = sign_in("ada")
    client.post("/api/verify", json=BODY, headers=csrf(client))
    client.get("/api/day.csv", params={"day": str(DAY)})
    assert [(event, who) for event, who, _, _ in events()] == [
        ("cxone_console_verify", "ada"), ("cxone_console_export", "ada"),
    ]  # fmt: skip


def test_an_address_of_media_is_its_owners_alone_and_short_lived(
    sign_in: SignIn, archive: ConsoleArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.add_recording("call", b"media")
    client, other = sign_in("ada"), sign_in("eve")
    address = listen(client)
    assert other.get(f"/{address}").status_code == 403
    assert client.get(f"/{address[:-3]}abc").status_code == 403
    word = client.get("/api/session").json()["csrf"]
    assert client.get(f"/media/{word}").status_code == 403
    soon = time.time() + 16 * 60
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: soon)
    assert client.get(f"/{address}").status_code == 403


def test_every_answer_carries_the_policy(sign_in: SignIn, console: FastAPI) -> None:
    answers = [sign_in().get(path) for path in ("/", "/static/console.css", "/api/session", "/api/day?day=x", "/no")]
    for answer in [*answers, anonymous(console).get("/"), anonymous(console).get("/api/session")]:
        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "'unsafe" not in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")


def test_no_answer_names_a_connection_a_link_or_a_secret(sign_in: SignIn, archive: ConsoleArchive) -> None:
    archive.add_recording("call", b"media")
    archive.add_run([log_of("call")])
    client = sign_in()
    paths = ("/", "/day", "/recording", "/api/session", f"/api/day?day={DAY}", f"/api/overview?first={DAY}&last={DAY}",
             "/api/recording?recording_id=call")  # fmt: skip
    told = "\n".join(client.get(path).text for path in paths) + listen(client)
    for word in ("aws_default", "cxone_default", "X-Amz-Signature", SECRET, "http://", "https://"):
        assert word not in told


def test_a_person_is_told_in_a_page_and_a_script_in_json(sign_in: SignIn, console: FastAPI) -> None:
    page = anonymous(console).get("/", headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert "<script" not in page.text
    assert sign_in("eve", None).get("/", headers={"Accept": "text/html"}).status_code == 403
    assert anonymous(console).get("/api/session").json() == {"detail": "Not authenticated"}


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fsettings.py", "%2e%2e%2fapp.py", "....//app.py", "README.md", "overview.html", "nothing.js", ".x"],
)
def test_only_assets_are_served(sign_in: SignIn, name: str) -> None:
    assert sign_in().get(f"/static/{name}").status_code == 404
