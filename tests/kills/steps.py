"""The named steps at which a process is killed, as data, and what varies from seed to seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cxone_provider.archive.parts import MIN_PART_BYTES, PartLayout
from tests.kills.kinds import Kind
from tests.kills.wire import Moment, Place, Sight

_KIB = 2**10
_SEGMENT_SIZES_BYTES = (256 * _KIB, 700 * _KIB, 1024 * _KIB, 2560 * _KIB, 5120 * _KIB)
_WAV_ALIGNMENT_BYTES = 4
_SMALLEST_WAV_BYTES = 4 * _KIB


class Shape(StrEnum):
    """How a recording is stored."""

    PARTS = "parts"
    """As a multipart upload."""
    WHOLE = "whole"
    """In one Put: it fits one part."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What is archived, and how."""

    shape: Shape
    size_bytes: int
    segment_size_bytes: int
    concurrency: int
    journalled: bool

    @property
    def layout(self) -> PartLayout:
        """How it is cut."""
        return PartLayout(self.segment_size_bytes, MIN_PART_BYTES)

    @property
    def segment_count(self) -> int:
        """Number of segments."""
        return -(-self.size_bytes // self.segment_size_bytes)

    @property
    def part_count(self) -> int:
        """Number of parts."""
        return self.layout.count(self.size_bytes)


def _once(_: Recording) -> int:
    return 1


def _segments(recording: Recording) -> int:
    return recording.segment_count


def _parts_and_probe(recording: Recording) -> int:
    return recording.part_count + 1  # the store is asked with one part whether it lists digests


def _twice(_: Recording) -> int:
    return 2  # once for the same question, once for the recording


def _trail_writes(recording: Recording) -> int:
    # Without a journal: the upload's opening, then one write that finds the trail changed, and the one that extends it.
    return 1 if recording.journalled or recording.shape is Shape.WHOLE else 3


@dataclass(frozen=True, slots=True)
class Step:
    """Where processes are killed.

    Attributes:
        kind, moment: the request or call, and how far it has come.
        shape: the recording it takes.
        times: how often the request is made in a try; the seed chooses among them.
        first: a step at which the first process is killed, so that the second comes to this one.
        journalled: whether it takes a journal; None for either.
    """

    kind: Kind
    moment: Moment
    shape: Shape = Shape.PARTS
    times: Callable[[Recording], int] = _once
    first: Step | None = None
    journalled: bool | None = None

    @property
    def name(self) -> str:
        """What the tables show."""
        return f"{self.kind}: {self.moment}" + ("" if self.first is None else ", in the second try")

    def place(self, recording: Recording, chance: random.Random) -> Place:
        """Choose one of the times that the step is passed."""
        return Place(Sight(self.kind, chance.randint(1, self.times(recording))), self.moment)


_ASKED = (Moment.BEFORE, Moment.SENT, Moment.ANSWERED)
_READ = (*_ASKED, Moment.HALF_READ)
_WRITTEN = (Moment.BEFORE, Moment.TORN, Moment.SENT, Moment.ANSWERED)
_CALLED = (Moment.BEFORE, Moment.AFTER)

# First tries: one that leaves parts to fetch, one that leaves all of them, two that leave an object without a manifest.
_PARTS_LEFT = Step(Kind.PART, Moment.BEFORE, times=_parts_and_probe)
_UPLOAD_LEFT = Step(Kind.AUDIT, Moment.BEFORE, journalled=True)
_OBJECT_LEFT = Step(Kind.COMPLETE, Moment.ANSWERED)
_PUT_LEFT = Step(Kind.WHOLE, Moment.ANSWERED, Shape.WHOLE)

STEPS: tuple[Step, ...] = (
    *(Step(Kind.TOKEN, moment) for moment in _ASKED),
    *(Step(Kind.METADATA, moment) for moment in _ASKED),
    Step(Kind.BUCKET, Moment.ANSWERED),
    *(Step(Kind.MANIFEST_LOOKUP, moment) for moment in (Moment.BEFORE, Moment.ANSWERED)),
    *(Step(Kind.SEGMENT, moment, times=_segments) for moment in _READ),
    *(Step(Kind.CREATE, moment, times=_twice) for moment in _ASKED),
    *(Step(Kind.ABORT, moment) for moment in (Moment.SENT, Moment.ANSWERED)),
    *(Step(Kind.SAVE, moment, journalled=True) for moment in _CALLED),
    *(Step(Kind.PART, moment, times=_parts_and_probe) for moment in _WRITTEN),
    *(Step(Kind.AUDIT, moment, times=_trail_writes) for moment in _WRITTEN),
    *(Step(Kind.COMPLETE, moment) for moment in _WRITTEN),
    *(Step(Kind.LOOK, moment) for moment in (Moment.BEFORE, Moment.ANSWERED)),
    *(Step(Kind.WHOLE, moment, Shape.WHOLE) for moment in _WRITTEN),
    *(Step(Kind.MANIFEST, moment) for moment in _WRITTEN),
    *(Step(Kind.CLEAR, moment, journalled=True) for moment in _CALLED),
    *(Step(Kind.RECEIPT_LOOKUP, moment) for moment in (Moment.BEFORE, Moment.ANSWERED)),
    *(Step(Kind.WEBHOOK, moment) for moment in _WRITTEN),
    *(Step(Kind.RECEIPT, moment) for moment in _WRITTEN),
    *(Step(Kind.TRAIL_LOOKUP, moment, journalled=False) for moment in (Moment.BEFORE, Moment.ANSWERED)),
    *(Step(Kind.SEGMENT, moment, first=_PARTS_LEFT) for moment in (Moment.SENT, Moment.HALF_READ)),
    *(Step(Kind.PARTS, moment, first=_UPLOAD_LEFT, journalled=True) for moment in _ASKED),
    *(Step(Kind.COMPLETE, moment, first=_UPLOAD_LEFT, journalled=True) for moment in (Moment.SENT, Moment.ANSWERED)),
    *(Step(Kind.READ_BACK, moment, first=_OBJECT_LEFT) for moment in _READ),
    *(Step(Kind.READ_BACK, moment, Shape.WHOLE, first=_PUT_LEFT) for moment in (Moment.BEFORE, Moment.HALF_READ)),
    *(Step(Kind.MANIFEST, moment, first=_OBJECT_LEFT) for moment in _WRITTEN),
)


_RACED = {(Kind.COMPLETE, Moment.SENT), (Kind.PART, Moment.SENT), (Kind.WHOLE, Moment.SENT)}

SINGLE_STEPS = tuple(step for step in STEPS if step.first is None)
"""The steps that a first try passes."""
STOPPED_STEPS = tuple(step for step in SINGLE_STEPS if (step.kind, step.moment) != (Kind.RECEIPT, Moment.ANSWERED))
"""Where SIGTERM comes in time: after the last answer there is nothing left to stop."""
RACED_STEPS = tuple(step for step in SINGLE_STEPS if (step.kind, step.moment) in _RACED)
"""Two workers that start together pass every step; these make recordings of both shapes, more of them in parts."""


@dataclass(frozen=True, slots=True)
class Case:
    """One recording, and where its tries end, one after the other; the try after the last of them runs to the end.

    Attributes:
        step: what the case is for.
        seed: decides everything else.
        recording: what is archived.
        places: one for each try that ends early.
    """

    step: Step
    seed: int
    recording: Recording
    places: tuple[Place, ...]

    @property
    def recording_id(self) -> str:
        """An id that no other case of a trial has."""
        return f"{STEPS.index(self.step)}-{self.seed}"


def case_of(step: Step, seed: int, *, small: bool = False) -> Case:
    """Return the case that a seed makes of a step; a small one has a recording of little more than one part."""
    chance = random.Random(f"{step.name} {step.shape} {seed}")
    recording = _recording(step, chance, small=small)
    steps = [one for one in (step.first, step) if one is not None]
    return Case(step, seed, recording, tuple(one.place(recording, chance) for one in steps))


def _recording(step: Step, chance: random.Random, *, small: bool) -> Recording:
    segment_size_bytes = chance.choice(_SEGMENT_SIZES_BYTES)
    unit_bytes = PartLayout(segment_size_bytes, MIN_PART_BYTES).unit_bytes
    full_parts = 0 if step.shape is Shape.WHOLE else 1 if small else chance.choice((1, 2, 2, 3))
    rest_bytes = chance.randint(_SMALLEST_WAV_BYTES, unit_bytes // 16 if small else unit_bytes)
    size_bytes = full_parts * unit_bytes + rest_bytes
    return Recording(
        shape=step.shape,
        size_bytes=size_bytes // _WAV_ALIGNMENT_BYTES * _WAV_ALIGNMENT_BYTES,
        segment_size_bytes=segment_size_bytes,
        concurrency=chance.randint(1, 4),
        journalled=chance.random() < 0.5 if step.journalled is None else step.journalled,
    )
