"""What the archive holds of the recordings that one asks about, found by listing keys.

A listing tells 1,000 keys a request, and a request may begin anywhere. So keys are read in order, and where the next
recording that was asked about lies beyond what was read, the next request begins there. That takes at most one request
for each recording that is asked about, and at most one for each 1,000 objects that lie there: 11 for 10,000 recordings
whose ids follow each other, however large the archive.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import pendulum

from cxone_provider.archive.keys import ArchiveLayout, object_name, recording_id_of
from cxone_provider.archive.ports import ObjectStore
from cxone_provider.archive.stored import StoredObject

_PAGE_KEYS = 1000  # what one request tells at most
_EXTENSION = re.compile(r"\.[a-z0-9]{2,5}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Holding:
    """What the archive holds of one listed recording or contact.

    Attributes:
        archived: its own manifest is there.
        recordings: ids of the recordings that have manifests: its own, or those of its contact, in order.
        committed_at: when its own manifest was stored, by the store's clock; None where nothing tells.
    """

    archived: bool
    recordings: Sequence[str]
    committed_at: pendulum.DateTime | None = None


class Holdings(Mapping[str, Holding]):
    """What an archive holds of listed ids, those of which something is there; eight bytes for each that is listed.

    Attributes:
        numbers: each listed id's own, from 0.
    """

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self.numbers = numbers
        # NaN where there is no manifest of its own, -inf where nothing tells when it was stored; as a float, seconds
        # since 1970 tell microseconds apart until 2242
        self._committed = array("d", [math.nan]) * len(numbers)
        self._several: dict[str, list[str]] = {}

    def add(self, owner: str, recording_id: str, committed_at: pendulum.DateTime | None) -> None:
        """Take a manifest into account, once: a listed id's own, or that of a recording of its contact."""
        if recording_id == owner:
            self._committed[self.numbers[owner]] = -math.inf if committed_at is None else committed_at.timestamp()
        else:
            self._several.setdefault(owner, []).append(recording_id)

    def is_archived(self, name: str) -> bool:
        """Tell whether a listed id has a manifest of its own."""
        return not math.isnan(self._committed[self.numbers[name]])

    def recordings_of(self, name: str) -> Sequence[str]:
        """Return the recordings of a listed id that have manifests: its own, or those of its contact, in order."""
        several = self._several.get(name)
        if several is not None:
            return sorted(several, key=lambda recording_id: int(recording_id.rpartition(".")[2]))
        return (name,) if self.is_archived(name) else ()

    def committed_since(self, name: str, moment: pendulum.DateTime) -> bool:
        """Tell whether a listed id's own manifest was stored at a moment or behind it; False where nothing tells."""
        return self._committed[self.numbers[name]] >= moment.timestamp()

    def __getitem__(self, name: str) -> Holding:
        committed = self._committed[self.numbers[name]]
        recordings = list(self.recordings_of(name))
        if not recordings:
            raise KeyError(name)
        known = math.isfinite(committed)
        return Holding(not math.isnan(committed), recordings, pendulum.from_timestamp(committed) if known else None)

    def __contains__(self, name: object) -> bool:
        return name in self._several or (isinstance(name, str) and name in self.numbers and self.is_archived(name))

    def __iter__(self) -> Iterator[str]:
        return filter(self.__contains__, self.numbers)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Sizes:
    """Sizes in bytes by id: eight bytes for each that is listed, and an entry for each recording of a contact.

    Args:
        numbers: each listed id's own, from 0.
    """

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._numbers = numbers
        self._listed = array("q", [-1]) * len(numbers)
        self._others: dict[str, int] = {}

    def __setitem__(self, recording_id: str, size_bytes: int) -> None:
        number = self._numbers.get(recording_id)
        if number is None:
            self._others[recording_id] = size_bytes
        else:
            self._listed[number] = size_bytes

    def update(self, sizes: Mapping[str, int]) -> None:
        """Take the sizes of several recordings into account."""
        for recording_id, size_bytes in sizes.items():
            self[recording_id] = size_bytes

    def get(self, recording_id: str) -> int | None:
        """Return the size of a recording, or None where it is not known."""
        number = self._numbers.get(recording_id)
        if number is None:
            return self._others.get(recording_id)
        size_bytes = self._listed[number]
        return None if size_bytes < 0 else size_bytes


def holdings(store: ObjectStore, layout: ArchiveLayout, listed_ids: Iterable[str]) -> Holdings:
    """Return what is archived of `listed_ids`, by id; those of which nothing is there are left out.

    ``{contact_id}.{n}`` counts for the contact, unless it is listed itself.

    Args:
        store: the bucket.
        layout: the archive in it.
        listed_ids: read once; a mapping from each to its number, from 0, is used as it is.

    Raises:
        StoreError: the manifests cannot be listed.
    """
    found = Holdings(_numbered(listed_ids))
    empty_key = layout.manifest_key("")
    folder, slash, suffix = empty_key.rpartition("/")
    for stored in objects_of(store, folder + slash, found.numbers):
        if not stored.key.endswith(suffix):
            continue
        recording_id = recording_id_of(stored.key[len(folder + slash) : -len(suffix)])
        owner = owner_of(recording_id, found.numbers)
        if owner is not None:
            found.add(owner, recording_id, stored.modified_at)
    return found


def _numbered(listed_ids: Iterable[str]) -> Mapping[str, int]:
    if isinstance(listed_ids, Mapping):
        return listed_ids
    return {name: number for number, name in enumerate(dict.fromkeys(listed_ids))}


def media_sizes(
    store: ObjectStore, layout: ArchiveLayout, recorded: Mapping[str, pendulum.DateTime | None]
) -> dict[str, int]:
    """Return the size in bytes of the media of recordings, by id; those that lie elsewhere are left out.

    Args:
        store: the bucket.
        layout: the archive in it.
        recorded: start of each recording by its id; it names the folder that the media lies in.

    Raises:
        StoreError: the media cannot be listed.
    """
    folders: dict[str, set[str]] = {}
    for recording_id, recorded_at in recorded.items():
        folder = layout.media_key("", recorded_at, "").removesuffix(".")
        folders.setdefault(folder, set()).add(recording_id)
    sizes: dict[str, int] = {}
    for folder, names in folders.items():
        for stored in objects_of(store, folder, names):
            recording_id = recording_id_of(_EXTENSION.sub("", stored.key[len(folder) :]))
            if recording_id in names:
                sizes[recording_id] = stored.size_bytes
    return sizes


def owner_of(recording_id: str, listed_ids: Container[str]) -> str | None:
    """Return what a recording was listed as: itself, or the contact that ``{contact_id}.{n}`` belongs to."""
    return next((name for name in names_of(recording_id) if name in listed_ids), None)


def names_of(recording_id: str) -> Iterator[str]:
    """Yield what a recording may have been listed as: ``{contact_id}.{n}`` is one of a contact's."""
    yield recording_id
    contact_id, dot, number = recording_id.rpartition(".")
    if dot and number.isascii() and number.isdecimal():
        yield contact_id


def objects_of(store: ObjectStore, folder: str, recording_ids: Iterable[str]) -> Iterator[StoredObject]:
    """Yield the objects in `folder` whose names are one of the ids and what follows a dot, in the keys' order."""
    cursor = _Cursor(store, folder)
    for recording_id in sorted(recording_ids, key=_name):  # ids in the order of their keys, which are not held
        name = _name(recording_id)
        yield from cursor.from_to(folder + name, f"{folder}{name[:-1]}/")  # the character behind the dot


def _name(recording_id: str) -> str:
    return f"{object_name(recording_id)}."


class _Cursor:
    """A place in a folder that only moves forward."""

    def __init__(self, store: ObjectStore, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._page: deque[StoredObject] = deque()
        self._read_up_to = ""
        self._at_end = False

    def from_to(self, first: str, stop: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys lie behind `first` and before `stop`, but for those that were passed."""
        while True:
            while self._page and self._page[0].key <= first:
                self._page.popleft()
            if self._page:
                if self._page[0].key >= stop:
                    return
                yield self._page.popleft()
            elif self._at_end or self._read_up_to >= stop:
                return
            else:
                self._read(max(self._read_up_to, first))

    def _read(self, after: str) -> None:
        self._page.extend(islice(self._store.list_objects(self._folder, after=after), _PAGE_KEYS))
        self._at_end = len(self._page) < _PAGE_KEYS
        self._read_up_to = self._page[-1].key if self._page else after
