"""A process that dies between any two calls of a contact's archiving, and two that work on one contact."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.ports import Media
from cxone_provider.archive.verifying import verify_recording
from tests.fakes.faults import When
from tests.fakes.journal import MemoryJournal
from tests.fakes.store import Operation
from tests.unit.archive.archiving_cases import CALL, LAYOUT, OTHER_CALL
from tests.unit.archive.contact_cases import CONTACT, CONTACT_KEY, STARTS, ContactCase, ends, interaction, media_key

STORE_CALLS: tuple[Operation, ...] = ("read", "put", "create_upload", "put_part", "complete_upload")
MEDIA_KEYS = (media_key(1, "2026-11-21"), media_key(2, "2026-11-22"))
SEGMENTS_PER_PART = 3


class Killed(BaseException):
    """Stands for a process that is gone: no cleanup runs."""


def kill_points() -> list[tuple[bool, bool, Operation, When, int]]:
    """Every store call of a contact's run, before and after its effect, by ranges and in one request."""
    points: list[tuple[bool, bool, Operation, When, int]] = []
    moments: tuple[When, When] = ("before", "after")
    for single in (False, True):
        for journalled in (True, False):
            case = ContactCase(single_request=single)
            case.run(MemoryJournal() if journalled else None)
            made = [call.operation for call in case.store.calls]
            points += [
                (single, journalled, name, when, nth)
                for name in STORE_CALLS
                for when in moments
                for nth in range(made.count(name))
            ]
    return points


@pytest.mark.parametrize(("single", "journalled", "operation", "when", "nth"), kill_points())
def test_a_kill_at_any_call_is_healed_by_the_next_try(
    single: bool, journalled: bool, operation: Operation, when: When, nth: int
) -> None:
    case, journal = ContactCase(single_request=single), MemoryJournal() if journalled else None
    case.store.fail_next(operation, Killed(), when=when, skip=nth)
    try:
        case.run(journal)
    except Killed:
        logs = case.run(journal)
        assert all(log.success for log in logs), [log.error for log in logs]
    # A condition that was not met has no effect to be killed after: that call has passed, and the run with it.
    assert [case.store.body(key) for key in MEDIA_KEYS] == [CALL, OTHER_CALL]
    written = case.versions()
    assert {written[key] for key in written if "/audit/" not in key} == {1}
    assert CONTACT_KEY in written
    # An upload that was opened and not remembered yet is the sweep's.
    unremembered = operation == "create_upload" or (operation, when, journalled) == ("put", "before", False)
    assert len(list(case.store.uploads(""))) <= unremembered
    for number in (1, 2):
        assert verify_recording(case.store, LAYOUT, f"{CONTACT}.{number}").problem is None
        ranges = [call.segment.index for call in case.source.calls_of("segment", f"{CONTACT}.{number}") if call.segment]
        assert len(ranges) - len(set(ranges)) <= SEGMENTS_PER_PART
    assert len(case.source.calls_of("resolve")) <= 2


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("segment", [0, 4, 14])
def test_two_workers_on_one_contact_make_one_version_of_everything(number: int, segment: int) -> None:
    case, started = ContactCase(), threading.Event()

    def overtake(index: int) -> None:
        fetched = case.source.calls_of("segment", f"{CONTACT}.{number}")
        if index == segment and (number == 1 or fetched or case.store.keys()) and not started.is_set():
            started.set()
            assert all(log.success for log in case.run(MemoryJournal()))

    case.source.before_segment = overtake
    logs = case.run(MemoryJournal())
    assert all(log.success for log in logs), [log.error for log in logs]
    written = case.versions()
    assert {written[key] for key in written if "/audit/" not in key} == {1}
    assert CONTACT_KEY in written
    assert not list(case.store.uploads(""))


def test_two_workers_that_were_told_different_interactions_never_mix_them() -> None:
    case, told = ContactCase(), threading.Event()
    resolve = case.source.resolve

    def resolve_and_be_overtaken(plan: SegmentPlan) -> Sequence[Media]:
        medias = resolve(plan)
        if not told.is_set():
            told.set()
            extra = interaction("leg-0", at=STARTS["leg-a"].subtract(minutes=5), content=OTHER_CALL)
            case.interactions.append(extra)
            assert set(ends(case.run(MemoryJournal())).values()) == {"ARCHIVED"}
            case.interactions.remove(extra)
        return medias

    case.source.resolve = resolve_and_be_overtaken  # type: ignore[method-assign]  # a rival in between
    logs = case.run(MemoryJournal())
    assert set(ends(logs).values()) == {"IdentityConflict"}
    assert [one.identity for one in case.manifest().recordings] == ["leg-0", "leg-a", "leg-b"]
    written = case.versions()
    assert {written[key] for key in written if "/audit/" not in key} == {1}


def test_a_worker_that_loses_the_commit_to_another_interaction_says_so() -> None:
    case, told = ContactCase(), threading.Event()

    def overtake(index: int) -> None:
        if index == 14 and not told.is_set():
            told.set()
            case.interactions.append(interaction("leg-0", at=STARTS["leg-a"].subtract(minutes=5), content=OTHER_CALL))
            case.run(MemoryJournal())
            case.interactions.pop()

    case.source.before_segment = overtake
    logs = case.run(MemoryJournal())
    assert ends(logs)["4711.1"] == "IdentityConflict"
    assert case.manifest().recordings[0].identity == "leg-0"


def test_of_two_workers_with_the_same_bytes_for_one_number_the_first_identity_stays() -> None:
    case, told = ContactCase(), threading.Event()
    case.settings["part_size_bytes"] = 2**20  # one Put each: the manifest alone decides who was first
    del case.interactions[1]

    def overtake(index: int) -> None:
        if index == 14 and not told.is_set():
            told.set()
            mine = list(case.interactions)
            case.interactions[:] = [interaction("leg-0", at=STARTS["leg-a"], content=CALL)]
            assert ends(case.run(MemoryJournal())) == {"4711.1": "ARCHIVED"}
            case.interactions[:] = mine

    case.source.before_segment = overtake
    assert ends(case.run(MemoryJournal())) == {"4711.1": "IdentityConflict"}
    assert case.manifest().recordings[0].identity == "leg-0"


def test_a_worker_whose_upload_was_removed_does_not_take_another_interaction_for_its_own() -> None:
    case, told = ContactCase(), threading.Event()
    del case.interactions[1]

    def overtake(index: int) -> None:
        if index == 10 and not told.is_set():
            told.set()
            [upload] = case.store.uploads("")
            case.store.abort_upload(upload.key, upload.upload_id)
            mine = list(case.interactions)
            case.interactions[:] = [interaction("leg-0", at=STARTS["leg-a"], content=OTHER_CALL)]
            assert ends(case.run(MemoryJournal())) == {"4711.1": "ARCHIVED"}
            case.interactions[:] = mine

    case.source.before_segment = overtake
    assert ends(case.run(MemoryJournal())) == {"4711.1": "IdentityConflict"}
    assert case.store.body(MEDIA_KEYS[0]) == OTHER_CALL


def test_once_a_number_is_another_worker_s_nothing_is_added_to_the_contact() -> None:
    case, told = ContactCase(), threading.Event()

    def overtake(index: int) -> None:
        if index == 14 and not told.is_set():
            told.set()
            case.interactions.append(interaction("leg-0", at=STARTS["leg-a"].subtract(minutes=5), content=OTHER_CALL))
            case.store.fail_next("complete_upload", Killed(), skip=1)
            with pytest.raises(Killed):
                case.run(MemoryJournal())
            case.interactions.pop()

    case.source.before_segment = overtake
    assert ends(case.run(MemoryJournal())) == {"4711.1": "IdentityConflict", "4711.2": "IdentityConflict"}
    assert case.source.calls_of("segment", "4711.2")[-1].segment is not None  # the rival's
    assert LAYOUT.manifest_key("4711.2") not in case.store.objects
