from __future__ import annotations

from urllib.parse import urlencode

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.simulator import ManualClock, ScenarioError, Simulator
from cxone_provider.simulator.token_endpoint import MalformedForm, parse_form
from tests.unit.simulator.client import ALL_SCOPES, FORM, TenantClient

AWKWARD = "a&b=c+d%e f/ü\"'=="


def test_a_token_answers_what_was_granted(client: TenantClient) -> None:
    reply = client.ask_token()
    assert reply.status == 200
    assert reply.document == {
        "access_token": reply.document["access_token"],
        "expires_in": 3600,
        "token_type": "Bearer",
        "scope": ALL_SCOPES,
    }
    assert reply.header("Cache-Control") == "no-store"


def test_awkward_credentials_survive_a_proper_encoder() -> None:
    with Simulator(client_id=AWKWARD, client_secret=AWKWARD[::-1]) as simulator:
        form = {"grant_type": "client_credentials", "client_id": AWKWARD, "client_secret": AWKWARD[::-1]}
        answer = requests.post(f"{simulator.base_url}/oauth/token", data={**form, "scope": ALL_SCOPES}, timeout=10)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("secret", "status", "error"),
    [
        ("a&b=c", 401, "invalid_client"),
        ("a+b", 401, "invalid_client"),
        ("a%41b", 401, "invalid_client"),
        ("a%b", 400, "invalid_request"),
        ("ab==", 400, "invalid_request"),
        ("a&b", 400, "invalid_request"),
        ("a b", 400, "invalid_request"),
    ],
)
def test_a_secret_pasted_without_encoding_is_refused(secret: str, status: int, error: str) -> None:
    with Simulator(client_id="id", client_secret=secret) as simulator:
        body = f"grant_type=client_credentials&client_id=id&scope=recording:read&client_secret={secret}"
        reply = TenantClient(simulator).call("POST", "/oauth/token", body=body, headers={"Content-Type": FORM})
    assert (reply.status, reply.document["error"]) == (status, error)


@pytest.mark.parametrize("wrong", [{"client_id": "other"}, {"client_secret": "other"}, {"client_secret": "é"}])
def test_wrong_credentials_are_an_invalid_client(client: TenantClient, wrong: dict[str, str]) -> None:
    reply = client.ask_token(**wrong)
    assert (reply.status, reply.document) == (401, {"error": "invalid_client"})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": "recording:delete"}, "invalid_scope"),
        ({"scope": ""}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
    ],
)
def test_other_mistakes_have_the_names_of_the_standard(
    client: TenantClient, change: dict[str, str], error: str
) -> None:
    reply = client.ask_token(**change)
    assert (reply.status, reply.document["error"]) == (400, error)


def test_a_form_must_say_that_it_is_one(client: TenantClient) -> None:
    reply = client.call("POST", "/oauth/token", body="{}", headers={"Content-Type": "application/json"})
    assert reply.status == 400
    assert client.call("GET", "/oauth/token").status == 405


@pytest.mark.parametrize("body", [b"", b"a", b"a=%zz", b"a=1&a=2", b"a=b=c", b"a=%ff", b"a=b c", "a=é".encode()])
def test_malformed_forms_are_told(body: bytes) -> None:
    with pytest.raises(MalformedForm):
        parse_form(body)


def test_characters_without_meaning_in_a_form_may_stand_as_they_are() -> None:
    assert parse_form(b"scope=recording:read+x&client_id=a/b@c*d") == {
        "scope": "recording:read x",
        "client_id": "a/b@c*d",
    }


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        st.text(st.characters(exclude_categories=["Cs"])),
        min_size=1,
    )
)
def test_every_encoded_form_comes_back(fields: dict[str, str]) -> None:
    assert parse_form(urlencode(fields).encode()) == fields


def test_a_token_holds_until_it_expires_and_several_hold_at_once(client: TenantClient, clock: ManualClock) -> None:
    first = client.token()
    clock.advance(3000)
    second = str(client.ask_token().document["access_token"])
    assert [status(client, token) for token in (first, second)] == [200, 200]
    clock.advance(601)
    assert [status(client, token) for token in (first, second)] == [401, 200]
    assert client.simulator.tokens_issued == 2


def test_revoked_missing_and_made_up_tokens_are_unauthorized(client: TenantClient) -> None:
    client.token()
    client.simulator.revoke_tokens()
    reply = client.metadata("call")
    assert (reply.status, reply.document["error"]) == (401, "unauthorized")
    assert reply.header("WWW-Authenticate") == 'Bearer error="invalid_token"'
    assert [status(client, token) for token in ("", "made-up")] == [401, 401]
    assert client.call("GET", "/api/v2/recording/call").status == 401


def test_a_token_without_the_scope_is_forbidden() -> None:
    with Simulator(scopes=frozenset({"recording:read"})) as simulator:
        simulator.add_recording("call", b"sound", format="mp3")
        client = TenantClient(simulator)
        assert client.ask_token().document["scope"] == "recording:read"
        assert client.metadata("call").status == 200
        refused = client.media("call")
    assert (refused.status, refused.document["scope"]) == (403, "recording:download")


def test_a_lifetime_may_be_a_fraction() -> None:
    with Simulator(token_ttl_s=0.5) as simulator:
        assert TenantClient(simulator).ask_token().document["expires_in"] == 0.5


@pytest.mark.parametrize("ttl_s", [0, -1, float("inf"), float("nan")])
def test_a_lifetime_that_cannot_be_is_told(ttl_s: float) -> None:
    with pytest.raises(ScenarioError, match="lifetime"):
        Simulator(token_ttl_s=ttl_s)


def test_secrets_do_not_show_in_the_repr() -> None:
    shown = repr(Simulator(client_secret="s3cret", stream_secret="str3am"))
    assert "s3cret" not in shown
    assert "str3am" not in shown


def status(client: TenantClient, token: str) -> int:
    return client.call("GET", "/api/v2/recording/call", headers={"Authorization": f"Bearer {token}"}).status
