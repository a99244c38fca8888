"""Tokens: asked for properly, once, for as long as they hold, and never with refused credentials again and again."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.cxone.auth import TokenClient
from cxone_provider.adapters.cxone.grants import ClientCredentials, TokenRequests
from cxone_provider.adapters.cxone.session import ApiSessions
from cxone_provider.adapters.cxone.settings import CXoneSettings
from cxone_provider.adapters.cxone.tokens import parse_token
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    RateLimited,
    SourceUnavailable,
    TransferCancelled,
    UnexpectedAnswer,
)
from tests.fakes.clock import FakeClock
from tests.fakes.cxone_tenant import CLIENT_SECRET, ScriptedTenant, json_answer
from tests.fakes.http_server import Answer, WireRequest, answer

SCOPE = "recording:download recording:read"
GOOD = {"access_token": "t", "expires_in": 3600, "token_type": "Bearer", "scope": SCOPE}
MISSING = object()


def client_of(tenant: ScriptedTenant, clock: FakeClock | None = None, **changes: Any) -> TokenClient:
    return client_with(tenant.settings(**changes), clock or FakeClock())


def client_with(
    settings: CXoneSettings, clock: FakeClock, on_token: Callable[[str], None] | None = None
) -> TokenClient:
    requests = TokenRequests(settings, ApiSessions(settings), clock, on_token)
    return TokenClient(ClientCredentials(requests), clock)


def asked(tenant: ScriptedTenant) -> int:
    return len(tenant.to("/oauth/token"))


def in_threads(count: int, client: TokenClient) -> list[str | ArchiveError]:
    """Ask for a token in `count` threads at once; return each one's token or error."""
    together = threading.Barrier(count)
    results: list[str | ArchiveError] = []

    def work() -> None:
        together.wait(10)
        try:
            results.append(client.token().value)
        except ArchiveError as error:
            results.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@contextmanager
def leading(client: TokenClient, tenant: ScriptedTenant) -> Iterator[Callable[[], None]]:
    """Let a thread ask for a token and hold the answer, a 503, back until the yielded function is called."""
    arrived, go_on = threading.Event(), threading.Event()

    def held_back(request: WireRequest) -> Answer:
        arrived.set()
        go_on.wait(10)
        return answer(503)

    def lead() -> None:
        with contextlib.suppress(KeyboardInterrupt, ArchiveError):
            client.token()

    tenant.token_replies.append(held_back)
    leader = threading.Thread(target=lead)
    leader.start()
    arrived.wait(10)
    yield go_on.set
    leader.join(30)


@contextmanager
def following(count: int, client: TokenClient) -> Iterator[list[str | ArchiveError]]:
    """Let `count` threads wait for a fetch that is under way; yield the list that their results will be in."""
    results: list[str | ArchiveError] = []
    followers = threading.Thread(target=lambda: results.extend(in_threads(count, client)))
    followers.start()
    pending: Any = client._pending
    pause = threading.Event()
    while len(pending._condition._waiters) < count:
        pause.wait(0.002)
    yield results
    followers.join(30)


@pytest.mark.server
def test_the_request_is_the_contracts_and_properly_encoded(tenant: ScriptedTenant) -> None:
    assert client_of(tenant).token().value == "canary-token-1"
    [request] = tenant.server.requests
    assert request.line == "POST /oauth/token HTTP/1.1"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in request.headers
    assert parse_qs(request.body.decode("ascii"), strict_parsing=True, errors="strict") == {
        "grant_type": ["client_credentials"],
        "client_id": ["client-1"],
        "client_secret": [CLIENT_SECRET],
        "scope": [SCOPE],
    }
    assert b"client_secret=canary%26client%2Bsecret%3D%25%2F%C3%A9&" in request.body


@pytest.mark.server
def test_a_token_is_reused_until_thirty_seconds_before_its_end(tenant: ScriptedTenant) -> None:
    clock = FakeClock()
    client = client_of(tenant, clock)
    assert client.token().value == client.token().value == "canary-token-1"
    clock.pass_s(3569)
    assert client.token().value == "canary-token-1"
    clock.pass_s(1)
    assert client.token().value == "canary-token-2"


@pytest.mark.server
@pytest.mark.parametrize("expires_in", [1, 20, 29, 30, 0, -1, None, "soon", True])
def test_a_short_or_unknown_life_does_not_cost_a_token_for_each_request(
    tenant: ScriptedTenant, expires_in: object
) -> None:
    tenant.token_replies.append(json_answer({**GOOD, "expires_in": expires_in}))
    client = client_of(tenant)
    assert {client.token().value for _ in range(10)} == {"t"}
    assert asked(tenant) == 1


@pytest.mark.server
def test_every_new_token_is_told_before_it_is_used(tenant: ScriptedTenant) -> None:
    told: list[str] = []
    settings = tenant.settings()
    client = client_with(settings, FakeClock(), told.append)
    for number in (1, 2):
        assert client.token().value == client.token().value == told[-1]
        assert len(told) == number
        client.invalidate(client.token())


@pytest.mark.server
def test_fifty_threads_ask_once(tenant: ScriptedTenant) -> None:
    assert in_threads(50, client_of(tenant)) == ["canary-token-1"] * 50
    assert asked(tenant) == 1


@pytest.mark.server
def test_fifty_threads_are_refused_once(tenant: ScriptedTenant) -> None:
    tenant.token_replies.extend([json_answer({"error": "invalid_client"}, 401)] * 50)
    results = in_threads(50, client_of(tenant))
    assert [type(result) for result in results] == [AuthenticationFailed] * 50
    assert asked(tenant) == 1


@pytest.mark.server
def test_threads_that_wait_share_a_passing_failure_too(tenant: ScriptedTenant) -> None:
    client = client_of(tenant)
    with leading(client, tenant) as go_on, following(10, client) as results:
        tenant.token_replies.extend([answer(503)] * 50)
        go_on()
    assert [type(result) for result in results] == [SourceUnavailable] * 10
    assert len({id(result) for result in results}) == 10, "threads share one exception and its traceback"
    assert asked(tenant) == 4


@pytest.mark.server
def test_an_interrupted_fetch_leaves_no_thread_waiting(tenant: ScriptedTenant) -> None:
    tenant.token_replies.append(answer(503))
    clock = FakeClock()
    clock.cancelled.set()
    client = client_of(tenant, clock)
    with pytest.raises(TransferCancelled):
        client.token()
    clock.cancelled.clear()
    assert client.token().value == "canary-token-1"


class InterruptedClock(FakeClock):
    """A clock whose first sleep is interrupted by Ctrl-C."""

    def sleep(self, seconds: float) -> None:
        if not self.sleeps:
            self.sleeps.append(seconds)
            raise KeyboardInterrupt
        super().sleep(seconds)


@pytest.mark.server
def test_threads_that_wait_for_an_interrupted_one_fetch_themselves(tenant: ScriptedTenant) -> None:
    client = client_of(tenant, InterruptedClock())
    with leading(client, tenant) as go_on, following(4, client) as results:
        go_on()
    assert results == ["canary-token-1"] * 4


@pytest.mark.server
def test_refused_credentials_rest_for_a_minute(tenant: ScriptedTenant) -> None:
    tenant.token_replies.append(json_answer({"error": "invalid_client"}, 401))
    clock = FakeClock()
    client = client_of(tenant, clock)
    depths = set()
    for _ in range(4):
        with pytest.raises(AuthenticationFailed, match="invalid_client") as raised:
            client.token()
        depths.add(len(raised.traceback))
    assert asked(tenant) == 1
    assert len(depths) == 2, "the kept refusal collects the frames of everyone it is raised to"
    clock.pass_s(60)
    assert client.token().value == "canary-token-1"


@pytest.mark.server
def test_invalidating_drops_only_the_token_that_failed(tenant: ScriptedTenant) -> None:
    client = client_of(tenant)
    first = client.token()
    client.invalidate(first)
    second = client.token()
    client.invalidate(first)
    assert client.token() == second
    assert second.value == "canary-token-2"


@pytest.mark.server
@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_are_final_and_say_why(tenant: ScriptedTenant, status: int) -> None:
    tenant.token_replies.append(json_answer({"error": "invalid_client", "error_description": "who?"}, status))
    clock = FakeClock()
    with pytest.raises(AuthenticationFailed, match=f"{status} .*invalid_client.*who") as raised:
        client_of(tenant, clock).token()
    assert not raised.value.retryable
    assert clock.sleeps == []


@pytest.mark.server
def test_429_waits_as_long_as_asked_and_asks_again(tenant: ScriptedTenant) -> None:
    tenant.token_replies.extend([answer(429, b"", {"Retry-After": "7"}), answer(429)])
    clock = FakeClock()
    assert client_of(tenant, clock).token().value == "canary-token-1"
    assert clock.sleeps == [7.0, 5.0]


@pytest.mark.server
@pytest.mark.parametrize(
    "reply", [answer(500), answer(502), answer(503), answer(200, b"{", declared=50), Answer([], reset=True)]
)
def test_passing_failures_are_repeated_with_backoff(tenant: ScriptedTenant, reply: Answer) -> None:
    tenant.token_replies.extend([reply, reply])
    clock = FakeClock()
    assert client_of(tenant, clock).token().value == "canary-token-1"
    assert clock.sleeps == [0.25, 0.5]


@pytest.mark.server
@pytest.mark.parametrize(
    ("reply", "kind"),
    [(answer(429), RateLimited), (answer(503), SourceUnavailable), (Answer([], close=True), SourceUnavailable)],
)
def test_failures_that_stay_are_raised_after_the_last_try(
    tenant: ScriptedTenant, reply: Answer, kind: type[ArchiveError]
) -> None:
    tenant.token_replies.extend([reply] * 10)
    with pytest.raises(kind) as raised:
        client_of(tenant).token()
    assert raised.value.retryable
    assert asked(tenant) == 4


@pytest.mark.server
@pytest.mark.parametrize(
    "reply",
    [
        answer(204), answer(301, b"", {"Location": "http://127.0.0.2/"}), answer(404, b"<html>"), answer(405),
        answer(410), answer(412), answer(416),
        answer(418),
        answer(200, b"<html>login</html>"), answer(200, b"[]"), answer(200), answer(200, b"\xff"),
        answer(200, b'{"access_token": "canary", "access_token": "canary", "token_type": "Bearer"}'),
        answer(200, b'{"access_token": "canary", "token_type"'),
        answer(200, b" " * (2**20 + 1)), json_answer(GOOD, 200, {"Content-Encoding": "gzip"}),
    ],
)  # fmt: skip
def test_anything_else_is_no_token(tenant: ScriptedTenant, reply: Answer) -> None:
    tenant.token_replies.append(reply)
    with pytest.raises(UnexpectedAnswer) as raised:
        client_of(tenant).token()
    assert "canary" not in f"{raised.value} {raised.value.__cause__} {raised.value.__context__}"
    assert asked(tenant) == 1


@pytest.mark.server
@pytest.mark.parametrize(
    "echo",
    [
        CLIENT_SECRET.encode(),
        b"client_secret=canary%26client%2Bsecret%3D%25%2F%C3%A9&scope=x",
        json.dumps({"sent": CLIENT_SECRET}).encode(),
        json.dumps({"sent": CLIENT_SECRET}, ensure_ascii=False).encode(),
        b"x" * 150 + CLIENT_SECRET.encode(),
    ],
)
@pytest.mark.parametrize("status", [400, 418, 503])
def test_an_error_body_that_echoes_the_secret_is_blanked(tenant: ScriptedTenant, echo: bytes, status: int) -> None:
    tenant.token_replies.extend([answer(status, echo)] * 4)
    with pytest.raises(ArchiveError) as raised:
        client_of(tenant).token()
    assert "canary" not in f"{raised.value} {raised.value!r} {raised.value.found!r} {raised.value.__cause__}"


@pytest.mark.server
def test_a_huge_error_body_is_shown_in_part_and_not_read_whole(tenant: ScriptedTenant) -> None:
    tenant.token_replies.append(answer(400, b"<b>no</b>\x1b[31m" + b"x" * 2**22))
    with pytest.raises(AuthenticationFailed) as raised:
        client_of(tenant).token()
    assert len(str(raised.value)) < 500
    assert str(raised.value).isprintable()


def parsed(**changes: Any) -> Any:
    return parse_token({name: value for name, value in {**GOOD, **changes}.items() if value is not MISSING}, SCOPE)


@pytest.mark.parametrize(
    ("expires_in", "usable_s"),
    [
        (3600, 3570), (3600.5, 3570.5), ("3600", 3570), (61, 31), (60, 30), (40, 20), (20, 10), (1, 0.5),
        (0, 270), (-5, 270),
        (None, 270), (MISSING, 270), (True, 270), ("", 270), ("1e3", 270), ("-1", 270), ("9" * 50, 270),
        ([], 270), ({}, 270),
        (10**400, 86370), (1e300, 86370), (2**63, 86370),
    ],
)  # fmt: skip
def test_reads_how_long_a_token_may_be_used(expires_in: object, usable_s: float) -> None:
    assert parsed(expires_in=expires_in).usable_s == usable_s


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
def test_a_bearer_token_is_one_in_any_case(kind: str) -> None:
    assert parsed(token_type=kind).value == "t"


@pytest.mark.parametrize("kind", ["mac", "DPoP", "", None, MISSING, 1, ["Bearer"], "Bearer\n"])
def test_another_kind_of_token_is_refused(kind: object) -> None:
    with pytest.raises(UnexpectedAnswer, match="token_type"):
        parsed(token_type=kind)


@pytest.mark.parametrize("value", ["", None, MISSING, 1, [], "a b", "a\r\nX: y", "ä", "a\0", "x" * 16385, " "])
def test_what_cannot_be_a_token_is_refused_and_not_shown(value: object) -> None:
    with pytest.raises(UnexpectedAnswer, match="access_token") as raised:
        parsed(access_token=value)
    assert "xxx" not in str(raised.value)


@pytest.mark.parametrize("scope", [SCOPE, "recording:read recording:download other", "", None, MISSING])
def test_enough_scope_is_enough(scope: object) -> None:
    assert parsed(scope=scope).value == "t"


@pytest.mark.parametrize(
    ("scope", "missing"),
    [
        ("recording:read", "recording:download"),
        ("recording:download", "recording:read"),
        ("other", "recording:download recording:read"),
        ("recording:reader recording:download", "recording:read"),
    ],
)
def test_a_missing_scope_is_named(scope: str, missing: str) -> None:
    with pytest.raises(AccessDenied, match=f"expected {missing}"):
        parsed(scope=scope)


def test_scopes_nobody_asked_for_are_not_missed() -> None:
    assert parse_token({**GOOD, "scope": "recording:read"}, "recording:read openid").value == "t"


@pytest.mark.parametrize("scope", [1, True, ["recording:read"], {}])
def test_a_scope_that_is_no_text_is_refused(scope: object) -> None:
    with pytest.raises(UnexpectedAnswer, match="scope"):
        parsed(scope=scope)


def test_a_tokens_text_does_not_show_it() -> None:
    assert "canary" not in repr(parsed(access_token="canary"))


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "other"]), st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    )
)
def test_any_document_is_a_token_or_a_typed_error(document: dict[str, Any]) -> None:
    try:
        token = parse_token(document, SCOPE)
    except (UnexpectedAnswer, AccessDenied):
        return
    assert 0 < token.usable_s <= 24 * 3600
