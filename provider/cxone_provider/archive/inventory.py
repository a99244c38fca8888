"""What the archive holds of the recordings that one asks about, found by listing keys.

A listing tells 1,000 keys a request, and a request may begin anywhere. So keys are read in order, and where the next
recording that was asked about lies beyond what was read, the next request begins there. That takes at most one request
for each recording that is asked about, and at most one for each 1,000 objects that lie there: 11 for 10,000 recordings
whose ids follow each other, however large the archive.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def holdings(store: ObjectStore, layout: ArchiveLayout, listed_ids: Iterable[str]) -> dict[str, Holding]:
    """Return what is archived of `listed_ids`, by id; those of which nothing is there are left out.

    ``{contact_id}.{n}`` counts for the contact, unless it is listed itself.

    Raises:
        StoreError: the manifests cannot be listed.
    """
    asked = set(listed_ids)
    empty_key = layout.manifest_key("")
    folder, slash, suffix = empty_key.rpartition("/")
    found: dict[str, dict[str, StoredObject]] = {}
    for stored in objects_of(store, folder + slash, asked):
        if not stored.key.endswith(suffix):
            continue
        recording_id = recording_id_of(stored.key[len(folder + slash) : -len(suffix)])
        owner = owner_of(recording_id, asked)
        if owner is not None:
            found.setdefault(owner, {})[recording_id] = stored
    return {owner: _holding(owner, manifests) for owner, manifests in found.items()}


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


def owner_of(recording_id: str, listed_ids: set[str]) -> str | None:
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
    for name in sorted(f"{object_name(recording_id)}." for recording_id in recording_ids):
        yield from cursor.from_to(folder + name, f"{folder}{name[:-1]}/")  # the character behind the dot


def _holding(owner: str, manifests: Mapping[str, StoredObject]) -> Holding:
    own = manifests.get(owner)
    several = sorted((name for name in manifests if name != owner), key=lambda name: int(name.rpartition(".")[2]))
    return Holding(own is not None, several or [owner], None if own is None else own.modified_at)


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
