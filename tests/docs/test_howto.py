"""The how-tos' code does what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pendulum
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from cxone_provider.adapters.quality.recordings import check_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.notification import announcement_of, sign
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.recording import Outcome
from tests.docs.snippets import snippet

SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
NOW = pendulum.datetime(2026, 11, 23, 6)
NOW_S = int(NOW.timestamp())
EVENT = announcement_of(
    AuditLog(
        "4711", Outcome.ARCHIVED, NOW, NOW, s3_uri="s3://a/cxone/recordings/date=unknown/4711.mp3",
        manifest_uri="s3://a/cxone/manifests/4711.json", sha256="0" * 64,
    ).to_document()
)  # fmt: skip


def code_of(document: str, name: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(snippet(f"docs/howto/{document}", name), namespace)  # the document's own code is what is tested
    return namespace


def headers_of(secret: str, sent_at_s: int = NOW_S) -> dict[str, str]:
    """Return what the archive's notifier sends."""
    return {
        "webhook-id": EVENT.webhook_id,
        "webhook-timestamp": str(sent_at_s),
        "webhook-signature": sign(secret, EVENT.webhook_id, sent_at_s, EVENT.body),
    }


@pytest.mark.parametrize("secret", [SECRET, "plain text", f"{SECRET} rotated-in"])
def test_the_receiver_takes_an_event_once(secret: str) -> None:
    received, seen = code_of("webhook.md", "receiver")["received"], set[str]()
    first = received(headers_of(secret), EVENT.body, secret=secret, seen=seen, now_s=NOW_S)
    again = received(headers_of(secret, NOW_S + 60), EVENT.body, secret=secret, seen=seen, now_s=NOW_S + 60)
    assert first["recording_id"] == "4711"
    assert again is None


def test_the_receiver_takes_what_the_schemes_own_library_signs() -> None:
    received = code_of("webhook.md", "receiver")["received"]
    signature = Webhook(SECRET).sign(EVENT.webhook_id, NOW, EVENT.body.decode())
    headers = {**headers_of("another"), "webhook-signature": signature}
    assert received(headers, EVENT.body, secret=SECRET, seen=set(), now_s=NOW_S)["success"] is True


@pytest.mark.parametrize(
    ("secret", "sent_at_s", "body", "cause"),
    [
        ("another", NOW_S, EVENT.body, "signature"),
        (SECRET, NOW_S, EVENT.body + b" ", "signature"),
        (SECRET, NOW_S - 301, EVENT.body, "timestamp"),
        (SECRET, NOW_S + 301, EVENT.body, "timestamp"),
    ],
)
def test_the_receiver_refuses_everything_else(secret: str, sent_at_s: int, body: bytes, cause: str) -> None:
    code, seen = code_of("webhook.md", "receiver"), set[str]()
    with pytest.raises(code["Refused"], match=cause):
        code["received"](headers_of(secret, sent_at_s), body, secret=SECRET, seen=seen, now_s=NOW_S)
    assert seen == set()


def test_the_library_takes_what_the_archive_signs() -> None:
    verified = code_of("webhook.md", "library")["verified"]
    now_s = int(pendulum.now("UTC").timestamp())  # the library asks the machine's clock
    headers = headers_of(SECRET, now_s)
    assert verified(headers, EVENT.body.decode(), secret=SECRET)["outcome"] == "ARCHIVED"
    with pytest.raises(WebhookVerificationError):
        verified(headers, EVENT.body.decode() + " ", secret=SECRET)


def test_a_rule_of_ones_own_rejects_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "our_recordings.json"
    code_of("own-rules.md", "suite")["with_own_rule"](path)
    row = {
        "recording_id": "short", "status": "completed", "storage_state": "available", "format": "mp3",
        "transcode_to": None, "size_bytes": 1000, "duration_s": 1.5, "age_s": 60.0,
    }  # fmt: skip
    report = check_recordings([row, {**row, "recording_id": "long", "duration_s": 60.0}], ArchivePolicy(), NOW, path)
    assert {name: [reason.rule for reason in reasons] for name, reasons in report.reasons.items()} == {
        "short": ["no_misdials"]
    }
    assert json.loads(path.read_text())["name"] == "our_recordings"
