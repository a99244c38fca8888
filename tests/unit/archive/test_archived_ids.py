from __future__ import annotations

from cxone_provider.archive.archived_ids import archived_ids
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.ports import ObjectAttributes
from tests.fakes.store import FakeStore

LAYOUT = ArchiveLayout("archive", "p")


def store_with(*recording_ids: str) -> FakeStore:
    store = FakeStore("archive")
    for recording_id in recording_ids:
        store.put(LAYOUT.manifest_key(recording_id), b"{}", ObjectAttributes("application/json"))
    return store


def test_it_tells_what_has_a_manifest() -> None:
    assert list(archived_ids(store_with("a", "b", "d"), LAYOUT, iter(["d", "c", "a"]))) == ["a", "d"]


def test_a_contact_is_archived_by_its_own_manifest_and_its_recordings_are_told_besides() -> None:
    assert set(archived_ids(store_with("7.1", "7.2"), LAYOUT, ["7"])) == {"7.1", "7.2"}


def test_names_are_those_that_were_asked_for_whatever_a_key_makes_of_them() -> None:
    assert list(archived_ids(store_with("A~b:c"), LAYOUT, ["A~b:c"])) == ["A~b:c"]


def test_what_is_no_manifest_is_none() -> None:
    store = store_with("a")
    key = LAYOUT.manifest_key("b")
    store.put(f"{key}.old", b"", ObjectAttributes("text/plain"))
    assert list(archived_ids(store, LAYOUT, ["a", "b"])) == ["a"]
    assert list(archived_ids(store, LAYOUT, [])) == []
