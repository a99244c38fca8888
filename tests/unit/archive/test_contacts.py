"""Contacts in memory: every interaction archived once, under its own number, and one request to know that it is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pendulum
import pytest

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.contact import ContactManifest, read_archived
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    InvalidDocument,
    RecordingNotFound,
    SourceUnavailable,
    StoreUnavailable,
)
from cxone_provider.archive.manifest import MAX_MANIFEST_BYTES, read_manifest
from cxone_provider.archive.media import Media
from cxone_provider.archive.notification import announce
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.retention import lock_policy
from cxone_provider.archive.run_report import report_of_run
from cxone_provider.archive.slices import Slice, known_ids, named_ids
from cxone_provider.archive.stored import ObjectLock
from cxone_provider.archive.sweeping import sweep_uploads
from cxone_provider.archive.verification_report import VerificationReport
from cxone_provider.archive.verifying import Verifier
from tests.fakes.journal import MemoryJournal
from tests.fakes.notifier import FakeNotifier
from tests.fakes.source import RESOLVE
from tests.fakes.store import FakeStore
from tests.unit.archive.archiving_cases import CALL, LAYOUT, OTHER_CALL
from tests.unit.archive.contact_cases import CONTACT, CONTACT_KEY, STARTS, ContactCase, ends, interaction, media_key


class Killed(BaseException):
    """Stands for a process that is gone: no cleanup runs."""


BOTH_ARCHIVED = {"4711.1": "ARCHIVED", "4711.2": "ARCHIVED"}
BOTH_ALREADY = {"4711.1": "ALREADY_ARCHIVED", "4711.2": "ALREADY_ARCHIVED"}


def test_every_interaction_is_archived_under_its_own_number_and_day() -> None:
    case = ContactCase()
    case.interactions.reverse()  # the tenant's order is not the archive's
    assert ends(case.run()) == BOTH_ARCHIVED
    assert case.store.body(media_key(1, "2026-11-21")) == CALL
    assert case.store.body(media_key(2, "2026-11-22")) == OTHER_CALL
    manifest = read_manifest(case.store, LAYOUT, "4711.2")
    assert manifest is not None
    assert (manifest.identity, manifest.plan["recording_id"]) == ("leg-b", "4711.2")
    assert manifest.plan["recorded_at"] == "2026-11-22T00:05:00Z"
    assert manifest.metadata == {
        "skill": "billing", "direction": "inbound", "participants": [{"type": "AGENT", "channel": 1}],
    }  # fmt: skip


def test_the_contact_manifest_names_every_recording_and_is_written_last() -> None:
    case = ContactCase()
    logs = case.run()
    contact = case.manifest()
    for log, stored, content, name in zip(logs, contact.recordings, (CALL, OTHER_CALL), STARTS, strict=True):
        assert stored.sha256 == hashlib.sha256(content).hexdigest() == log.sha256
        assert (stored.size_bytes, stored.format, stored.segment_count) == (len(content), "mp3", 15)
        assert (stored.s3_uri, stored.manifest_uri) == (log.s3_uri, log.manifest_uri)
        assert (stored.audit_uri, stored.audit_head) == (log.audit_uri, log.audit_head)
        assert (stored.identity, stored.recorded_at, stored.duration_s) == (name, STARTS[name], log.duration_s)
    puts = [call.key for call in case.store.calls if call.operation == "put"]
    assert puts[-1] == CONTACT_KEY
    assert puts.count(CONTACT_KEY) == 1


def test_the_document_of_a_contact_manifest_is_read_as_it_was_written() -> None:
    case = ContactCase()
    case.store = FakeStore(min_part_bytes=1, bucket_has_lock=True)
    lock = lock_policy(object_lock_mode="GOVERNANCE", retain_until="P7Y", legal_hold=True, now=case.clock.now())
    case.run(lock=lock)
    contact = case.manifest()
    assert ContactManifest.from_document(json.loads(contact.to_bytes())) == contact
    assert contact.to_bytes() == case.store.body(CONTACT_KEY)
    assert contact.recordings[0].lock == ObjectLock("GOVERNANCE", STARTS["leg-a"].add(years=7), legal_hold=True)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "cxone.manifest/1"}, {"contact_id": "4712"}, {"recordings": []}, {"recordings": None},
        {"recordings": [{}]}, {"archived_at": None}, {"archived_at": "soon"}, {"provider_version": 1},
    ],
)  # fmt: skip
def test_another_document_in_its_place_is_refused_and_nothing_is_archived(change: dict[str, Any]) -> None:
    case = ContactCase()
    case.run()
    document = {**json.loads(case.store.body(CONTACT_KEY)), **change}
    case.store.tamper(CONTACT_KEY, json.dumps(document).encode())
    case.source.calls.clear()
    assert ends(case.run()) == {CONTACT: "InvalidDocument"}
    assert case.source.calls == []


@pytest.mark.parametrize(
    "change",
    [
        {"recording_id": "4711.3"}, {"sha256": "x"}, {"size_bytes": None}, {"segment_count": -1}, {"identity": None},
        {"audit": None}, {"audit": {"uri": "s3://a/b"}}, {"s3_uri": ""}, {"duration_s": "1"}, {"recorded_at": 5},
    ],
)  # fmt: skip
def test_a_recording_that_is_none_is_refused(change: dict[str, Any]) -> None:
    case = ContactCase()
    case.run()
    document = case.manifest().to_document()
    document["recordings"][0] |= change
    with pytest.raises(InvalidDocument):
        ContactManifest.from_document(document)


def test_an_archived_contact_costs_one_request_to_the_store_and_none_to_the_tenant() -> None:
    case = ContactCase()
    first = case.run()
    case.store.calls.clear()
    case.source.calls.clear()
    again = case.run()
    assert ends(again) == BOTH_ALREADY
    assert case.source.calls == []
    assert [call.operation for call in case.store.calls if call.operation != "check"] == ["read"]
    for before, after in zip(first, again, strict=True):
        kept = ("s3_uri", "manifest_uri", "audit_uri", "audit_head", "sha256", "total_bytes", "duration_s", "format")
        assert [getattr(before, name) for name in kept] == [getattr(after, name) for name in kept]
        assert after.chunks_processed == before.chunks_processed == after.entries_omitted
        assert AuditLog.from_document(after.to_document()) == after


def test_a_new_contact_costs_the_tenant_one_request_and_each_recording_its_own() -> None:
    case = ContactCase(single_request=False)
    case.run()
    assert len(case.source.calls_of("resolve")) == 1
    assert case.source.calls_of("describe") == []


def test_of_a_contact_that_failed_in_part_only_the_missing_recording_is_fetched_again() -> None:
    case = ContactCase()
    case.source.script("4711.2", 3, [SourceUnavailable("down")])
    assert ends(case.run()) == {"4711.1": "ARCHIVED", "4711.2": "SourceUnavailable"}
    assert CONTACT_KEY not in case.store.objects
    case.source.calls.clear()
    assert ends(case.run()) == {"4711.1": "ALREADY_ARCHIVED", "4711.2": "ARCHIVED"}
    assert [call.operation for call in case.source.calls].count("resolve") == 1
    assert {call.recording_id for call in case.source.calls_of("segment")} == {"4711.2"}
    assert ends(case.run()) == BOTH_ALREADY
    written = case.versions()
    assert {written[key] for key in written if "/audit/" not in key} == {1}


def test_a_contact_without_voice_media_has_no_recording() -> None:
    case = ContactCase()
    case.interactions.clear()
    assert ends(case.run()) == {CONTACT: "NO_RECORDING"}
    assert case.store.keys() == []


@pytest.mark.parametrize(
    ("error", "end"), [(RecordingNotFound("gone"), "NOT_FOUND"), (AccessDenied("no"), "AccessDenied")]
)
def test_a_contact_that_is_not_resolved_ends_as_a_recording_does(error: ArchiveError, end: str) -> None:
    case = ContactCase()
    case.source.script(CONTACT, RESOLVE, [error])
    assert ends(case.run()) == {CONTACT: end}


def test_an_interaction_that_is_gone_by_now_is_not_found_and_the_others_are_archived() -> None:
    case = ContactCase()
    case.source.script("4711.1", 0, [RecordingNotFound("404")])
    assert ends(case.run()) == {"4711.1": "NOT_FOUND", "4711.2": "ARCHIVED"}
    assert CONTACT_KEY not in case.store.objects


@pytest.mark.parametrize(
    ("policy", "facts", "told"),
    [
        (ArchivePolicy(max_duration_s=60), {"duration_s": 70.2}, ["max_duration_s"]),
        (ArchivePolicy(max_size_bytes=1000), {}, ["1000"]),
        (ArchivePolicy(retention=pendulum.duration(days=1)), {"at": pendulum.datetime(2026, 11, 1)}, ["max_age_s"]),
        (
            ArchivePolicy(max_duration_s=60, retention=pendulum.duration(days=1)),
            {"duration_s": 70.2, "at": pendulum.datetime(2026, 11, 1)},
            ["max_duration_s", "max_age_s"],
        ),
        (ArchivePolicy(), {"at": pendulum.datetime(2027, 1, 1)}, ["min_age_s"]),
        (ArchivePolicy(), {"duration_s": 0.0}, ["min_duration_s"]),
    ],
)
def test_what_validation_could_not_know_is_validated_by_the_same_policy_with_every_reason(
    policy: ArchivePolicy, facts: dict[str, Any], told: list[str]
) -> None:
    case = ContactCase(policy=policy)
    case.interactions[1] = interaction("leg-b", at=facts.get("at"), duration_s=facts.get("duration_s"))
    case.plan = replace(case.plan, limits=SegmentPlan.from_document(case.plan.to_document()).limits)
    logs = {log.recording_id: log for log in case.run()}
    rejected = [log for log in logs.values() if log.outcome is Outcome.REJECTED]
    assert rejected
    for log in rejected:
        assert log.error is not None
        assert all(rule in log.error.message for rule in told)
    assert CONTACT_KEY not in case.store.objects
    published = [key for key in case.store.objects if "/audit/" not in key]
    assert not any(f"{log.recording_id}." in key for log in rejected for key in published)


def test_a_format_that_was_not_asked_for_is_rejected_once_the_media_shows_it() -> None:
    case = ContactCase()
    case.plan = replace(case.plan, format="wav")
    logs = case.run()
    assert ends(logs) == {"4711.1": "REJECTED", "4711.2": "REJECTED"}
    assert all(log.error is not None and "mp3" in log.error.message for log in logs)


def test_the_durations_of_the_interactions_are_compared_and_not_the_contacts() -> None:
    case = ContactCase(duration_s=70.2)
    assert ends(case.run()) == BOTH_ARCHIVED
    other = ContactCase(duration_s=500.0)
    assert ends(other.run()) == {"4711.1": "DurationDisagrees", "4711.2": "DurationDisagrees"}


def test_another_order_of_the_same_interactions_changes_nothing() -> None:
    case = ContactCase()
    case.source.script("4711.2", 3, [SourceUnavailable("down")])
    case.run()
    case.interactions.reverse()
    assert ends(case.run()) == {"4711.1": "ALREADY_ARCHIVED", "4711.2": "ARCHIVED"}
    assert case.store.body(media_key(2, "2026-11-22")) == OTHER_CALL


def test_an_interaction_that_appears_before_an_archived_one_is_never_taken_for_it() -> None:
    case = ContactCase()
    case.source.script("4711.2", 3, [SourceUnavailable("down")])
    case.run()
    before = {key: case.store.body(key) for key in case.store.objects}
    case.interactions.append(interaction("leg-0", at=STARTS["leg-a"].subtract(minutes=5), content=OTHER_CALL))
    logs = case.run()
    assert ends(logs) == dict.fromkeys(["4711.1", "4711.2", "4711.3"], "IdentityConflict")
    assert "leg-a" in str(logs[0].error)
    assert "leg-0" in str(logs[0].error)
    assert {key: case.store.body(key) for key in case.store.objects} == before
    assert not logs[0].error or not logs[0].error.retryable


def test_what_lies_under_the_number_without_being_the_contacts_is_never_taken_for_it() -> None:
    case = ContactCase()
    case.run()
    manifest = json.loads(case.store.body(LAYOUT.manifest_key("4711.1")))
    del manifest["identity"]
    case.store.tamper(LAYOUT.manifest_key("4711.1"), json.dumps(manifest).encode())
    del case.store.objects[CONTACT_KEY]
    assert ends(case.run()) == {"4711.1": "IdentityConflict", "4711.2": "ALREADY_ARCHIVED"}
    assert CONTACT_KEY not in case.store.objects


def test_replace_archives_every_interaction_again_and_tells_of_the_new_ones() -> None:
    case = ContactCase()
    case.run()
    case.interactions[0].recording.content = OTHER_CALL
    assert ends(case.run(replace=True)) == BOTH_ARCHIVED
    assert case.store.body(media_key(1, "2026-11-21")) == OTHER_CALL
    assert case.versions()[CONTACT_KEY] == 2
    contact = case.manifest()
    assert contact.recordings[0].sha256 == hashlib.sha256(OTHER_CALL).hexdigest()
    assert ends(case.run()) == BOTH_ALREADY


class Misnaming(ContactCase):
    """A tenant whose adapter breaks the contract."""

    def __init__(self, *medias: Media) -> None:
        super().__init__()
        self.source.resolve = lambda plan: medias  # type: ignore[method-assign]  # the broken answer is the test


@pytest.mark.parametrize(
    "medias",
    [
        [Media("4711.2", identity="a")],
        [Media("4711.1", identity="a"), Media("4711.3", identity="b")],
        [Media("4711.1", identity="a"), Media("4711.2", identity="a")],
        [Media("4711.1", identity="")],
        [Media("4711.1")],
        [Media("4712.1", identity="a")],
        [Media(CONTACT, identity="a")],
        [Media(CONTACT), Media(CONTACT)],
    ],
)
def test_recordings_that_are_not_named_as_agreed_are_refused(medias: list[Media]) -> None:
    case = Misnaming(*medias)
    assert ends(case.run()) == {CONTACT: "UnexpectedAnswer"}
    assert case.store.keys() == []


def test_a_contact_whose_id_leaves_no_room_for_a_number_is_refused() -> None:
    case = ContactCase()
    long_id = "7" * 127
    case.source.contacts[long_id] = case.source.contacts.pop(CONTACT)
    case.plan = replace(case.plan, recording_id=long_id)
    assert list(ends(case.run()).values()) == ["InvalidRecordingId"]


def test_metadata_of_any_size_leaves_a_manifest_that_can_be_read() -> None:
    case = ContactCase()
    metadata = {"small": 1, "huge": ["x" * 1000] * 1000, "nan": float("nan"), "object": object(), "last": "kept"}
    case.interactions[0].metadata = metadata
    assert ends(case.run()) == BOTH_ARCHIVED
    manifest = read_manifest(case.store, LAYOUT, "4711.1")
    assert manifest is not None
    assert manifest.metadata == {"skill": "billing", "small": 1, "last": "kept"}
    assert manifest.metadata_omitted == 3
    assert json.loads(manifest.to_bytes())["metadata_omitted"] == 3


@pytest.mark.parametrize(
    "metadata", [{"stages": list(range(30_000))}, {"deep": [[[["x"]]] * 9000]}, {"é": "ü" * 50_000}]
)
def test_a_manifest_stays_under_its_bound_however_its_metadata_is_built(metadata: dict[str, Any]) -> None:
    case = ContactCase()
    case.interactions[0].metadata = {**metadata, **{f"field-{n}": "x" * 100 for n in range(2000)}}
    case.run()
    assert len(case.store.body(LAYOUT.manifest_key("4711.1"))) < MAX_MANIFEST_BYTES


def test_a_manifest_of_the_contact_that_cannot_be_stored_costs_the_next_run_one_request() -> None:
    case = ContactCase()
    case.run()
    before = case.store.count("put")
    other = ContactCase()
    other.store.fail_next("put", StoreUnavailable("503"), skip=before - 1)
    assert ends(other.run()) == BOTH_ARCHIVED
    assert CONTACT_KEY not in other.store.objects
    other.source.calls.clear()
    assert ends(other.run()) == BOTH_ALREADY
    assert [call.operation for call in other.source.calls] == ["resolve"]
    assert CONTACT_KEY in other.store.objects


def test_more_recordings_than_one_manifest_holds_are_archived_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxone_provider.archive.contact_run.MAX_MANIFEST_BYTES", 1000)
    case = ContactCase()
    assert ends(case.run()) == BOTH_ARCHIVED
    assert CONTACT_KEY not in case.store.objects


def test_each_recording_is_locked_from_its_own_start_and_the_contact_as_long_as_the_last() -> None:
    case = ContactCase()
    case.store = FakeStore(min_part_bytes=1, bucket_has_lock=True)
    lock = lock_policy(object_lock_mode="COMPLIANCE", retain_until="P7Y", legal_hold=False, now=case.clock.now())
    logs = case.run(lock=lock)
    ends_at = {log.recording_id: log.lock.retain_until for log in logs if log.lock is not None}
    assert ends_at == {"4711.1": STARTS["leg-a"].add(years=7), "4711.2": STARTS["leg-b"].add(years=7)}
    kept = case.store.objects[CONTACT_KEY][-1].lock
    assert kept is not None
    assert kept.retain_until == STARTS["leg-b"].add(years=7)
    assert [log.lock for log in case.run(lock=lock)] == [log.lock for log in logs]


def test_an_unfinished_upload_of_another_interaction_is_not_gone_on_with() -> None:
    case, journal = ContactCase(), MemoryJournal()
    del case.interactions[1]
    case.source.script("4711.1", 7, [SourceUnavailable("down")])
    case.run(journal, keep_unfinished=True)
    # The same number, day, size and entity tag: only the identity tells that these are other bytes.
    case.interactions[:] = [interaction("leg-0", at=STARTS["leg-a"], content=OTHER_CALL)]
    assert ends(case.run(journal)) == {"4711.1": "ARCHIVED"}
    assert case.store.body(media_key(1, "2026-11-21")) == OTHER_CALL


def test_an_object_whose_commit_was_lost_is_not_committed_as_another_interaction() -> None:
    case, journal = ContactCase(), MemoryJournal()
    del case.interactions[1]
    case.store.fail_next("complete_upload", Killed(), when="after")
    with pytest.raises(Killed):
        case.run(journal)
    case.interactions[:] = [interaction("leg-0", at=STARTS["leg-a"], content=OTHER_CALL)]
    assert ends(case.run(journal)) == {"4711.1": "ObjectConflict"}
    assert case.store.body(media_key(1, "2026-11-21")) == CALL
    assert LAYOUT.manifest_key("4711.1") not in case.store.objects


def test_neither_kind_of_manifest_is_taken_for_the_other() -> None:
    case = ContactCase()
    case.run()
    with pytest.raises(InvalidDocument):
        read_manifest(case.store, LAYOUT, CONTACT)
    assert read_archived(case.store, LAYOUT, "4711.1") == read_manifest(case.store, LAYOUT, "4711.1")
    assert read_archived(case.store, LAYOUT, "4713") is None


def verified(case: ContactCase, ids: list[str] | None = None) -> dict[str, str | None]:
    verifier = Verifier(case.store, LAYOUT, case.clock.now())
    return {
        one.recording_id: one.error_type for one in verifier.verify_all(ids or known_ids(case.store, LAYOUT, Slice()))
    }


def test_an_untouched_contact_is_intact_and_counted_beside_its_recordings() -> None:
    case = ContactCase()
    case.run()
    assert verified(case) == {"4711": None, "4711.1": None, "4711.2": None}
    report = VerificationReport(Slice())
    for one in Verifier(case.store, LAYOUT).verify_all(known_ids(case.store, LAYOUT, Slice())):
        report.add(one)
    assert (report.recordings, report.contacts, report.intact) == (2, 1, 2)
    assert report.clean
    assert report.size_bytes == len(CALL) + len(OTHER_CALL)
    assert report.to_document()["contacts"] == 1
    assert "1 contact manifests" in str(report)


def test_each_id_of_a_contact_is_read_once_and_belongs_to_one_slice() -> None:
    case = ContactCase()
    case.run()
    assert list(known_ids(case.store, LAYOUT, Slice())) == ["4711.1", "4711.2", "4711"]
    sliced = [one for index in range(5) for one in known_ids(case.store, LAYOUT, Slice(index, 5))]
    assert sorted(sliced) == ["4711", "4711.1", "4711.2"]


def test_a_contacts_id_stands_for_its_recordings() -> None:
    case = ContactCase()
    case.run()
    assert list(named_ids(case.store, LAYOUT, ["4711.2", CONTACT, "9"])) == ["4711.2", "4711", "4711.1", "9"]
    case.store.tamper(CONTACT_KEY, b"{")
    assert list(named_ids(case.store, LAYOUT, [CONTACT])) == [CONTACT]
    assert verified(case, [CONTACT]) == {CONTACT: "InvalidDocument"}


@pytest.mark.parametrize(
    "change", [{"sha256": "ab" * 32}, {"size_bytes": 5}, {"identity": "leg-x"}, {"s3_uri": "s3://archive/elsewhere"}]
)
def test_a_contact_manifest_that_is_not_what_its_recordings_say_is_named(change: dict[str, Any]) -> None:
    case = ContactCase()
    case.run()
    document = json.loads(case.store.body(CONTACT_KEY))
    document["recordings"][1] |= change
    case.store.tamper(CONTACT_KEY, json.dumps(document).encode())
    assert verified(case) == {"4711": "ContactDisagrees", "4711.1": None, "4711.2": None}
    [found] = Verifier(case.store, LAYOUT).verify_all([CONTACT])
    assert "4711.2" in str(found.problem)
    assert found.contact


def test_a_contact_whose_recording_lost_its_manifest_is_named_and_so_is_the_recording() -> None:
    case = ContactCase()
    case.run()
    del case.store.objects[LAYOUT.manifest_key("4711.1")]
    case.clock.pass_s(7 * 24 * 3600)
    assert verified(case) == {"4711": "ContactDisagrees", "4711.1": "StoreRefused", "4711.2": None}


def test_a_replacement_that_failed_in_part_tells_of_what_is_there_now() -> None:
    case = ContactCase()
    case.run()
    case.interactions[0].recording.content = OTHER_CALL
    case.source.script("4711.2", 3, [SourceUnavailable("down")])
    assert ends(case.run(replace=True)) == {"4711.1": "ARCHIVED", "4711.2": "SourceUnavailable"}
    assert verified(case) == {"4711": None, "4711.1": None, "4711.2": None}
    assert [log.sha256 for log in case.run()] == [hashlib.sha256(OTHER_CALL).hexdigest()] * 2


def test_a_replacement_of_a_contact_that_was_never_complete_does_not_make_it_so() -> None:
    case = ContactCase()
    case.source.script("4711.2", 3, [SourceUnavailable("down")] * 2)
    case.run()
    assert ends(case.run(replace=True)) == {"4711.1": "ARCHIVED", "4711.2": "SourceUnavailable"}
    assert CONTACT_KEY not in case.store.objects


def test_a_replacement_that_was_killed_shows_and_another_one_heals_it() -> None:
    case = ContactCase()
    case.run()
    case.interactions[0].recording.content = OTHER_CALL
    case.store.fail_next("complete_upload", Killed(), skip=1)
    with pytest.raises(Killed):
        case.run(replace=True)
    assert verified(case)["4711"] == "ContactDisagrees"
    assert ends(case.run(replace=True)) == BOTH_ARCHIVED
    assert verified(case) == {"4711": None, "4711.1": None, "4711.2": None}


def test_an_announced_head_is_a_recordings_and_not_a_contacts() -> None:
    case = ContactCase()
    log = case.run()[0]
    verifier = Verifier(case.store, LAYOUT)
    assert verifier.verify("4711.1", log.audit_head).intact
    assert verifier.verify(CONTACT, log.audit_head).error_type == "AuditBroken"


def test_a_contact_that_could_not_be_read_is_unread_and_not_damaged() -> None:
    case = ContactCase()
    case.run()
    case.store.fail_next("read", StoreUnavailable("503"), skip=1)
    found = Verifier(case.store, LAYOUT).verify(CONTACT)
    assert (found.contact, found.unread) == (True, True)


def test_the_sweep_takes_a_contacts_stale_uploads_and_leaves_its_living_ones() -> None:
    case = ContactCase()
    case.store._now = case.clock.now
    case.source.script("4711.2", 7, [SourceUnavailable("down")])
    case.run(MemoryJournal(), keep_unfinished=True)
    assert not list(sweep_uploads(case.store, LAYOUT, case.clock))
    case.clock.pass_s(4 * 24 * 3600)
    [swept] = sweep_uploads(case.store, LAYOUT, case.clock)
    assert swept.upload.key == media_key(2, "2026-11-22")


def test_each_recording_of_a_contact_is_announced_once_with_a_receipt_of_its_own() -> None:
    case, notifier = ContactCase(), FakeNotifier()
    logs = [*case.run(), *case.run()]
    receipts = [announce(log.to_document(), notifier=notifier, store=case.store) for log in logs]
    assert [receipt.recording_id for receipt in receipts] == ["4711.1", "4711.2"] * 2
    assert len(notifier.posted) == 2
    assert len({receipt.webhook_id for receipt in receipts}) == 2
    assert LAYOUT.receipt_key("4711.2") in case.store.objects


def test_a_run_knows_a_contact_by_its_recordings() -> None:
    case = ContactCase()
    case.source.contacts["4712"] = []
    documents = [log.to_document() for log in case.run()]
    report = report_of_run(documents, [CONTACT, "4712"], case.clock.now())
    assert report.outcomes == {"ARCHIVED": 2, "FAILED": 1}
    assert report.failed_ids == ["4712"]
