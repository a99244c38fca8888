"""The webhook against a receiver that is sometimes slow, huge, confused, malicious or gone."""

from __future__ import annotations

import base64
import logging
import random
import threading
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pendulum
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from cxone_provider.adapters.addresses import AllowList, Endpoint, Resolver, resolve
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.adapters.webhook import WebhookNotifier
from cxone_provider.adapters.webhook_settings import WebhookSettings
from cxone_provider.archive.errors import (
    DeliveryFailed,
    DeliveryRefused,
    InvalidSetting,
    NotificationError,
    TransferCancelled,
)
from tests.fakes.certificates import Authority
from tests.fakes.clock import FakeClock
from tests.fakes.receiver import Answer, Received, Receiver, receiving

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
BODY = b'{"recording_id":"r-1"}'
ONCE = RetryPolicy(attempts=1)


def clock_now() -> FakeClock:
    """Return a clock that starts now: the oracle compares timestamps with the machine's."""
    return FakeClock(pendulum.now("UTC").format("YYYY-MM-DDTHH:mm:ss[Z]"))


def notifier(
    receiver: Receiver, clock: FakeClock | None = None, *, resolver: Resolver = resolve, **changes: Any
) -> WebhookNotifier:
    fields = {"secret": SECRET, "allowed": AllowList.parse("127.0.0.1"), "timeout_s": 5.0, "retry": ONCE, **changes}
    settings = WebhookSettings(f"{receiver.url}/hooks/archive", **fields)
    return WebhookNotifier(settings, clock or clock_now(), resolver=resolver)


def verified(request: Received, secret: str = SECRET) -> bool:
    try:
        Webhook(secret).verify(request.body, dict(request.headers), json_parse=False)
    except WebhookVerificationError:
        return False
    return True


def test_the_request_is_the_contracts() -> None:
    with receiving() as receiver:
        notifier(receiver, headers={"X-Api-Key": "k", "User-Agent": "ours"}).deliver("msg_1", BODY)
    [request] = receiver.requests
    assert (request.method, request.target, request.body) == ("POST", "/hooks/archive", BODY)
    expected = {
        "content-type": "application/json",
        "x-stream-source": "cxone-recording-streamer",
        "webhook-id": "msg_1",
        "x-api-key": "k",
        "user-agent": "ours",
        "accept-encoding": "identity",
        "host": f"127.0.0.1:{receiver.port}",
        "content-length": str(len(BODY)),
    }
    assert {name: request.headers.get(name) for name in expected} == expected
    assert verified(request)


def test_without_a_secret_nothing_is_signed_but_the_event_has_its_id() -> None:
    with receiving() as receiver:
        notifier(receiver, secret="").deliver("msg_1", BODY)
    assert "webhook-signature" not in receiver.requests[0].headers
    assert receiver.requests[0].headers["webhook-id"] == "msg_1"
    assert receiver.requests[0].headers["webhook-timestamp"].isdecimal()


def test_while_secrets_are_rotated_receivers_with_either_one_accept() -> None:
    second = f"whsec_{base64.b64encode(b'another key of the receiver').decode()}"
    with receiving() as receiver:
        notifier(receiver, secret=f"{SECRET} {second}").deliver("msg_1", BODY)
    [request] = receiver.requests
    assert verified(request, SECRET)
    assert verified(request, second)
    assert not verified(request, f"whsec_{base64.b64encode(b'a stranger').decode()}")


def test_each_repeat_has_its_own_time_and_signature() -> None:
    clock = clock_now()
    with receiving(Answer(503), Answer(503, {"Retry-After": "7"})) as receiver:
        policy = RetryPolicy(attempts=3, base_delay_s=4.0, random=lambda: 0.5)
        delivery = notifier(receiver, clock, retry=policy).deliver("msg_1", BODY)
    assert (delivery.attempts, clock.sleeps) == (3, [2.0, 7.0])
    first, second, third = receiver.requests
    assert {request.headers["webhook-id"] for request in receiver.requests} == {"msg_1"}
    assert {request.body for request in receiver.requests} == {BODY}
    began = int(first.headers["webhook-timestamp"])
    assert [int(request.headers["webhook-timestamp"]) - began for request in (first, second, third)] == [0, 2, 9]
    assert all(verified(request) for request in receiver.requests)
    assert len({request.headers["webhook-signature"] for request in receiver.requests}) == 3


@pytest.mark.parametrize(
    ("retry_after", "waited_s"),
    [
        ("3", 3.0),
        ("0", 0.0),
        ("99999999999999999999", 60.0),
        ("Sun, 22 Nov 2026 06:00:20 GMT", 20.0),
        ("Sunday, 22-Nov-26 06:00:20 GMT", 20.0),
        ("Sun Nov 22 06:00:20 2026", 20.0),
        ("Mon, 23 Nov 2026 06:00:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 06:00:00 GMT", 0.0),
        ("-5", 1.0),
        ("soon", 1.0),
    ],
)
def test_the_receivers_own_wait_is_honoured_within_limits(retry_after: str, waited_s: float) -> None:
    clock = FakeClock("2026-11-22T06:00:00Z")
    policy = RetryPolicy(attempts=2, base_delay_s=1.0, max_retry_after_s=60.0, random=lambda: 1.0)
    with receiving(Answer(429, {"Retry-After": retry_after})) as receiver:
        notifier(receiver, clock, retry=policy).deliver("msg_1", BODY)
    assert clock.sleeps == [waited_s]


def test_a_delivery_ends_when_its_time_is_over() -> None:
    clock = clock_now()
    policy = RetryPolicy(attempts=100, base_delay_s=10.0, max_delay_s=10.0, deadline_s=35.0, random=lambda: 1.0)
    with receiving(*[Answer(500)] * 100) as receiver, pytest.raises(DeliveryFailed, match="500"):
        notifier(receiver, clock, retry=policy).deliver("msg_1", BODY)
    assert clock.sleeps == [10.0, 10.0, 10.0]
    assert len(receiver.requests) == 4


def test_a_cancelled_task_does_not_wait_for_the_receiver() -> None:
    clock = clock_now()
    clock.cancelled.set()
    with receiving(Answer(500)) as receiver, pytest.raises(TransferCancelled):
        notifier(receiver, clock, retry=RetryPolicy(attempts=5)).deliver("msg_1", BODY)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with receiving() as other:
        moved = Answer(status, {"Location": f"{other.url}/in"}, b"moved")
        with receiving(moved) as receiver, pytest.raises(DeliveryRefused, match=f"{status} moved.*final address"):
            notifier(receiver).deliver("msg_1", BODY)
    assert other.connections == 0


def test_a_chunk_of_negative_size_is_not_read_to_its_end() -> None:
    raw = b"HTTP/1.1 500 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + b"x" * 40 * 2**20
    with receiving(Answer(raw=raw)) as receiver:
        tracemalloc.start()
        with pytest.raises(DeliveryFailed, match="500 xxx"):
            notifier(receiver, max_reply_bytes=1000).deliver("msg_1", BODY)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak_bytes < 4 * 2**20


@pytest.mark.parametrize("status", [200, 302, 400, 503])
def test_an_endless_reply_is_read_to_its_limit(status: int) -> None:
    began_s = time.monotonic()
    with receiving(Answer(status, {"Location": "/x"}, manner="endless")) as receiver:
        if status == 200:
            notifier(receiver).deliver("msg_1", BODY)
        else:
            with pytest.raises(NotificationError) as failed:
                notifier(receiver).deliver("msg_1", BODY)
            assert len(str(failed.value)) < 1000
    assert receiver.sent_bytes < 16 * 2**20  # what fits into both sockets' buffers
    assert time.monotonic() - began_s < 4


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(manner="silent"), DeliveryFailed),
        (Answer(200, manner="drip-head"), DeliveryFailed),
        (Answer(503, manner="drip-body"), DeliveryFailed),
        (Answer(400, manner="drip-body"), DeliveryRefused),
        (Answer(200, manner="drip-body"), None),
    ],
    ids=["silent", "head", "body of 503", "body of 400", "body of 200"],
)
def test_a_slow_reply_is_cut(answer: Answer, error: type[NotificationError] | None) -> None:
    began_s = time.monotonic()
    with receiving(answer) as receiver:
        if error is None:
            assert notifier(receiver, timeout_s=0.3).deliver("msg_1", BODY).status_code == 200
        else:
            with pytest.raises(error):
                notifier(receiver, timeout_s=0.3).deliver("msg_1", BODY)
    assert time.monotonic() - began_s < 3


def test_a_slow_lookup_uses_up_the_time_of_the_request() -> None:
    def slowly(host: str, port: int) -> Sequence[Endpoint]:
        threading.Event().wait(0.3)
        return resolve(host, port)

    with receiving() as receiver, pytest.raises(DeliveryFailed, match=r"no answer within 0\.1 s"):
        notifier(receiver, timeout_s=0.1, resolver=slowly).deliver("msg_1", BODY)
    assert receiver.requests == []


def test_a_slow_reply_is_cut_through_tls_too(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with receiving(Answer(200, manner="drip-head"), tls=authority.server("127.0.0.1")) as receiver:
        sender = notifier(receiver, timeout_s=0.3, ca_bundle=str(authority.bundle))
        with pytest.raises(DeliveryFailed, match=r"no answer within 0\.3 s"):
            sender.deliver("msg_1", BODY)
        assert sender.deliver("msg_1", BODY).status_code == 204


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\n", b"garbage\r\n\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n", b"HTTP/9.9 500 \xff\xfe\r\n\r\n", b"\x00" * 70_000,
        b"HTTP/1.1 200 " + b"x" * 70_000,
        b"HTTP/1.1 500 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", b"HTTP/1.1 500 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 500 OK\r\nContent-Length: -1\r\n\r\nx", b"HTTP/1.1 500 OK\r\nContent-Length: a\r\n\r\nx",
        b"HTTP/1.1 500 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxyz",
        b"HTTP/1.1 500 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx",
        b"HTTP/1.1 500 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx",
        b"HTTP/1.1 500 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nx", b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 500 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8bnonsense", b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 500 OK\r\nRetry-After: \xff\xff\r\n\r\n", b"HTTP/1.1 500 OK\r\nno colon\r\n\r\n",
    ],
    ids=lambda raw: repr(raw[:40]),
)  # fmt: skip
def test_a_confused_receiver_gives_a_named_error(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    with receiving(Answer(raw=raw)) as receiver, pytest.raises(NotificationError) as failed:
        notifier(receiver).deliver("msg_1", BODY)
    assert str(failed.value).isprintable()


def test_a_refusal_shows_a_bounded_escaped_piece_of_the_reply() -> None:
    body = b"\x1b[31mforged\r\n[2026-11-23] INFO archived\x00" + "ü€".encode() + b"\xff" + b"A" * 5000
    with receiving(Answer(422, body=body)) as receiver, pytest.raises(DeliveryRefused) as refused:
        notifier(receiver).deliver("msg_1", BODY)
    message = str(refused.value)
    assert message.isprintable()
    assert "422 \\x1b[31mforged\\r\\n[2026" in message
    assert len(message) < 600
    assert receiver.url in message


@pytest.mark.parametrize("status", [400, 500])
def test_no_secret_is_shown_even_when_the_receiver_echoes_it(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    canaries: dict[str, Any] = {"secret": "canary-signing-secret", "headers": {"Authorization": "Bearer canary-token"}}
    echo = b"bad canary-token for Bearer canary-token at /hooks/archive, signed canary-signing-secret"
    with receiving(Answer(status, body=echo)) as receiver, pytest.raises(NotificationError) as failed:
        notifier(receiver, **canaries).deliver("msg_1", BODY)
    shown = "".join(traceback.format_exception(failed.value)) + repr(failed.value) + caplog.text
    assert "canary" not in shown
    assert "bad *** for ***" in str(failed.value)


def test_a_broken_connection_shows_no_path(caplog: pytest.LogCaptureFixture) -> None:
    with receiving(Answer(manner="reset")) as receiver, pytest.raises(DeliveryFailed) as failed:
        notifier(receiver).deliver("msg_1", BODY)
    chain: BaseException | None = failed.value
    while chain is not None:
        assert "/hooks/archive" not in f"{chain}{chain!r}"
        chain = chain.__cause__ or chain.__context__


def test_tls_is_verified_against_the_given_bundle_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with receiving(tls=authority.server("127.0.0.1")) as receiver:
        assert notifier(receiver, ca_bundle=str(authority.bundle)).deliver("msg_1", BODY).status_code == 204
        with pytest.raises(DeliveryFailed, match="certificate verify failed"):
            notifier(receiver).deliver("msg_1", BODY)
    assert len(receiver.requests) == 1


def test_a_bundle_that_is_not_there_is_told_before_the_first_request(tmp_path: Path) -> None:
    with receiving() as receiver, pytest.raises(InvalidSetting, match=r"missing\.pem"):
        notifier(receiver, ca_bundle=str(tmp_path / "missing.pem"))


def test_the_environments_proxies_and_netrc_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password canary\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        notifier(receiver).deliver("msg_1", BODY)
    assert proxy.connections == 0
    assert "authorization" not in receiver.requests[0].headers


def test_a_configured_proxy_gets_the_request() -> None:
    with receiving(Answer(200)) as proxy, receiving() as receiver:
        delivery = notifier(receiver, proxies={"http": proxy.url}).deliver("msg_1", BODY)
    assert delivery.status_code == 200
    assert [request.target for request in proxy.requests] == [f"{receiver.url}/hooks/archive"]
    assert receiver.connections == 0


def _faults(rng: random.Random, deliveries: int, share: float) -> list[Answer]:
    faults = (
        Answer(500), Answer(502, body=b"bad gateway"), Answer(429, {"Retry-After": "1"}), Answer(408),
        Answer(manner="reset"), Answer(raw=b"garbage\r\n"), Answer(raw=b""),
    )  # fmt: skip
    return [rng.choice(faults) if rng.random() < share else Answer(rng.choice((200, 202, 204)))
            for _ in range(3 * deliveries)]  # fmt: skip


def soak(deliveries: int, seed: int, share: float = 0.3) -> Mapping[str, int]:
    """Deliver `deliveries` events to a receiver that fails `share` of its answers; return what it counted."""
    policy = RetryPolicy(attempts=40, base_delay_s=0.0, deadline_s=86_400)
    with receiving(*_faults(random.Random(seed), deliveries, share)) as receiver:
        for number in range(deliveries):
            notifier(receiver, clock_now(), retry=policy).deliver(f"msg_{number}", b'{"n":%d}' % number)
    assert all(verified(request) for request in receiver.requests)
    assert all(
        request.body == b'{"n":%s}' % request.headers["webhook-id"][4:].encode() for request in receiver.requests
    )
    return Counter(request.headers["webhook-id"] for request in receiver.requests)


@pytest.mark.parametrize("deliveries", [60, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_every_event_arrives_signed_however_often_it_takes(deliveries: int) -> None:
    seen = soak(deliveries, seed=20261123)
    assert set(seen) == {f"msg_{number}" for number in range(deliveries)}
    assert sum(seen.values()) > deliveries * 1.2
