"""Which recordings of an archive one run reads back: named ones, all, or a rotating part that comes round to all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby

import pendulum

from cxone_provider.archive.contact import ContactManifest, read_archived
from cxone_provider.archive.errors import ArchiveError, InvalidSetting
from cxone_provider.archive.keys import ArchiveLayout, recording_id_of
from cxone_provider.archive.ports import ObjectStore

MAX_SLICES = 10_000
_DAYS_OF_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Slice:
    """Part `index` of `count`, from 0.

    A recording's slice depends on its id alone: it is read once in every round, whatever comes and goes.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_SLICES or not 0 <= self.index < self.count:
            raise InvalidSetting(
                "unusable slice", found=f"{self.index} of {self.count}", expected="0 <= index < count, e.g. 3 of 7"
            )

    @classmethod
    def of_week(cls, day: pendulum.Date, count: int) -> Slice:
        """Return the slice of the week that `day` lies in: `count` weeks in a row have every slice once.

        Weeks begin on Mondays and are counted from the year 1, not from January: a year's last week has number 52 or
        53, so weeks of the year would skip some slices and repeat others.
        """
        return cls((day.toordinal() - 1) // _DAYS_OF_A_WEEK % count if count > 0 else 0, count)

    def holds(self, recording_id: str) -> bool:
        """Tell whether the recording belongs to this slice."""
        digest = hashlib.sha256(recording_id.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index

    def __str__(self) -> str:
        return "the whole archive" if self.count == 1 else f"slice {self.index + 1} of {self.count}"


def known_ids(store: ObjectStore, layout: ArchiveLayout, part: Slice) -> Iterator[str]:
    """Yield the ids of a slice that have a manifest or an audit trail: recordings, and contacts by their manifests.

    Both are listed: one listing alone would not show a recording whose manifest, or whose trail, was removed.
    """
    listings = [_names_under(store, key, part) for key in (layout.manifest_key(""), layout.audit_key(""))]
    # In the store's order: a contact comes behind its recordings, `4711.1.json` before `4711.json`. The other suffix
    # can sort a pair of odd ids differently: such an id comes twice, and none is left out.
    merged = merge(*listings, key=lambda name: f"{name}.json")
    return (recording_id_of(name) for name, _ in groupby(merged))


def named_ids(store: ObjectStore, layout: ArchiveLayout, ids: Iterable[str]) -> Iterator[str]:
    """Yield each id that was named once, a contact's followed by those of its recordings."""
    yielded: set[str] = set()
    for archived_id in ids:
        for one in (archived_id, *_recordings_of(store, layout, archived_id)):
            if one not in yielded:
                yielded.add(one)
                yield one


def _recordings_of(store: ObjectStore, layout: ArchiveLayout, archived_id: str) -> Iterator[str]:
    try:
        found = read_archived(store, layout, archived_id)
    except ArchiveError:
        return  # whoever reads the id itself finds the same, and tells of it
    if isinstance(found, ContactManifest):
        yield from (recording.recording_id for recording in found.recordings)


def _names_under(store: ObjectStore, empty_key: str, part: Slice) -> Iterator[str]:
    folder, slash, suffix = empty_key.rpartition("/")
    prefix = folder + slash
    for key in store.list_keys(prefix):
        name = key[len(prefix) : -len(suffix)]
        if key.endswith(suffix) and name and part.holds(recording_id_of(name)):
            yield name
