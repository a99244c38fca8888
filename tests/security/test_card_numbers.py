"""Payment card numbers in metadata and in what the tenant answers: in no log at DEBUG, in no webhook, in no error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.row import AUDIO
from tests.security.cards import luhn_digit
from tests.security.listening import listening
from tests.security.world import World, world_of
from tools.servers.seaweedfs import S3Server

pytestmark = [pytest.mark.server, pytest.mark.filterwarnings("ignore")]  # Great Expectations warns

NUMBERS = [start + "7" * (size - len(start) - 1) for size in range(13, 20) for start in ("4", "51", "340", "6011")]
CARDS = [digits + luhn_digit(digits) for digits in NUMBERS]
GROUPED = " ".join(re.findall("....", CARDS[12]))
METADATA: dict[str, Any] = {
    "note": f"paid with {GROUPED}",
    "numbers": CARDS,
    "nested": {"card": CARDS[0], CARDS[1]: "as a name"},
    "as a number": int(CARDS[12]),
    **{f"field {number}": card for number, card in enumerate(CARDS)},
}


@pytest.fixture
def world(moto_server: S3Server) -> Iterator[World]:
    with world_of(moto_server, None) as made:
        made.metadata = METADATA
        made.tenant.add_recording("call-1", AUDIO / "one-second.mp3")
        yield made


def seen(content: bytes | str) -> list[str]:
    """Return the card numbers in a text, its separators aside."""
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    return [card for card in CARDS if card in text or " ".join(re.findall("....", card)) in text]


@pytest.mark.parametrize(
    "fault",
    [
        None,
        {"fault": "status", "on": "metadata", "status": 403, "body": f"denied: {CARDS[0]}"},
        {"fault": "status", "on": "media", "status": 404, "body": f"no {GROUPED}"},
        {"fault": "override_fields", "on": "metadata", "fields": {"status": CARDS[2]}},
        {"fault": "override_fields", "on": "metadata", "fields": {"storageState": GROUPED}},
        {"fault": "override_fields", "on": "metadata", "fields": {"size": int(CARDS[12])}},
        {"fault": "headers", "set": {"Content-Type": f"text/html; n={CARDS[3]}"}},
    ],
    ids=lambda fault: "none" if fault is None else f"{fault['fault']} {fault.get('on', 'media')}",
)
def test_no_card_number_is_logged_or_announced(world: World, fault: dict[str, Any] | None) -> None:
    if fault is not None:
        world.tenant.script("call-1", [{**fault, "times": "always"}])
    with listening() as listener:
        [ended] = world.run("call-1", f"cards-{len(json.dumps(fault))}")
    assert ended.endswith("announced")
    for name, content in listener.places().items():
        assert (name, seen(content)) == (name, [])
    [announced] = world.tenant.webhooks
    assert seen(announced.body) == []
    for name in ("audit logs", "report", "findings", "verification"):
        assert (name, seen(world.left.get(name, b""))) == (name, [])


def test_the_manifest_keeps_metadata_as_it_was_listed(world: World) -> None:
    world.run("call-1", "kept-cards")
    [manifest] = [body for key, body in world.bucket_content("kept-cards").items() if "/manifests/" in key]
    assert seen(manifest), "what must not be archived has to be left out of the list"


def test_an_id_that_looks_like_a_card_number_stays_a_key(world: World) -> None:
    world.tenant.add_recording(CARDS[12], AUDIO / "one-second.mp3")
    assert world.run(CARDS[12], "ids") == ["ARCHIVED, announced"]
    assert json.loads(world.tenant.webhooks[-1].body)["recording_id"] == CARDS[12]
    assert any(key.endswith(f"/manifests/{CARDS[12]}.json") for key in world.bucket_content("ids"))
