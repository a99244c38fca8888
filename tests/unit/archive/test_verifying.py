"""Reading the archive back: whatever was changed since a recording was archived is found and named."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.manifest import read_manifest
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.trail import TrailFile, verify_trail
from cxone_provider.archive.verifying import Slice, archived_ids, verify_archive, verify_recording
from tests.unit.archive.archiving_cases import CALL, LAYOUT, MEDIA_KEY, Case

MANIFEST_KEY, AUDIT_KEY = LAYOUT.manifest_key("rec"), LAYOUT.audit_key("rec")


@pytest.fixture
def archived() -> Case:
    case = Case(signed=True)
    assert case.run().success
    return case


def problem_of(case: Case, expected_head: str | None = None) -> str | None:
    return verify_recording(case.store, LAYOUT, "rec", expected_head).error_type


def test_an_untouched_recording_is_intact(archived: Case) -> None:
    [found] = verify_archive(archived.store, LAYOUT, archived_ids(archived.store, LAYOUT))
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
    file.save()
    assert problem_of(archived) is None


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


def test_so_many_slices_read_everything_once() -> None:
    case = Case()
    ids = {f"rec-{n}.{n % 3}" for n in range(200)}
    for recording_id in ids:
        case.store.put(LAYOUT.manifest_key(recording_id), b"{}", ObjectAttributes("application/json"))
    seen = Counter(name for index in range(7) for name in archived_ids(case.store, LAYOUT, Slice(index, 7)))
    assert seen == dict.fromkeys(ids, 1)


@pytest.mark.parametrize(("index", "count"), [(0, 0), (-1, 3), (3, 3), (1, -1)])
def test_a_slice_that_cannot_be_is_refused(index: int, count: int) -> None:
    with pytest.raises(InvalidSetting, match="slice"):
        Slice(index, count)
