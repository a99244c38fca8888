"""Announcements: one event, one id, one body; receipts; signatures that the scheme's own library verifies."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from cxone_provider.archive.audit import AuditEntry, AuditError, AuditLog
from cxone_provider.archive.errors import DeliveryFailed, InvalidDocument, InvalidInput, StoreUnavailable
from cxone_provider.archive.notification import (
    MAX_BODY_BYTES,
    Receipt,
    announce,
    announcement_of,
    sign,
)
from cxone_provider.archive.recording import Outcome
from tests.fakes.clock import FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.store import FakeStore

AT = pendulum.datetime(2026, 11, 22, 6, 0, 1, 500_000)
RECEIPT_KEY = "cxone/receipts/r-1.json"


def entry(index: int) -> AuditEntry:
    return AuditEntry(AT, index, 262_144, "0-262143", "success", 1, 12.5, "ab" * 32, "verified")


def log(outcome: Outcome = Outcome.ARCHIVED, **changes: Any) -> dict[str, Any]:
    archived = outcome in {Outcome.ARCHIVED, Outcome.ALREADY_ARCHIVED}
    stored: dict[str, Any] = {
        "s3_uri": "s3://archive/cxone/recordings/date=2026-11-22/r-1.mp3",
        "manifest_uri": "s3://archive/cxone/manifests/r-1.json",
        "audit_uri": "s3://archive/cxone/audit/r-1.jsonl",
        "audit_head": "cd" * 32,
        "sha256": "ef" * 32,
        "total_bytes": 524_288,
        "chunks_processed": 2,
        "entries": (entry(0), entry(1)),
    }
    fields = {"started_at": AT, "finished_at": AT, "latency_ms": 31.25, **(stored if archived else {}), **changes}
    return AuditLog("r-1", outcome, **fields).to_document()


def body_of(audit_log: Mapping[str, Any]) -> dict[str, Any]:
    body = json.loads(announcement_of(audit_log).body)
    assert isinstance(body, dict)
    return body


def id_of(audit_log: Mapping[str, Any]) -> str:
    return announcement_of(audit_log).webhook_id


def test_the_body_is_the_contracts() -> None:
    assert body_of(log()) == {
        "schema": "cxone.archive-notification/1",
        "recording_id": "r-1",
        "outcome": "ARCHIVED",
        "success": True,
        "timestamp": "2026-11-22T06:00:01.500000Z",
        "total_bytes": 524_288,
        "chunks_processed": 2,
        "latency_ms": 31.25,
        "s3_uri": "s3://archive/cxone/recordings/date=2026-11-22/r-1.mp3",
        "manifest_uri": "s3://archive/cxone/manifests/r-1.json",
        "audit_uri": "s3://archive/cxone/audit/r-1.jsonl",
        "audit_head": "cd" * 32,
        "sha256": "ef" * 32,
        "audit_entries": [entry(0).to_document(), entry(1).to_document()],
    }


def test_the_body_is_canonical() -> None:
    body = announcement_of(log()).body
    assert body == json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    shuffled = dict(sorted(log().items(), reverse=True))
    assert announcement_of(shuffled) == announcement_of(log())


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.READY])
def test_every_outcome_is_announced(outcome: Outcome) -> None:
    body = body_of(log(outcome))
    assert (body["outcome"], body["success"]) == (str(outcome), "ARCHIVED" in outcome)


def test_entries_that_make_it_too_large_are_left_out_and_counted() -> None:
    many = tuple(entry(index) for index in range(2000))
    announcement = announcement_of(log(entries=many, entries_omitted=5))
    body = json.loads(announcement.body)
    assert len(announcement.body) <= MAX_BODY_BYTES
    assert (body["audit_entries"], body["audit_entries_omitted"]) == ([], 2005)
    assert body["audit_uri"] == "s3://archive/cxone/audit/r-1.jsonl"


def test_the_limit_is_met_exactly() -> None:
    def size(count: int) -> int:
        return len(announcement_of(log(entries=tuple(entry(0) for _ in range(count)))).body)

    per_entry = size(2) - size(1)
    most = (MAX_BODY_BYTES - size(0)) // per_entry
    assert MAX_BODY_BYTES - per_entry < size(most) <= MAX_BODY_BYTES
    assert size(most + 1) < 2000


def test_entries_that_the_audit_log_left_out_stay_counted() -> None:
    assert body_of(log(entries=(), entries_omitted=4096))["audit_entries_omitted"] == 4096


def test_nothing_but_the_contracts_fields_leaves_the_archive() -> None:
    canary = "+49 151 4111111111111111 Jane Doe"
    document = {
        **log(Outcome.FAILED, error=AuditError("ShortBody", canary), entries=(entry(0),)),
        "metadata": {"ani": canary},
        "agent": canary,
    }
    document["audit_entries"][0]["note"] = canary
    body = announcement_of(document).body.decode()
    assert "4111111111111111" not in body
    assert "Jane" not in body


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "cxone.audit-log/2"}, {"recording_id": 7}, {"outcome": "LOST"}, {"finished_at": None},
        {"latency_ms": float("nan")}, {"latency_ms": "fast"}, {"total_bytes": -1}, {"audit_entries": None},
        {"audit_entries": [{"chunk_index": 0}]}, {"s3_uri": 7}, {"audit_uri": "s3://archive/" + "x" * MAX_BODY_BYTES},
    ],
)  # fmt: skip
def test_documents_that_are_no_audit_log_are_refused(changes: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidDocument):
        announcement_of({**log(), **changes})


def test_archived_now_or_by_an_earlier_try_is_one_event() -> None:
    later = log(Outcome.ALREADY_ARCHIVED, entries=(), latency_ms=1.0, finished_at=AT.add(days=3), chunks_processed=0)
    assert id_of(log()) == id_of(later)


@pytest.mark.parametrize(
    "other",
    [
        log(sha256="00" * 32),
        log(s3_uri="s3://archive/cxone/recordings/date=unknown/r-1.mp3"),
        log(manifest_uri="s3://archive/elsewhere/manifests/r-1.json"),
        {**log(), "recording_id": "r-2"},
        log(Outcome.FAILED),
        log(Outcome.FAILED, error=AuditError("ShortBody", "m")),
        log(Outcome.REJECTED),
        log(Outcome.NOT_FOUND),
        log(Outcome.DELETED),
    ],
)
def test_another_event_has_another_id(other: Mapping[str, Any]) -> None:
    assert id_of(other) != id_of(log())


def test_failures_of_one_kind_are_one_event_whatever_they_say() -> None:
    first = log(Outcome.FAILED, error=AuditError("ShortBody", "found 7, expected 8"))
    again = log(Outcome.FAILED, error=AuditError("ShortBody", "found 5, expected 8"), finished_at=AT.add(hours=1))
    other = log(Outcome.FAILED, error=AuditError("StoreRefused", "no bucket"))
    assert id_of(first) == id_of(again) != id_of(other)


@given(st.text(max_size=200), st.sampled_from(Outcome), st.none() | st.text(max_size=40))
def test_an_id_fits_the_scheme_whatever_the_recording_is_called(name: str, outcome: Outcome, error: str | None) -> None:
    document = log(outcome, error=None if error is None else AuditError(error, ""))
    webhook_id = id_of({**document, "recording_id": name})
    assert webhook_id.startswith("msg_")
    assert webhook_id.isascii()
    assert webhook_id.removeprefix("msg_").isalnum()
    assert len(webhook_id) == 36


keys = st.binary(min_size=1, max_size=64)
bodies = st.text(max_size=300).map(str.encode)


def _headers(webhook_id: str, timestamp_s: int, signature: str) -> dict[str, str]:
    return {"webhook-id": webhook_id, "webhook-timestamp": str(timestamp_s), "webhook-signature": signature}


@given(keys, bodies)
def test_the_schemes_own_library_verifies(key: bytes, body: bytes) -> None:
    encoded = base64.b64encode(key).decode()
    timestamp_s = pendulum.now("UTC").int_timestamp
    for secret in (f"whsec_{encoded}", f"whsec_{encoded.rstrip('=')}"):
        headers = _headers("msg_1", timestamp_s, sign(secret, "msg_1", timestamp_s, body))
        Webhook(key).verify(body, headers, json_parse=False)


@given(keys, bodies.filter(bool), st.data())
def test_one_altered_byte_is_refused(key: bytes, body: bytes, data: st.DataObject) -> None:
    secret = f"whsec_{base64.b64encode(key).decode()}"
    timestamp_s = pendulum.now("UTC").int_timestamp
    headers = _headers("msg_1", timestamp_s, sign(secret, "msg_1", timestamp_s, body))
    text = body.decode()
    position = data.draw(st.integers(0, len(text) - 1))
    altered = text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]
    for forged in (
        (altered, headers),
        (text, {**headers, "webhook-id": "msg_2"}),
        (text, {**headers, "webhook-timestamp": str(timestamp_s + 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(key).verify(*forged, json_parse=False)


def test_plain_secrets_are_used_as_they_are_and_several_give_several_signatures() -> None:
    first, second = sign("plain-text", "msg_1", 1_700_000_000, b"{}"), sign("other", "msg_1", 1_700_000_000, b"{}")
    assert sign("plain-text  other", "msg_1", 1_700_000_000, b"{}") == f"{first} {second}"
    # computed with `printf 'msg_1.1700000000.{}' | openssl dgst -sha256 -hmac plain-text -binary | base64`
    assert first == "v1,oO9HeL7uV9HxX4zyxdBzPq4t/u1yRZvqMU7ih1ZRynA="


receipts = st.builds(
    Receipt,
    recording_id=st.text(min_size=1, max_size=128),
    webhook_id=st.text(min_size=1, max_size=40),
    status_code=st.integers(200, 299),
    attempts=st.integers(1, 100),
    delivered_at=st.datetimes(
        min_value=pendulum.naive(2000, 1, 1), max_value=pendulum.naive(2100, 1, 1)
    ).map(lambda moment: pendulum.instance(moment, tz="UTC")),
)  # fmt: skip


@given(receipts)
def test_a_receipt_survives_its_document(receipt: Receipt) -> None:
    document = json.loads(json.dumps(receipt.to_document()))
    assert Receipt.from_document(document) == receipt
    assert set(document) == {"schema", "recording_id", "webhook_id", "status_code", "attempts", "delivered_at"}


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "cxone.receipt/2"}, {"recording_id": ""}, {"recording_id": 7}, {"webhook_id": None},
        {"status_code": 302}, {"status_code": "204"}, {"status_code": True}, {"status_code": 204.0}, {"attempts": 0},
        {"attempts": True}, {"attempts": None}, {"delivered_at": None}, {"delivered_at": "yesterday"},
    ],
)  # fmt: skip
def test_documents_that_are_no_receipt_are_refused(changes: Mapping[str, Any]) -> None:
    document = Receipt("r-1", "msg_1", 204, 1, AT).to_document()
    with pytest.raises(InvalidDocument):
        Receipt.from_document({**document, **changes})


@pytest.mark.parametrize("document", [None, [], "receipt", 7])
def test_a_receipt_is_an_object(document: object) -> None:
    with pytest.raises(InvalidDocument, match="not a receipt"):
        Receipt.from_document(document)


def test_an_archived_recording_is_announced_once_and_its_receipt_kept() -> None:
    store, notifier = FakeStore(), FakeNotifier(503, 202, clock=FakeClock())
    receipt = announce(log(), notifier=notifier, store=store)
    assert receipt == Receipt("r-1", id_of(log()), 202, 2, FakeClock().now())
    assert store.keys() == [RECEIPT_KEY]
    assert Receipt.from_document(json.loads(store.body(RECEIPT_KEY))) == receipt
    assert announce(log(Outcome.ALREADY_ARCHIVED), notifier=notifier, store=store) == receipt
    assert len(notifier.posted) == 2


def test_other_bytes_of_the_same_recording_are_announced_again() -> None:
    store, notifier = FakeStore(), FakeNotifier()
    announce(log(), notifier=notifier, store=store)
    replaced = announce(log(sha256="00" * 32), notifier=notifier, store=store)
    assert len({post.webhook_id for post in notifier.posted}) == 2
    assert Receipt.from_document(json.loads(store.body(RECEIPT_KEY))) == replaced


def test_what_was_archived_but_never_announced_is_announced_by_the_next_try() -> None:
    store = FakeStore()
    with pytest.raises(DeliveryFailed):
        announce(log(), notifier=FakeNotifier(*[500] * 9), store=store)
    assert store.keys() == []
    notifier = FakeNotifier()
    announce(log(Outcome.ALREADY_ARCHIVED), notifier=notifier, store=store)
    assert [post.webhook_id for post in notifier.posted] == [id_of(log())]


def test_a_receipt_that_was_not_stored_is_healed_by_announcing_under_the_same_id() -> None:
    store, notifier = FakeStore(), FakeNotifier()
    store.fail_next("put", StoreUnavailable("slow down"))
    with pytest.raises(StoreUnavailable):
        announce(log(), notifier=notifier, store=store)
    receipt = announce(log(Outcome.ALREADY_ARCHIVED), notifier=notifier, store=store)
    assert [post.webhook_id for post in notifier.posted] == [receipt.webhook_id] * 2
    assert store.keys() == [RECEIPT_KEY]


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 10_000])
def test_a_damaged_receipt_proves_nothing(damaged: bytes) -> None:
    store, notifier = FakeStore(), FakeNotifier()
    announce(log(), notifier=notifier, store=store)
    store.tamper(RECEIPT_KEY, damaged)
    receipt = announce(log(), notifier=notifier, store=store)
    assert len(notifier.posted) == 2
    assert Receipt.from_document(json.loads(store.body(RECEIPT_KEY))) == receipt


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REJECTED, Outcome.NOT_FOUND, Outcome.IN_COLD_STORAGE])
def test_what_was_not_archived_is_announced_too_and_leaves_nothing_in_the_store(outcome: Outcome) -> None:
    store, notifier = FakeStore(), FakeNotifier()
    # A failed replacement names the manifest that was there before; its receipt is not this event's.
    failed = log(outcome, manifest_uri="s3://archive/cxone/manifests/r-1.json")
    assert announce(failed, notifier=notifier, store=store).webhook_id == id_of(failed)
    assert json.loads(notifier.posted[0].body)["success"] is False
    assert store.calls == []


def test_without_a_store_every_call_announces() -> None:
    notifier = FakeNotifier()
    for _ in range(2):
        announce(log(), notifier=notifier, store=None)
    assert notifier.posted[0] == notifier.posted[1]


@pytest.mark.parametrize(
    ("manifest_uri", "receipt_key"),
    [
        ("s3://archive/manifests/r-1.json", "receipts/r-1.json"),
        ("s3://archive/a/manifests/b/manifests/r%2F1.json", "a/manifests/b/receipts/r%2F1.json"),
    ],
)
def test_the_receipt_lies_beside_the_manifest(manifest_uri: str, receipt_key: str) -> None:
    store = FakeStore()
    announce(log(manifest_uri=manifest_uri), notifier=FakeNotifier(), store=store)
    assert store.keys() == [receipt_key]


@pytest.mark.parametrize(
    "manifest_uri",
    ["s3://other/cxone/manifests/r-1.json", "s3://archive/cxone/r-1.json", "s3://archive/manifests/", "/manifests/r"],
)
def test_a_manifest_somewhere_else_is_refused_before_anything_is_sent(manifest_uri: str) -> None:
    notifier = FakeNotifier()
    with pytest.raises(InvalidInput, match=r"manifest_uri|S3 URI"):
        announce(log(manifest_uri=manifest_uri), notifier=notifier, store=FakeStore())
    assert notifier.posted == []
