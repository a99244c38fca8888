"""Any sequence of tries, faults, kills, rivals and answers on one contact, against a model of the bucket.

``CXONE_MACHINE_EXAMPLES`` makes the run longer.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.contact import ContactManifest, parse_archived
from cxone_provider.archive.errors import ArchiveError, SourceUnavailable, StoreUnavailable
from cxone_provider.archive.manifest import Manifest
from cxone_provider.archive.slices import Slice, known_ids
from cxone_provider.archive.sweeping import sweep_uploads
from cxone_provider.archive.verifying import Verifier
from tests.fakes.faults import FaultPlan, When
from tests.fakes.journal import MemoryJournal
from tests.fakes.store import Operation
from tests.property.test_pipeline import wav
from tests.unit.archive.archiving_cases import LAYOUT
from tests.unit.archive.contact_cases import CONTACT, CONTACT_KEY, STARTS, ContactCase, ends, interaction

EXAMPLES = int(os.environ.get("CXONE_MACHINE_EXAMPLES", "100"))
STEPS = 20
FOUR_DAYS_S = 4 * 24 * 3600
START = STARTS["leg-a"]

numbers = st.integers(1, 4)
minutes = st.integers(-5, 15)
skips = st.integers(0, 6)
moments: st.SearchStrategy[When] = st.sampled_from(["before", "after"])
operations: st.SearchStrategy[Operation] = st.sampled_from(
    [*("put", "put_part", "complete_upload") * 2, "create_upload", "abort_upload", "parts", "read", "stat", "stream"]
)
unfinished = precondition(lambda self: CONTACT_KEY not in self.case.store.objects)


class Killed(BaseException):
    """The process dies here: no handler of the archive runs."""


class ContactMachine(RuleBasedStateMachine):
    """One contact, one bucket, tries one after the other, and a rival that comes in between."""

    @initialize(
        part_bytes=st.sampled_from([120, 180, 5000]), concurrency=st.sampled_from([1, 1, 3]), single=st.booleans(),
        remembered=st.booleans(),
    )  # fmt: skip
    def begin(self, part_bytes: int, concurrency: int, single: bool, remembered: bool) -> None:
        self.case = ContactCase(concurrency=concurrency)
        self.case.settings["part_size_bytes"] = part_bytes
        self.case.plan = self.case.plan.__class__(
            CONTACT, self.case.plan.outcome, segment_size_bytes=60, limits=self.case.plan.limits
        )
        self.case.store._now = self.case.clock.now
        self.single = single
        self.contents: dict[str, bytes] = {}
        self.archived: dict[str, Manifest] = {}
        self.published: dict[str, bytes] = {}
        self.case.interactions.clear()
        for minute in (0, 6):
            self.appear(minute)
        self.journal = MemoryJournal() if remembered else None
        self.stable = True
        self.disturbances = 0

    def appear(self, minute: int) -> None:
        """Let the contact have one interaction more."""
        identity = f"leg-{len(self.contents)}"
        # Of one size and one tag: their identities alone keep the interactions apart.
        self.contents[identity] = wav(250)[:-250] + bytes([len(self.contents)]) * 250
        made = interaction(
            identity, at=START.add(minutes=minute), content=self.contents[identity], single_request=self.single,
            etag='"v1"', metadata={"number": len(self.contents)},
        )  # fmt: skip
        self.case.interactions.append(made)

    def attempt(self, keep: bool, *, disturbed: bool = True) -> None:
        """Run one try to its end, or to the death of its process."""
        self.disturbances += disturbed
        asked_before = len(self.case.source.calls)
        committed = CONTACT_KEY in self.case.store.objects
        try:
            logs = self.case.run(self.journal, keep_unfinished=keep)
        except (Killed, ArchiveError) as error:
            event(f"try died of {type(error).__name__}")
            assert disturbed, "an undisturbed try does not raise"
        else:
            self.judge(logs, disturbed=disturbed)
            if committed:
                assert len(self.case.source.calls) == asked_before, "an archived contact is not asked for"
        finally:
            self.case.store._faults = FaultPlan()
            self.case.source._faults.clear()
            self.case.source._cuts.clear()
            self.case.source.before_segment = lambda index: None

    def judge(self, logs: list[AuditLog], *, disturbed: bool) -> None:
        """Check how a try that came to its end says it ended."""
        told = ends(logs)
        event(f"try ended {sorted(set(told.values()))}")
        for log in logs:
            assert not log.success or LAYOUT.manifest_key(log.recording_id) in self.case.store.objects
        if not disturbed and self.stable:
            assert set(told.values()) <= {"ARCHIVED", "ALREADY_ARCHIVED"}
            assert CONTACT_KEY in self.case.store.objects
        elif not disturbed:
            assert set(told.values()) <= {"ARCHIVED", "ALREADY_ARCHIVED", "IdentityConflict", "ObjectConflict"}

    @precondition(lambda self: self.disturbances > 2 or CONTACT_KEY in self.case.store.objects)
    @rule(keep=st.booleans())
    def undisturbed(self, keep: bool) -> None:
        self.attempt(keep, disturbed=False)

    @unfinished
    @rule(keep=st.booleans(), number=numbers, index=st.integers(0, 6), times=st.integers(1, 3))
    def source_fails(self, keep: bool, number: int, index: int, times: int) -> None:
        self.case.source.script(f"{CONTACT}.{number}", index, [SourceUnavailable("503")] * times)
        self.attempt(keep)

    @unfinished
    @rule(keep=st.booleans(), number=numbers, cuts=st.lists(st.integers(1, 250), max_size=5))
    def bodies_break_off(self, keep: bool, number: int, cuts: list[int]) -> None:
        self.case.source.cut_whole(f"{CONTACT}.{number}", sorted(cuts))
        self.attempt(keep)

    @unfinished
    @rule(keep=st.booleans(), operation=operations, when=moments, skip=skips, times=st.integers(1, 2))
    def store_fails(self, keep: bool, operation: Operation, when: When, skip: int, times: int) -> None:
        self.case.store.fail_next(operation, StoreUnavailable("503"), when=when, skip=skip, times=times)
        self.attempt(keep)

    @unfinished
    @rule(keep=st.booleans(), operation=operations, when=moments, skip=skips)
    def killed_at_the_store(self, keep: bool, operation: Operation, when: When, skip: int) -> None:
        self.case.store.fail_next(operation, Killed(), when=when, skip=skip)
        self.attempt(keep)

    @unfinished
    @rule(keep=st.booleans(), index=st.integers(0, 6))
    def a_rival_archives_it_meanwhile(self, keep: bool, index: int) -> None:
        self.at_segment(index, lambda: self.case.run(None))
        self.attempt(keep)

    @unfinished
    @rule(keep=st.booleans(), index=st.integers(0, 6), minute=minutes)
    def a_rival_is_told_of_one_more(self, keep: bool, index: int, minute: int) -> None:
        def rival() -> None:
            self.appear(minute)
            self.stable = False
            self.case.run(None)

        self.at_segment(index, rival)
        self.attempt(keep)

    @precondition(lambda self: len(self.contents) < 6)
    @rule(minute=minutes)
    def an_interaction_appears(self, minute: int) -> None:
        self.appear(minute)
        self.stable = False

    @rule(order=st.randoms(use_true_random=False))
    def the_answer_comes_in_another_order(self, order: object) -> None:
        order.shuffle(self.case.interactions)  # type: ignore[attr-defined]  # hypothesis gives a random.Random

    @rule()
    def the_source_is_asked_the_other_way(self) -> None:
        self.single = not self.single
        for one in self.case.interactions:
            one.recording.single_request = self.single

    @rule()
    def state_is_lost(self) -> None:
        if self.journal is not None:
            self.journal = MemoryJournal()

    @rule()
    def swept_days_later(self) -> None:
        self.case.clock.pass_s(FOUR_DAYS_S)
        list(sweep_uploads(self.case.store, LAYOUT, self.case.clock))
        assert not list(self.case.store.uploads(""))

    def at_segment(self, index: int, act: Callable[[], object]) -> None:
        """Act once, just before a segment is fetched by ranges."""
        waiting = [index]

        def before(current: int) -> None:
            if waiting and current >= waiting[0]:
                waiting.clear()
                act()

        self.case.source.before_segment = before

    @invariant()
    def what_was_seen_stays(self) -> None:
        objects = self.case.store.objects
        kept = [key for key in objects if "/audit/" not in key]
        assert all(len(objects[key]) == 1 for key in kept), "one version, never two"
        media = {key: self.case.store.body(key) for key in kept if "/recordings/" in key}
        assert self.published.items() <= media.items()
        assert set(media.values()) <= set(self.contents.values()), "only whole interactions show"
        self.published = media

    @invariant()
    def a_manifest_is_of_the_interaction_that_it_names(self) -> None:
        for archived_id in known_ids(self.case.store, LAYOUT, Slice()):
            key = LAYOUT.manifest_key(archived_id)
            if key in self.case.store.objects and archived_id != CONTACT:
                manifest = parse_archived(self.case.store.body(key), archived_id)
                assert isinstance(manifest, Manifest)
                assert self.archived.setdefault(archived_id, manifest) == manifest
                content = self.contents[str(manifest.identity)]
                assert manifest.sha256 == hashlib.sha256(content).hexdigest()
        identities = [manifest.identity for manifest in self.archived.values()]
        assert len(set(identities)) == len(identities), "no interaction is archived twice"

        self.check_the_contact_manifest()

    def check_the_contact_manifest(self) -> None:
        """Check that a contact manifest names what is there, and that everything is intact."""
        if CONTACT_KEY not in self.case.store.objects:
            return
        contact = parse_archived(self.case.store.body(CONTACT_KEY), CONTACT)
        assert isinstance(contact, ContactManifest)
        assert {one.recording_id: one.identity for one in contact.recordings} == {
            recording_id: manifest.identity for recording_id, manifest in self.archived.items()
        }
        verifier = Verifier(self.case.store, LAYOUT)
        found = {one.recording_id: one.problem for one in verifier.verify_all([CONTACT, *self.archived])}
        assert set(found.values()) == {None}


TestContactMachine = ContactMachine.TestCase
TestContactMachine.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
