"""Recordings, contacts and faults of a folder: from its index ``recordings.json`` and a scenario of the same form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxone_provider.simulator.contacts import Contact, parse_contacts
from cxone_provider.simulator.entries import Entry, checked_id, format_of, recording_spec, rendition_files
from cxone_provider.simulator.errors import ScenarioError, unknown_name
from cxone_provider.simulator.faults import Rule, parse_rules
from cxone_provider.simulator.recording import RecordingSpec

INDEX_NAME = "recordings.json"
_DOCUMENT_FIELDS = frozenset({"recordings", "contacts", "faults"})


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a tenant is set up with.

    Attributes:
        rules: faults of the whole tenant: any recording, the token endpoint, the webhook receiver.
    """

    recordings: Sequence[RecordingSpec] = ()
    contacts: Sequence[Contact] = ()
    rules: Sequence[Rule] = ()


def load_scenario(folder: Path, scenario: Path | None = None) -> Scenario:
    """Return every audio file of `folder` as a recording, with what its index and then `scenario` say about each.

    Both documents are ``{"recordings": [{"id", …}], "contacts": [{"id", …}], "faults": […]}``, every part optional;
    see :data:`.entries.ENTRY_FIELDS` and :func:`.parse_contacts`. What the scenario says of an id adds to what the
    index says of it.

    Raises:
        ScenarioError: a file that cannot be read, or does not have this form.
    """
    if not folder.is_dir():
        raise ScenarioError(f"no folder {folder}")
    index = folder / INDEX_NAME
    documents = [_document(path) for path in (index if index.is_file() else None, scenario) if path]
    entries = _with_unnamed_files(_merged(documents, "recordings"), folder)
    rules = [rule for document in documents for rule in parse_rules(document.get("faults", []))]
    contacts = parse_contacts(list(_merged(documents, "contacts").values()), folder)
    return Scenario([recording_spec(entry, folder) for entry in entries.values()], contacts, rules)


def _document(path: Path) -> Entry:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ScenarioError(f"cannot read {path}: {error}") from error
    if not isinstance(document, Mapping):
        raise ScenarioError(f'{path} holds {{"recordings": […], "contacts": […], "faults": […]}}, not {document!r}')
    for name in document:
        if name not in _DOCUMENT_FIELDS:
            raise unknown_name(f"field of {path.name}", name, _DOCUMENT_FIELDS)
    return document


def _merged(documents: Sequence[Entry], kind: str) -> dict[str, Entry]:
    """Return the entries of a kind by id; what a later document says about one wins."""
    merged: dict[str, Entry] = {}
    for document in documents:
        named_here: set[str] = set()
        for entry in _entries(document, kind):
            entry_id = checked_id(entry.get("id"))
            if entry_id in named_here:
                raise ScenarioError(f"the {kind.removesuffix('s')} {entry_id!r} appears twice")
            named_here.add(entry_id)
            merged[entry_id] = {**merged.get(entry_id, {}), **entry}
    return merged


def _entries(document: Entry, kind: str) -> list[Entry]:
    entries = document.get(kind, [])
    if isinstance(entries, list) and all(isinstance(entry, Mapping) for entry in entries):
        return entries
    raise ScenarioError(f"{kind} are a list of objects, not {entries!r}")


def _with_unnamed_files(entries: Mapping[str, Entry], folder: Path) -> dict[str, Entry]:
    """Return the entries, and one more for every audio file that none of them names."""
    completed = dict(entries)
    named = {name for entry in entries.values() for name in (entry.get("file"), *rendition_files(entry).values())}
    for path in sorted(folder.iterdir()):
        if path.name in named or format_of(path.name) is None or not path.is_file():
            continue
        known = completed.get(path.stem, {})
        if "file" in known or "generated_bytes" in known:
            raise ScenarioError(
                f"{path.name}: there is a recording {path.stem!r} already; say in {INDEX_NAME} which is which"
            )
        completed[path.stem] = {"id": path.stem, **known, "file": path.name}
    return completed
