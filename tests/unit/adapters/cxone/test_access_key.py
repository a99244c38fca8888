"""Tokens for access keys: discovered, asked for as documented, renewed while that holds, and sent nowhere else."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from cxone_provider.adapters.cxone.credentials import Auth, ClientAuth, Credentials
from cxone_provider.adapters.cxone.tenant_api import Call, TenantApi
from cxone_provider.archive.errors import (
    ArchiveError,
    AuthenticationFailed,
    RateLimited,
    SourceUnavailable,
    UnexpectedAnswer,
)
from tests.fakes.clock import FakeClock
from tests.fakes.cxone_tenant import json_answer
from tests.fakes.http_server import Answer, ScriptedServer, WireRequest, answer
from tests.fakes.playback_tenant import (
    CLIENT_SECRET,
    CONFIGURATION,
    JSON_TOKEN,
    KEY_ID,
    KEY_SECRET,
    OPENID,
    TENANT_ID,
    TOKEN,
    ScriptedPlayback,
    form_of,
    jwt,
)

pytestmark = pytest.mark.server
PASSWORD = {"grant_type": "password", "username": KEY_ID, "password": KEY_SECRET}
SECRETS = (KEY_ID, KEY_SECRET, CLIENT_SECRET, "canary")


@pytest.fixture
def playback() -> Iterator[ScriptedPlayback]:
    scripted = ScriptedPlayback()
    with scripted.server:
        yield scripted


def credentials(**changes: Any) -> Credentials:
    whole = Credentials(Auth.ACCESS_KEY, "client-1", CLIENT_SECRET, access_key_id=KEY_ID, access_key_secret=KEY_SECRET)
    return replace(whole, **changes)


def api_of(playback: ScriptedPlayback, clock: FakeClock | None = None, **changes: Any) -> TenantApi:
    return TenantApi(playback.settings(**changes), clock or FakeClock())


def forms(playback: ScriptedPlayback) -> list[dict[str, str]]:
    return [form_of(request) for request in playback.to(TOKEN)]


def asked(api: TenantApi) -> int:
    """Send one request with a token; return the status."""
    with api.ask(Call("/things/v1/one", 5), {}) as reply:
        return reply.status_code


def refused(api: TenantApi, kind: type[ArchiveError]) -> str:
    """Return what an error says, after looking for secrets in it."""
    with pytest.raises(kind) as raised:
        api.check()
    said = f"{raised.value} {raised.value!r} {raised.value.found!r} {raised.value.__cause__} {raised.value.__context__}"
    assert not any(secret in said for secret in SECRETS)
    return said


def test_an_access_key_becomes_a_token_for_the_discovered_api(playback: ScriptedPlayback) -> None:
    assert api_of(playback).check() == playback.server.url
    paths = [request.target for request in playback.server.requests]
    assert paths == [OPENID, TOKEN, f"{CONFIGURATION}?tenantId={TENANT_ID}"]
    [request] = playback.to(TOKEN)
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form_of(request) == PASSWORD
    assert b"canary%2Bkey%2Fid%3D%3D%3D%3D" in request.body
    pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic "))
    assert pair.decode() == f"client-1:{CLIENT_SECRET}"
    assert all("authorization" not in discovery.headers for discovery in playback.to(OPENID))


def test_the_clients_secret_can_travel_in_the_form(playback: ScriptedPlayback) -> None:
    api_of(playback, credentials=credentials(client_auth=ClientAuth.FORM)).check()
    assert forms(playback) == [{**PASSWORD, "client_id": "client-1", "client_secret": CLIENT_SECRET}]
    assert "authorization" not in playback.to(TOKEN)[0].headers


def test_a_public_client_and_no_client_at_all_send_what_they_have(playback: ScriptedPlayback) -> None:
    api_of(playback, credentials=credentials(client_auth=ClientAuth.FORM, client_secret="")).check()
    api_of(playback, credentials=credentials(client_id="", client_secret="")).check()
    assert forms(playback) == [{**PASSWORD, "client_id": "client-1"}, PASSWORD]
    assert "authorization" not in playback.to(TOKEN)[1].headers


def test_the_token_goes_to_the_api_and_nowhere_else(playback: ScriptedPlayback) -> None:
    with ScriptedServer(lambda request: answer(200, b"{}"), address="127.0.0.2") as elsewhere:
        playback.configuration["api_endpoint"] = f"{elsewhere.url}/api/"
        api = api_of(playback, api_hosts=playback.settings().api_hosts.parse(["127.0.0.2"], "api_hosts"))
        assert asked(api) == 200
    [request] = elsewhere.requests
    assert request.target == "/api/things/v1/one"
    assert request.headers["authorization"] == f"Bearer {playback.tokens[0]}"
    assert all("Bearer" not in sent.headers.get("authorization", "") for sent in playback.server.requests)


@pytest.mark.parametrize(
    ("document", "name"), [(OPENID, "token_endpoint"), (CONFIGURATION, "api_endpoint")], ids=["token", "api"]
)
@pytest.mark.parametrize(
    "value",
    [
        "https://evil.example/token", "http://127.0.0.2:9/token", "https://niceincontact.com.evil.example",
        "https://evilniceincontact.com", "http://api-na1.niceincontact.com", "https://127.0.0.1@evil.example/",
        "https://api-na1.niceincontact.com?x=1", "https://api-na1.niceincontact.com/#x", "ftp://127.0.0.1/",
        "//127.0.0.1/token", "", None, 1, [], "https://127.0.0.1:99999/", "https://127.0.0.1\\@evil.example",
    ],
)  # fmt: skip
def test_discovery_that_leads_elsewhere_is_refused_before_a_secret_is_sent(
    playback: ScriptedPlayback, document: str, name: str, value: object
) -> None:
    playback.script(document, json_answer({name: value}))
    said = refused(api_of(playback), UnexpectedAnswer)
    assert name in said
    assert len(playback.to(TOKEN)) == (document == CONFIGURATION)
    assert "things" not in " ".join(request.target for request in playback.server.requests)


@pytest.mark.parametrize("host", ["api-na1.niceincontact.com", "api-x9.sub.nice-incontact.com", "na9.nicecxone.com"])
def test_any_area_of_the_vendor_is_an_area(playback: ScriptedPlayback, host: str) -> None:
    playback.configuration["api_endpoint"] = f"https://{host}"
    assert api_of(playback).check() == f"https://{host}"


def test_a_token_is_renewed_while_its_refresh_token_holds(playback: ScriptedPlayback) -> None:
    clock = FakeClock()
    api = api_of(playback, clock)
    for _ in range(2):
        api.check()
        clock.pass_s(3571)
    api.check()
    assert forms(playback) == [
        PASSWORD,
        {"grant_type": "refresh_token", "refresh_token": "canary-refresh-1"},
        {"grant_type": "refresh_token", "refresh_token": "canary-refresh-2"},
    ]
    assert all(request.headers["authorization"].startswith("Basic ") for request in playback.to(TOKEN))
    assert len(playback.to(OPENID)) == len(playback.to(CONFIGURATION)) == 1


def test_a_refresh_token_past_its_end_is_not_tried(playback: ScriptedPlayback) -> None:
    clock = FakeClock()
    api = api_of(playback, clock)
    api.check()
    clock.pass_s(7171)
    api.check()
    assert forms(playback) == [PASSWORD, PASSWORD]


def test_a_renewal_without_a_new_refresh_token_keeps_the_old_one(playback: ScriptedPlayback) -> None:
    clock = FakeClock()
    api = api_of(playback, clock)
    api.check()
    playback.token_replies.append(json_answer(playback.token_document(refresh_token=None, expires_in=600)))
    for _ in range(2):
        clock.pass_s(3000 if len(playback.tokens) == 3 else 3571)
        api.check()
    tried = [form.get("refresh_token") for form in forms(playback)]
    assert tried == [None, "canary-refresh-1", "canary-refresh-1"]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_refresh_token_costs_one_more_request(playback: ScriptedPlayback, status: int) -> None:
    clock = FakeClock()
    api = api_of(playback, clock)
    api.check()
    clock.pass_s(3571)
    playback.token_replies.append(json_answer({"error": "invalid_grant"}, status))
    api.check()
    assert [form["grant_type"] for form in forms(playback)] == ["password", "refresh_token", "password"]


def test_after_a_401_the_access_key_is_used_and_no_refresh_token(playback: ScriptedPlayback) -> None:
    playback.script("/things/v1/one", answer(401), answer(200))
    assert asked(api_of(playback)) == 200
    assert forms(playback) == [PASSWORD, PASSWORD]


def test_401_also_with_a_new_token_is_final(playback: ScriptedPlayback) -> None:
    playback.script("/things/v1/one", answer(401, b"canary"))
    with pytest.raises(AuthenticationFailed, match="access key active"):
        asked(api_of(playback))
    assert len(playback.to("/things/v1/one")) == 2


def test_many_threads_ask_once(playback: ScriptedPlayback) -> None:
    api, together, seen = api_of(playback), threading.Barrier(20), []

    def work() -> None:
        together.wait(10)
        seen.append(api.check())

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert seen == [playback.server.url] * 20
    assert len(playback.server.requests) == 3


def test_every_token_of_every_kind_is_told_before_it_is_used(playback: ScriptedPlayback) -> None:
    told: list[str] = []
    TenantApi(playback.settings(), FakeClock(), on_token=told.append).check()
    assert told == [playback.tokens[0], "canary-refresh-1", jwt({"n": "canary-id-1"})]


def test_a_connection_can_name_the_api_itself(playback: ScriptedPlayback) -> None:
    api = api_of(playback, api_endpoint="https://api.example")
    playback.token_replies.append(json_answer(playback.token_document(access_token="opaque", id_token=None)))
    assert api.check() == "https://api.example"
    assert playback.to(CONFIGURATION) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": "opaque", "id_token": jwt({"tenantId": TENANT_ID})},
        {"access_token": jwt({"sub": "x"}), "id_token": jwt({"tenantId": TENANT_ID})},
        {"id_token": "a.b.c.d"},
    ],
)
def test_the_tenants_id_is_the_access_tokens_or_the_id_tokens(
    playback: ScriptedPlayback, changes: dict[str, object]
) -> None:
    playback.token_replies.append(json_answer(playback.token_document(**changes)))
    api_of(playback).check()
    assert playback.to(CONFIGURATION)[0].target.endswith(f"?tenantId={TENANT_ID}")


@pytest.mark.parametrize(
    "access_token",
    [
        "opaque", "a.b.c", "a.e30.c", "..", jwt([]), jwt({}), jwt({"tenantId": ""}), jwt({"tenantId": "a b"}),
        jwt({"tenantId": "../x"}), jwt({"tenantId": "x" * 129}), jwt({"tenantId": 7}), jwt({"tenantId": True}),
        jwt({"tenantId": ["x"]}), jwt({"tenantId": "a&b=c"}), "a.eyJ0ZW5hbnRJZCI6ImEiLCJ0ZW5hbnRJZCI6ImIifQ.c",
        "a.____.c", "a.W1tb.c",
    ],
)  # fmt: skip
def test_a_token_without_a_usable_tenant_is_refused(playback: ScriptedPlayback, access_token: str) -> None:
    playback.token_replies.append(json_answer(playback.token_document(access_token=access_token, id_token=None)))
    refused(api_of(playback), UnexpectedAnswer)
    assert playback.to(CONFIGURATION) == []


@pytest.mark.parametrize(
    "refresh_token", ["", "a b", "x" * 16385, 7, ["x"], {"a": 1}], ids=["empty", "space", "long", "int", "list", "map"]
)
def test_a_refresh_token_that_cannot_be_one_is_refused(playback: ScriptedPlayback, refresh_token: object) -> None:
    playback.token_replies.append(json_answer(playback.token_document(refresh_token=refresh_token)))
    assert "refresh_token" in refused(api_of(playback), UnexpectedAnswer)


def test_refused_keys_are_final_and_say_why(playback: ScriptedPlayback) -> None:
    playback.token_replies.append(json_answer({"error": "invalid_grant", "errorDescription": "key inactive"}, 400))
    assert "key inactive" in refused(api_of(playback), AuthenticationFailed)


def echo(request: WireRequest) -> Answer:
    return answer(418, request.body + request.headers.get("authorization", "").encode())


@pytest.mark.parametrize("status", [400, 418, 503])
def test_an_error_body_that_echoes_the_secrets_is_blanked(playback: ScriptedPlayback, status: int) -> None:
    def echoed(request: WireRequest) -> Answer:
        pair = request.headers["authorization"].removeprefix("Basic ")
        return answer(status, json.dumps({"sent": form_of(request), "pair": pair}).encode())

    playback.script(TOKEN, echoed)
    kinds = {400: AuthenticationFailed, 418: UnexpectedAnswer, 503: SourceUnavailable}
    said = refused(api_of(playback), kinds[status])
    assert base64.b64encode(f"client-1:{CLIENT_SECRET}".encode()).decode() not in said


def test_an_error_body_that_echoes_a_refresh_token_is_blanked(playback: ScriptedPlayback) -> None:
    clock = FakeClock()
    api = api_of(playback, clock)
    api.check()
    clock.pass_s(3571)
    playback.script(TOKEN, echo)
    refused(api, UnexpectedAnswer)


@pytest.mark.parametrize("path", [OPENID, TOKEN, CONFIGURATION])
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(404, b"<html>"), UnexpectedAnswer), (answer(200, b"[]"), UnexpectedAnswer),
        (answer(200, b"{"), UnexpectedAnswer), (answer(302, b"", {"Location": "http://127.0.0.2"}), UnexpectedAnswer),
        (answer(503), SourceUnavailable), (answer(429), RateLimited), (answer(200, b" " * 2**21), UnexpectedAnswer),
        (Answer([], reset=True), SourceUnavailable),
    ],
)  # fmt: skip
def test_every_step_fails_by_name(
    playback: ScriptedPlayback, path: str, reply: Answer, kind: type[ArchiveError]
) -> None:
    playback.script(path, reply)
    refused(api_of(playback), kind)
    assert len(playback.to(path)) == (4 if kind in (SourceUnavailable, RateLimited) else 1)


def test_a_step_that_passes_after_a_failure_repeats_no_other(playback: ScriptedPlayback) -> None:
    for path in (OPENID, CONFIGURATION):
        playback.script(path, answer(503), answer(503))
    playback.script(CONFIGURATION, json_answer({"api_endpoint": playback.server.url}))
    playback.script(OPENID, json_answer({"token_endpoint": playback.server.url + TOKEN}))
    assert api_of(playback).check() == playback.server.url
    assert (len(playback.to(OPENID)), len(playback.to(TOKEN)), len(playback.to(CONFIGURATION))) == (3, 1, 3)


def test_an_older_tenant_takes_the_key_as_json(playback: ScriptedPlayback) -> None:
    clock = FakeClock()
    key = credentials(auth=Auth.ACCESS_KEY_JSON, token_base_url=playback.server.url, client_id="", client_secret="")
    api = api_of(playback, clock, credentials=key)
    assert api.check() == playback.server.url
    clock.pass_s(3571)
    api.check()
    sent = [json.loads(request.body) for request in playback.to(JSON_TOKEN)]
    assert sent == [{"accessKeyId": KEY_ID, "accessKeySecret": KEY_SECRET}] * 2
    assert [request.headers["content-type"] for request in playback.to(JSON_TOKEN)] == ["application/json"] * 2
    assert playback.to(OPENID) == []
    assert len(playback.to(CONFIGURATION)) == 1


def test_objects_do_not_show_what_they_hold(playback: ScriptedPlayback) -> None:
    api = api_of(playback)
    api.check()
    token = api._tokens.token()
    shown = f"{api!r} {vars(api)!r} {vars(api._tokens)!r} {token!r} {token.renewal!r} {api.settings!r}"
    assert not any(secret in shown for secret in (*SECRETS, token.value))
