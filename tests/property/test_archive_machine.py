"""Any sequence of tries, faults, kills, changes, rivals and sweeps, against a model of what may lie in the bucket.

``CXONE_MACHINE_EXAMPLES`` makes the run longer.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.errors import ArchiveError, SignatureMismatch, SourceUnavailable, StoreUnavailable
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.sweeping import sweep_uploads
from cxone_provider.archive.verifying import verify_recording
from tests.fakes.faults import FaultPlan, When
from tests.fakes.journal import MemoryJournal
from tests.fakes.store import Operation
from tests.property.test_pipeline import wav
from tests.unit.archive.archiving_cases import LAYOUT, Case

EXAMPLES = int(os.environ.get("CXONE_MACHINE_EXAMPLES", "150"))
STEPS = 20
MEDIA_KEY = LAYOUT.media_key("rec", None, "wav")
MANIFEST_KEY = LAYOUT.manifest_key("rec")
SEGMENT_BYTES = 60
FOUR_DAYS_S = 4 * 24 * 3600

sizes = st.integers(150, 500)
segments = st.integers(0, 8)
skips = st.integers(0, 3)
moments: st.SearchStrategy[When] = st.sampled_from(["before", "after"])
operations: st.SearchStrategy[Operation] = st.sampled_from(
    [*("put", "put_part", "complete_upload") * 2, "create_upload", "abort_upload", "parts", "read", "stat", "stream"]
)
unfinished = precondition(lambda self: not self.model.committed)


class Killed(BaseException):
    """The process dies here: no handler of the archive runs."""


@dataclass
class Model:
    """What may lie in the bucket: at most one media, whole, of an entity the tenant had; then it is for ever.

    Attributes:
        entities: every content the tenant has had; the last one is its present one.
        media, committed: what was seen in the bucket last.
    """

    entities: list[bytes]
    media: bytes | None = None
    committed: bool = False
    uploads: set[str] = field(default_factory=set)

    def may_become(self, media: bytes | None, *, committed: bool) -> bool:
        """Tell whether the bucket may look like this after what it looked like."""
        if self.media is not None and media != self.media:
            return False
        if self.committed and not committed:
            return False
        if committed and media is None:
            return False
        return media is None or media in self.entities

    def ends(self) -> set[str]:
        """Return how an undisturbed try with a fresh plan may end."""
        if self.committed:
            return {"ALREADY_ARCHIVED"}
        if self.media is None or self.media == self.entities[-1]:
            return {"ARCHIVED"}
        # Of a changed recording, what an earlier try published stays: finished by it, or in its way.
        return {"ARCHIVED", "ObjectConflict"}


def end_of(log: AuditLog) -> str:
    return log.error.type if log.error is not None else str(log.outcome)


class ArchiveMachine(RuleBasedStateMachine):
    """One recording, one bucket, tries one after the other, and a rival that comes in between."""

    @initialize(
        size=sizes, part_bytes=st.sampled_from([120, 120, 180, 5000]), concurrency=st.sampled_from([1, 1, 3]),
        signed=st.booleans(), remembered=st.sampled_from(["task state", "trail"]),
    )  # fmt: skip
    def begin(
        self, size: int, part_bytes: int, concurrency: int, signed: bool, remembered: Literal["task state", "trail"]
    ) -> None:
        self.model = Model([wav(size)])
        self.case = Case(
            self.model.entities[-1], segment_size_bytes=SEGMENT_BYTES, part_size_bytes=part_bytes,
            concurrency=concurrency, signed=signed, audio_format="wav",
        )  # fmt: skip
        self.case.store._now = self.case.clock.now
        self.journal = MemoryJournal() if remembered == "task state" else None
        self.fresh = True
        self.disturbances = 0

    @precondition(lambda self: self.model.committed)
    @rule(size=sizes, part_bytes=st.sampled_from([120, 120, 180, 5000]), signed=st.booleans())
    def the_next_recording(self, size: int, part_bytes: int, signed: bool) -> None:
        """Begin again: what is archived is for ever, and little more happens to it."""
        self.begin(size, part_bytes, 1, signed, "trail" if self.journal is None else "task state")

    def attempt(self, keep: bool, *, disturbed: bool = True) -> None:
        """Run one try to its end, or to the death of its process."""
        self.disturbances += disturbed
        try:
            log = self.case.run(self.journal, keep_unfinished=keep)
        except (Killed, ArchiveError) as error:
            event(f"try died of {type(error).__name__}")
            assert disturbed, "an undisturbed try does not raise"
        else:
            event(f"try ended {end_of(log)}")
            assert log.outcome is not Outcome.READY
            assert not log.success or MANIFEST_KEY in self.case.store.objects, "success without a manifest"
            if not disturbed and self.fresh:
                assert end_of(log) in self.model.ends()
        finally:
            self.case.store._faults = FaultPlan()
            self.case.source._faults.clear()
            self.case.source.before_segment = lambda index: None

    @precondition(lambda self: self.model.committed or self.disturbances > 2)
    @rule(keep=st.booleans())
    def undisturbed(self, keep: bool) -> None:
        self.attempt(keep, disturbed=False)

    @unfinished
    @rule(keep=st.booleans(), index=segments, times=st.integers(1, 3), final=st.booleans())
    def source_fails(self, keep: bool, index: int, times: int, final: bool) -> None:
        error = SignatureMismatch("wrong") if final else SourceUnavailable("503")
        self.case.source.script("rec", index, [error] * times)
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
    @rule(keep=st.booleans(), index=segments)
    def killed_at_a_segment(self, keep: bool, index: int) -> None:
        def die(_index: int) -> None:
            raise Killed

        self.at_segment(index, die)
        self.attempt(keep)

    @unfinished
    @rule(keep=st.booleans(), index=segments)
    def a_rival_archives_it_meanwhile(self, keep: bool, index: int) -> None:
        self.at_segment(index, lambda _index: self.rival())
        self.attempt(keep)

    @unfinished
    @rule(keep=st.booleans(), index=segments, size=sizes)
    def it_changes_meanwhile(self, keep: bool, index: int, size: int) -> None:
        self.at_segment(index, lambda _index: self.change(size))
        self.attempt(keep)

    @rule(size=sizes)
    def it_changes(self, size: int) -> None:
        self.change(size)

    @rule()
    def planned_again(self) -> None:
        self.case.plan = self.case.plan.resolved(len(self.case.recording.content))
        self.fresh = True

    @rule(lost=st.booleans())
    def state_is_lost(self, lost: bool) -> None:
        if lost and self.journal is not None:
            self.journal.clear("rec")

    @rule()
    def swept_at_once(self) -> None:
        before = sorted(upload.upload_id for upload in self.case.store.uploads(""))
        list(sweep_uploads(self.case.store, LAYOUT, self.case.clock))
        assert sorted(upload.upload_id for upload in self.case.store.uploads("")) == before, "live uploads survive"

    @rule()
    def swept_days_later(self) -> None:
        self.case.clock.pass_s(FOUR_DAYS_S)
        list(sweep_uploads(self.case.store, LAYOUT, self.case.clock))
        assert self.case.no_upload_left()

    def at_segment(self, index: int, act: Callable[[int], None]) -> None:
        """Act once, just before the segment is fetched."""
        waiting = [index]

        def before(current: int) -> None:
            if waiting and current >= waiting[0]:
                waiting.clear()
                act(current)

        self.case.source.before_segment = before

    def rival(self) -> None:
        """Let another worker, which shares nothing but the bucket, archive the recording."""
        self.case.run(None)

    def change(self, size: int) -> None:
        """Make the recording another one."""
        sound = wav(size)
        content = sound[:-1] + bytes([len(self.model.entities) % 256]) if size else sound
        self.model.entities.append(content)
        self.case.recording.content = content
        self.case.recording.etag = f'"v{len(self.model.entities)}"'
        self.fresh = False

    @invariant()
    def the_bucket_is_as_the_model_allows(self) -> None:
        objects = self.case.store.objects
        assert all(len(objects.get(key, [1])) == 1 for key in (MEDIA_KEY, MANIFEST_KEY)), "one version, never two"
        assert not [key for key in objects if "/recordings/" in key and key != MEDIA_KEY]
        media = self.case.store.body(MEDIA_KEY) if MEDIA_KEY in objects else None
        committed = MANIFEST_KEY in objects
        assert self.model.may_become(media, committed=committed)
        self.model.media, self.model.committed = media, committed

    @invariant()
    def what_is_committed_is_intact(self) -> None:
        if not self.model.committed:
            return
        assert verify_recording(self.case.store, LAYOUT, "rec").problem is None
        told = json.loads(self.case.store.body(MANIFEST_KEY))
        assert told["sha256"] == hashlib.sha256(self.model.media or b"").hexdigest()


TestArchiveMachine = ArchiveMachine.TestCase
TestArchiveMachine.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
