"""One row of the fault matrix: what is broken, and how the recording must end."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cxone_provider.archive.errors import ArchiveError
from cxone_provider.archive.parts import MIN_PART_BYTES
from tests.servers.s3_faults import S3Fault

AUDIO = Path(__file__).parents[1] / "audio"
SEGMENT_SIZE_BYTES = 256 * 1024
PART_SIZE_BYTES = MIN_PART_BYTES
RIGHT = frozenset({"right object"})
DELIVERED = frozenset({"delivered"})

TenantFault = Mapping[str, Any]
"""A fault of the simulator as JSON; ``@…`` values are filled in by :meth:`Strike.resolve`."""

Group = Literal["classic", "tenant", "playback", "store", "second try", "webhook", "limit"]


@dataclass(frozen=True, slots=True)
class Links:
    """What becomes of the links to a contact's media.

    Attributes:
        lapse: when every link that was given out expires: right before any body is asked for, or right before the
            ``rest`` of one is.
        given: given out in place of the broken recording's link; an empty text is none.
        change: each link to that recording after the first one leads to another version.
        other_order: when links first expire, the tenant lists the recordings in another order from then on.
    """

    lapse: Literal["never", "any", "rest"] = "never"
    given: str | None = None
    change: bool = False
    other_order: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """A recording to break.

    Attributes:
        name: in tables.
        file: name of a sample call, or None for a generated WAV of `size_bytes`.
    """

    name: str
    size_bytes: int
    file: str | None = None

    @property
    def segment_count(self) -> int:
        """Ranged requests it takes."""
        return -(-self.size_bytes // SEGMENT_SIZE_BYTES)


ONE_SEGMENT = Size("one segment", 240_579, "call-cbr64k-44k1-stereo-30s.mp3")
ONE_PART = Size("9 segments, one part", 2_241_302, "call-pcm16-8k-stereo.wav")
SEVERAL_PARTS = Size("45 segments, 3 parts", 11 * 2**20 + 12_340)
ALL_SIZES = (ONE_SEGMENT, ONE_PART, SEVERAL_PARTS)
SEVERAL_SEGMENTS = (ONE_PART, SEVERAL_PARTS)
MULTIPART = (SEVERAL_PARTS,)
SINGLE_PUT = (ONE_SEGMENT, ONE_PART)


def named(*errors: type[ArchiveError]) -> frozenset[str]:
    """Return the end of a row that is one of these errors."""
    return frozenset(error.__name__ for error in errors)


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        name: short, without spaces.
        what: what goes wrong, for the table.
        end: how the recording must end: :data:`RIGHT`, or the names of errors.
        group: what is broken.
        tenant: faults of the tenant and of the webhook's receiver.
        store: faults of the S3 server.
        signed: the connection has the tenant's stream secret.
        sizes: recordings that the fault can strike.
        announced: how the announcement must end: :data:`DELIVERED`, or the names of errors.
        left: what an error may leave in the bucket: nothing, the whole verified ``media`` of which only the manifest is
            missing, or an ``upload`` for the sweeper.
        first_tenant, first_store: faults of an earlier try, which keeps its upload as a task with tries left does.
        between: what happens between the tries: ``swept`` removes the unfinished upload.
        digests: the server must verify checksums.
        patience_s: limit of silence at both ends.
        peers: other tools can meet this fault too.
        ranged: only who asks for ranges meets it.
        links: of the contact; of the group ``playback`` alone.
    """

    name: str
    what: str
    end: frozenset[str]
    group: Group = "tenant"
    tenant: Sequence[TenantFault] = ()
    store: Sequence[S3Fault] = ()
    signed: bool = False
    sizes: Sequence[Size] = ALL_SIZES
    announced: frozenset[str] = DELIVERED
    left: Literal["nothing", "media", "upload"] = "nothing"
    first_tenant: Sequence[TenantFault] = ()
    first_store: Sequence[S3Fault] = ()
    between: Literal["nothing", "swept"] = "nothing"
    digests: bool = False
    patience_s: float = 4.0
    peers: bool = True
    ranged: bool = False
    links: Links = Links()

    @property
    def breaks(self) -> bool:
        """Tell whether anything is broken at the tenant: one row of a table may show that nothing is wrong then."""
        return bool(self.tenant) or self.links != Links()

    @property
    def has_earlier_try(self) -> bool:
        """Tell whether an earlier try is part of the row."""
        return bool(self.first_tenant or self.first_store)


@dataclass(frozen=True, slots=True)
class Strike:
    """Where in a recording a fault strikes.

    Attributes:
        start: first byte of the struck segment: a full one, and not the first, where there are several.
        byte: a byte in it.
        half: half a segment, in bytes.
        number: which request of an undisturbed transfer brings it, from 1.
    """

    start: int
    byte: int
    half: int
    number: int

    @classmethod
    def drawn(cls, size: Size, rng: random.Random) -> Strike:
        """Return a random place."""
        index = rng.randrange(1, size.segment_count - 1) if size.segment_count > 1 else 0
        start = index * SEGMENT_SIZE_BYTES
        length = min(SEGMENT_SIZE_BYTES, size.size_bytes - start)
        return cls(start, start + rng.randrange(length), length // 2, index + 1)

    def resolve(self, fault: TenantFault) -> TenantFault:
        """Return the fault with ``@start``, ``@byte``, ``@half`` and ``@number`` filled in."""
        places = {f"@{name}": getattr(self, name) for name in self.__slots__}
        return {name: places.get(value, value) if isinstance(value, str) else value for name, value in fault.items()}
