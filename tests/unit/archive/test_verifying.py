"""Reading the archive back: whatever was changed since a recording was archived is found and named."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from cxone_provider.archive.errors import AuditBroken, SourceUnavailable, StoreUnavailable, TransferCancelled
from cxone_provider.archive.manifest import read_manifest
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.slices import Slice, known_ids
from cxone_provider.archive.trail import TrailFile, verify_trail
from cxone_provider.archive.verification_report import SINCE_RECEIPT, VerificationReport, report_line
from cxone_provider.archive.verifying import (
    TIME_TO_COMMIT,
    Verification,
    Verifier,
    verify_recording,
    verify_trail_alone,
)
from tests.unit.archive.archiving_cases import CALL, LAYOUT, MEDIA_KEY, Case

MANIFEST_KEY, AUDIT_KEY = LAYOUT.manifest_key("rec"), LAYOUT.audit_key("rec")


@pytest.fixture
def archived() -> Case:
    case = Case(signed=True)
    assert case.run().success
    return case


def verifier_of(case: Case, cancelled: threading.Event | None = None) -> Verifier:
    return Verifier(case.store, LAYOUT, case.clock.now(), cancelled)


def problem_of(case: Case, expected_head: str | None = None) -> str | None:
    return verify_recording(case.store, LAYOUT, "rec", expected_head).error_type


def test_an_untouched_recording_is_intact(archived: Case) -> None:
    [found] = verifier_of(archived).verify_all(known_ids(archived.store, LAYOUT, Slice()))
    assert (found.recording_id, found.intact, found.size_bytes) == ("rec", True, len(CALL))


@pytest.mark.parametrize("position", [0, 1000, len(CALL) // 2, len(CALL) - 1])
def test_a_flipped_bit_of_the_media_is_found(archived: Case, position: int) -> None:
    forged = bytearray(CALL)
    forged[position] ^= 1
    archived.store.tamper(MEDIA_KEY, bytes(forged))
    assert problem_of(archived) == "DigestMismatch"


def test_every_flipped_byte_of_the_trail_is_found(archived: Case) -> None:
    raw = archived.store.body(AUDIT_KEY)
    for position in range(0, len(raw), 7):
        forged = bytearray(raw)
        forged[position] ^= 2
        archived.store.tamper(AUDIT_KEY, bytes(forged))
        assert problem_of(archived) == "AuditBroken", position


def test_a_trail_that_was_cut_is_found_by_the_manifest(archived: Case) -> None:
    lines = archived.store.body(AUDIT_KEY).splitlines(keepends=True)
    archived.store.tamper(AUDIT_KEY, b"".join(lines[:-1]))
    assert problem_of(archived) == "AuditBroken"


def test_a_trail_that_went_on_still_proves_what_was_archived(archived: Case) -> None:
    file = TrailFile(archived.store, AUDIT_KEY, "rec")
    file.load()
    file.append({"event": "failed", "error": "a later try"})
    later = file.save()
    assert problem_of(archived) is None
    assert problem_of(archived, expected_head=later.head) is None


def test_media_is_read_by_the_version_that_the_manifest_names_and_must_be_what_everyone_sees(archived: Case) -> None:
    forged = archived.store.put(MEDIA_KEY, b"a newer version", ObjectAttributes("audio/mpeg"))
    found = verifier_of(archived).verify("rec")
    assert found.error_type == "ObjectConflict"
    assert f"found version {forged.version_id}, expected version-" in str(found.problem)
    del archived.store.objects[MEDIA_KEY][1]
    assert problem_of(archived) is None


def test_a_replaced_recording_is_intact() -> None:
    case = Case()
    case.run()
    case.run(replace=True)
    assert problem_of(case) is None


def test_a_trail_and_a_manifest_forged_together_show_only_against_the_announced_head(archived: Case) -> None:
    manifest = read_manifest(archived.store, LAYOUT, "rec")
    assert manifest is not None
    announced = str(manifest.audit["head"])
    trail = verify_trail("rec", archived.store.body(AUDIT_KEY))
    forged_file = TrailFile(archived.store, "elsewhere", "rec")
    forged_file.append(*({**event, "forged": True} for event in trail.events))
    forged = forged_file.save()
    document = json.loads(archived.store.body(MANIFEST_KEY))
    document["audit"].update(head=forged.head, sha256=forged.sha256)
    archived.store.tamper(AUDIT_KEY, forged.raw)
    archived.store.tamper(MANIFEST_KEY, json.dumps(document).encode())
    assert problem_of(archived) is None
    assert problem_of(archived, expected_head=announced) == "AuditBroken"


@pytest.mark.parametrize(
    ("field", "value", "error_type"),
    [
        ("sha256", "0" * 64, "AuditBroken"),
        ("size_bytes", 1, "AuditBroken"),
        ("s3_uri", "s3://archive/cxone/elsewhere.mp3", "StoreRefused"),
        ("recording_id", "other", "InvalidDocument"),
        ("schema", "cxone.manifest/9", "InvalidDocument"),
    ],
)
def test_a_changed_manifest_is_found(archived: Case, field: str, value: object, error_type: str) -> None:
    document = json.loads(archived.store.body(MANIFEST_KEY))
    archived.store.tamper(MANIFEST_KEY, json.dumps({**document, field: value}).encode())
    assert problem_of(archived) == error_type


@pytest.mark.parametrize("key", [MANIFEST_KEY, AUDIT_KEY, MEDIA_KEY])
def test_a_missing_object_is_found(archived: Case, key: str) -> None:
    del archived.store.objects[key]
    assert problem_of(archived) in {"StoreRefused", "AuditBroken"}


def test_a_removed_trail_is_found_by_the_manifest(archived: Case) -> None:
    del archived.store.objects[AUDIT_KEY]
    [found] = verifier_of(archived).verify_all(known_ids(archived.store, LAYOUT, Slice()))
    assert "the audit trail was cut: found 0 lines" in str(found.problem)


def test_a_removed_manifest_is_found_by_the_trail_once_no_try_can_be_about_to_write_it(archived: Case) -> None:
    del archived.store.objects[MANIFEST_KEY]
    ids = list(known_ids(archived.store, LAYOUT, Slice()))
    [young] = verifier_of(archived).verify_all(ids)
    assert (young.archived, young.intact) == (False, False)
    assert problem_of(archived) == "StoreRefused", "asked for by name, it should be there"
    archived.clock.pass_s(TIME_TO_COMMIT.total_seconds())
    [old] = verifier_of(archived).verify_all(ids)
    assert (old.archived, old.error_type) == (True, "StoreRefused")
    assert "proves a recording that has no manifest" in str(old.problem)


def test_a_recording_whose_every_try_failed_is_not_archived_and_no_problem() -> None:
    case = Case()
    case.source.script("rec", 0, [SourceUnavailable("down")])
    assert not case.run().success
    case.clock.pass_s(TIME_TO_COMMIT.total_seconds() * 9)
    [found] = verifier_of(case).verify_all(known_ids(case.store, LAYOUT, Slice()))
    assert (found.archived, found.error_type) == (False, None)


def test_a_store_that_is_down_says_nothing_about_the_recording(archived: Case) -> None:
    archived.store.fail_next("stream", StoreUnavailable("503"))
    found = verifier_of(archived).verify("rec")
    assert (found.unread, found.intact) == (True, False)


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_recordings_are_read_side_by_side_told_in_order_and_taken_as_needed(archived: Case, concurrency: int) -> None:
    taken: list[str] = []

    def ids() -> Iterator[str]:
        for number in range(50):
            taken.append(f"none-{number}")
            yield "rec" if number % 7 == 0 else taken[-1]

    ahead = 0
    found = []
    for one in verifier_of(archived).verify_all(ids(), concurrency):
        found.append(one)
        ahead = max(ahead, len(taken) - len(found))
    assert [one.recording_id for one in found] == list(ids())
    assert [one.intact for one in found] == [number % 7 == 0 for number in range(50)]
    assert ahead <= 2 * concurrency


def test_a_kill_ends_reading_at_the_next_piece_and_is_no_result(archived: Case) -> None:
    cancelled = threading.Event()
    found = verifier_of(archived, cancelled).verify_all(["rec"] * 50)
    assert next(found).intact
    cancelled.set()
    with pytest.raises(TransferCancelled):
        list(found)


def test_leaving_early_stops_the_readers(archived: Case) -> None:
    cancelled = threading.Event()
    found = verifier_of(archived, cancelled).verify_all(["rec"] * 50, 4)
    assert isinstance(found, Iterator)
    next(found)
    found.close()  # type: ignore[attr-defined]  # a generator, as every iterator of this module
    assert cancelled.is_set()


def test_a_trail_is_checked_alone_and_an_announced_head_is_anywhere_in_it(archived: Case) -> None:
    raw = archived.store.body(AUDIT_KEY)
    trail = verify_trail_alone("rec", raw)
    for event in trail.events:
        assert verify_trail_alone("rec", raw, str(event["hash"])) == trail
    with pytest.raises(AuditBroken, match="does not hold the announced head"):
        verify_trail_alone("rec", trail.cut(len(trail.events) - 1).raw, trail.head)
    with pytest.raises(AuditBroken, match="empty"):
        verify_trail_alone("rec", b"")
    for lines in range(len(trail.events) + 1):
        assert trail.cut(lines) == verify_trail("rec", trail.cut(lines).raw)


def test_a_report_counts_what_is_intact_wrong_and_unread() -> None:
    report = VerificationReport(Slice(2, 7))
    assert not report.clean
    for number in range(60):
        report.add(Verification(f"broken-{number}", problem="changed", error_type="DigestMismatch"))
    report.add(Verification("down", problem="503", error_type="StoreUnavailable", unread=True))
    report.add(Verification("good", size_bytes=1000))
    document = report.to_document()
    counts = {name: document[name] for name in ("recordings", "intact", "problems", "unread", "size_bytes")}
    assert counts == {"recordings": 62, "intact": 1, "problems": 60, "unread": 1, "size_bytes": 1000}
    assert "slice 3 of 7" in str(report)
    assert "broken-0  DigestMismatch  changed" in str(report)
    assert "and 11 more" in str(report)
    assert SINCE_RECEIPT in str(report)
    assert not report.clean
    assert json.loads(report_line(Verification("a", 3)))["intact"] is True


def test_only_a_report_about_something_that_is_all_intact_is_clean() -> None:
    report = VerificationReport(Slice())
    report.add(Verification("good"))
    assert report.clean
    assert "the whole archive" in str(report)
