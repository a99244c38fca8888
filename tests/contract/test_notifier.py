"""What every Notifier does, whatever is behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from cxone_provider.adapters.addresses import AllowList
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.adapters.webhook import WebhookNotifier
from cxone_provider.adapters.webhook_settings import WebhookSettings
from cxone_provider.archive.errors import DeliveryFailed, DeliveryRefused
from cxone_provider.archive.ports import Notifier
from tests.fakes.clock import FakeClock
from tests.fakes.notifier import Answer, FakeNotifier, Posted
from tests.fakes.receiver import Answer as Scripted
from tests.fakes.receiver import receiving

ATTEMPTS = 4
BODY = b'{"recording_id":"r-1"}'


@dataclass(frozen=True, slots=True)
class Stage:
    """A notifier and what its receiver saw."""

    notifier: Notifier
    clock: FakeClock
    posted: Callable[[], Sequence[Posted]]


Staging = Callable[..., Stage]


def _fake(_stack: ExitStack, *answers: Answer) -> Stage:
    clock = FakeClock()
    notifier = FakeNotifier(*answers, attempts=ATTEMPTS, clock=clock)
    return Stage(notifier, clock, lambda: notifier.posted)


def _real(stack: ExitStack, *answers: Answer) -> Stage:
    scripted = [Scripted(manner="reset") if answer == "broken" else Scripted(answer) for answer in answers]
    receiver = stack.enter_context(receiving(*scripted))
    clock = FakeClock()
    settings = WebhookSettings(
        f"{receiver.url}/hook", allowed=AllowList.parse("127.0.0.1"), retry=RetryPolicy(attempts=ATTEMPTS)
    )
    return Stage(
        WebhookNotifier(settings, clock),
        clock,
        lambda: [Posted(request.headers["webhook-id"], request.body) for request in receiver.requests],
    )


@pytest.fixture(params=[_fake, _real], ids=["fake", "webhook"])
def staging(request: pytest.FixtureRequest) -> Iterator[Staging]:
    with ExitStack() as stack:
        yield lambda *answers: request.param(stack, *answers)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered_at_once(staging: Staging, status: int) -> None:
    stage = staging(status)
    delivery = stage.notifier.deliver("msg_1", BODY)
    assert (delivery.status_code, delivery.attempts, delivery.delivered_at) == (status, 1, stage.clock.now())
    assert stage.posted() == [Posted("msg_1", BODY)]


@pytest.mark.parametrize("trouble", [408, 425, 429, 500, 502, 503, 504, 599, "broken"])
def test_what_may_pass_is_tried_again_with_the_same_id_and_bytes(staging: Staging, trouble: Answer) -> None:
    stage = staging(trouble, trouble, 200)
    delivery = stage.notifier.deliver("msg_1", BODY)
    assert (delivery.status_code, delivery.attempts) == (200, 3)
    assert stage.posted() == [Posted("msg_1", BODY)] * 3


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 409, 413, 422])
def test_any_other_status_ends_the_delivery_at_once(staging: Staging, status: int) -> None:
    stage = staging(status)
    with pytest.raises(DeliveryRefused, match=str(status)) as refused:
        stage.notifier.deliver("msg_1", BODY)
    assert not refused.value.retryable
    assert len(stage.posted()) == 1


def test_tries_are_bounded(staging: Staging) -> None:
    stage = staging(*[503] * 50)
    with pytest.raises(DeliveryFailed, match="503") as failed:
        stage.notifier.deliver("msg_1", BODY)
    assert failed.value.retryable
    assert len(stage.posted()) == ATTEMPTS


def test_a_refusal_ends_repeats_too(staging: Staging) -> None:
    stage = staging(500, 400)
    with pytest.raises(DeliveryRefused, match="400"):
        stage.notifier.deliver("msg_1", BODY)
    assert len(stage.posted()) == 2


def test_a_receiver_that_is_gone_is_not_called_again(staging: Staging) -> None:
    stage = staging(410)
    for webhook_id in ("msg_1", "msg_2", "msg_1"):
        with pytest.raises(DeliveryRefused, match="410"):
            stage.notifier.deliver(webhook_id, BODY)
    assert stage.posted() == [Posted("msg_1", BODY)]


def test_one_refused_event_does_not_stop_the_next(staging: Staging) -> None:
    stage = staging(400, 200)
    with pytest.raises(DeliveryRefused):
        stage.notifier.deliver("msg_1", BODY)
    assert stage.notifier.deliver("msg_2", BODY).status_code == 200


def test_threads_deliver_side_by_side(staging: Staging) -> None:
    stage = staging(503, 200, 500)
    ids = [f"msg_{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        deliveries = list(pool.map(lambda webhook_id: stage.notifier.deliver(webhook_id, BODY), ids))
    assert all(200 <= delivery.status_code < 300 for delivery in deliveries)
    assert {post.webhook_id for post in stage.posted()} == set(ids)
    assert len(stage.posted()) == len(ids) + 2
