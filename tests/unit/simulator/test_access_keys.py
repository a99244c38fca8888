"""Tokens by access key: discovery, the grants, the configuration, the older endpoint."""

from __future__ import annotations

import base64
import json

import pytest
import requests

from cxone_provider.simulator import ApiSettings, ManualClock, Simulator
from tests.unit.simulator.playback import PlaybackClient, claims

OPENID = "/.well-known/openid-configuration"
CONFIGURATION = "/.well-known/cxone-configuration?tenantId="
OLDER = "/authentication/v1/token/access-key"


def basic(client_id: str, client_secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()


def test_discovery_leads_to_the_token_endpoint_by_the_address_the_client_used(playback: PlaybackClient) -> None:
    found = playback.call("GET", OPENID).document
    assert found["token_endpoint"] == f"{playback.simulator.base_url}/auth/token"
    elsewhere = playback.call("GET", OPENID, headers={"Host": "cxone:8765"}).document
    assert (elsewhere["issuer"], elsewhere["token_endpoint"]) == ("http://cxone:8765", "http://cxone:8765/auth/token")


def test_a_hostile_host_is_not_repeated(playback: PlaybackClient) -> None:
    found = playback.call("GET", OPENID, headers={"Host": 'a"/<b>'}).document
    assert found["token_endpoint"] == "http://localhost/auth/token"


def test_a_grant_has_the_documented_fields(playback: PlaybackClient) -> None:
    reply = playback.grant()
    assert reply.status == 200
    assert reply.header("Cache-Control") == "no-store"
    assert set(reply.document) == {"access_token", "token_type", "expires_in", "refresh_token", "id_token"}
    assert (reply.document["token_type"], reply.document["expires_in"]) == ("Bearer", 3600)
    assert claims(reply.document["access_token"])["tenantId"] == playback.simulator.apis.tenant_id
    assert claims(reply.document["id_token"])["tenantId"] == playback.simulator.apis.tenant_id


def test_keys_that_end_in_equals_signs_survive_a_proper_encoder() -> None:
    settings = ApiSettings(access_key_id="K+/A====", access_key_secret="S&%c====")
    form = {"grant_type": "password", "username": "K+/A====", "password": "S&%c===="}
    with Simulator(client_id="me", client_secret="a+b%20c", apis=settings) as simulator:
        answer = requests.post(f"{simulator.base_url}/auth/token", data=form, auth=("me", "a+b%20c"), timeout=10)
    assert answer.status_code == 200


def test_keys_that_were_not_encoded_are_a_malformed_form(playback: PlaybackClient) -> None:
    body = "grant_type=password&username=SIMULATORACCESSKEYID====&password=x"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = playback.call("POST", "/auth/token", body=body, headers=form)
    assert (reply.status, reply.document["error"]) == (400, "invalid_request")
    assert "errorDescription" in reply.document


def test_client_credentials_come_by_basic_or_in_the_form(playback: PlaybackClient) -> None:
    simulator = playback.simulator
    form = {"grant_type": "password", "username": simulator.apis.access_key_id}
    form["password"] = simulator.apis.access_key_secret
    by_basic = playback.post_form(form, Authorization=basic(simulator.client_id, simulator.client_secret))
    encoded = playback.post_form(form, Authorization=basic("simulator", "simulator%2Dsecret"))
    assert [by_basic.status, encoded.status] == [200, 200]
    assert playback.post_form(form).document["error"] == "invalid_client"


@pytest.mark.parametrize("value", ["Basic", "Basic !!", "Basic " + base64.b64encode(b"\xff").decode(), "Basic YQ=="])
def test_basic_that_cannot_be_read_is_an_invalid_client(playback: PlaybackClient, value: str) -> None:
    reply = playback.post_form({"grant_type": "password"}, Authorization=value)
    assert (reply.status, reply.document["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "other"}, 401, "invalid_client"),
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"username": "other===="}, 400, "invalid_grant"),
        ({"password": "other===="}, 400, "invalid_grant"),
        ({"password": None}, 400, "invalid_grant"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "guessed"}, 400, "invalid_grant"),
    ],
)
def test_mistakes_have_the_documented_shape(
    playback: PlaybackClient, change: dict[str, str | None], status: int, error: str
) -> None:
    reply = playback.grant(**change)
    assert (reply.status, reply.document["error"]) == (status, error)
    assert set(reply.document) == {"error", "errorDescription"}


def test_a_refresh_token_gives_a_new_token_once(playback: PlaybackClient) -> None:
    first = playback.grant().document
    again = {"grant_type": "refresh_token", "username": None, "password": None}
    second = playback.grant(**again, refresh_token=first["refresh_token"]).document
    assert second["access_token"] != first["access_token"]
    assert playback.grant(**again, refresh_token=first["refresh_token"]).document["error"] == "invalid_grant"
    assert playback.grant(**again, refresh_token=second["refresh_token"]).status == 200


def test_a_refresh_token_may_work_again_and_expires(clock: ManualClock) -> None:
    with Simulator(clock=clock, apis=ApiSettings(refresh_once=False, refresh_ttl_s=10)) as simulator:
        client = PlaybackClient(simulator)
        token = client.grant().document["refresh_token"]
        statuses = []
        for step_s in (0, 9.5, 0.5):
            clock.advance(step_s)
            statuses.append(client.grant(grant_type="refresh_token", refresh_token=token).status)
        assert statuses == [200, 200, 400]
        later = client.grant().document["refresh_token"]
        simulator.reset()
        assert client.grant(grant_type="refresh_token", refresh_token=later).status == 400


def test_a_token_expires_by_the_clock(playback: PlaybackClient, clock: ManualClock) -> None:
    statuses = [playback.contact("4711").status]
    clock.advance(3600)
    statuses.append(playback.contact("4711").status)
    assert statuses == [200, 401]


def test_tokens_open_their_own_apis_only(playback: PlaybackClient) -> None:
    other = {"Authorization": f"Bearer {playback.ask_token().document['access_token']}"}
    assert playback.call("GET", "/media-playback/v1/contacts?acd-call-id=4711", headers=other).status == 403
    assert playback.metadata("call").status == 403
    assert playback.call("GET", "/media-playback/v1/contacts?acd-call-id=4711").status == 401
    id_token = {"Authorization": f"Bearer {playback.grant().document['id_token']}"}
    assert playback.call("GET", "/media-playback/v1/contacts?acd-call-id=4711", headers=id_token).status == 401


@pytest.mark.parametrize(
    ("set_to", "given"),
    [("", "{own}"), ("/area", "{own}/area"), ("https://api-na1.example.com", "https://api-na1.example.com")],
)
def test_the_configuration_names_the_api_endpoint(set_to: str, given: str) -> None:
    with Simulator(apis=ApiSettings(api_endpoint=set_to)) as simulator:
        client = PlaybackClient(simulator)
        reply = client.call("GET", CONFIGURATION + simulator.apis.tenant_id)
        assert reply.document["api_endpoint"] == given.format(own=simulator.base_url)
        assert client.call("GET", CONFIGURATION + "other").status == 404
        assert client.call("GET", CONFIGURATION.partition("?")[0]).status == 404


def test_under_a_path_the_apis_are_only_there() -> None:
    with Simulator(apis=ApiSettings(api_endpoint="/area/")) as simulator:
        simulator.add_contact("1")
        client = PlaybackClient(simulator)
        assert client.get("/area/media-playback/v1/contacts?acd-call-id=1").status == 200
        assert client.get("/media-playback/v1/contacts?acd-call-id=1").status == 404


def test_the_older_endpoint_takes_json(playback: PlaybackClient) -> None:
    settings = playback.simulator.apis
    key = {"accessKeyId": settings.access_key_id, "accessKeySecret": settings.access_key_secret}
    token = playback.send_json("POST", OLDER, key).document["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert playback.call("GET", "/media-playback/v1/contacts?acd-call-id=4711", headers=headers).status == 200
    assert playback.send_json("POST", OLDER, {**key, "accessKeySecret": "\ud800"}).status == 401


@pytest.mark.parametrize("body", ["", "[]", "{", "[" * 100_000, json.dumps({"accessKeyId": "x", "accessKeySecret": 5})])
def test_what_is_no_key_in_json_is_refused(playback: PlaybackClient, body: str) -> None:
    reply = playback.call("POST", OLDER, body=body)
    assert (reply.status, reply.document["error"]) == (400, "invalid_request")


def test_discovery_fails_as_scripted(playback: PlaybackClient) -> None:
    playback.simulator.script_tenant([{"fault": "status", "on": "discovery", "status": 503}])
    assert [playback.call("GET", OPENID).status for _ in range(2)] == [503, 200]
    assert playback.call("POST", OPENID).status == 405
