"""Which recordings are archived, by id and nothing else; what the archive holds besides is the inventory's to tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cxone_provider.archive.inventory import objects_of
from cxone_provider.archive.keys import ArchiveLayout, recording_id_of
from cxone_provider.archive.ports import ObjectStore


def archived_ids(store: ObjectStore, layout: ArchiveLayout, asked: Iterable[str]) -> Iterator[str]:
    """Yield the ids of the recordings that have a manifest, each once, in the order of their keys.

    Every archived one of `asked` is among them; so are others, such as ``{contact_id}.{n}`` of a contact that is asked
    about. Holds a page of keys besides what finding them holds.

    Raises:
        StoreError: the manifests cannot be listed.
    """
    folder, slash, suffix = layout.manifest_key("").rpartition("/")
    for stored in objects_of(store, folder + slash, asked):
        if stored.key.endswith(suffix):
            yield recording_id_of(stored.key[len(folder + slash) : -len(suffix)])
