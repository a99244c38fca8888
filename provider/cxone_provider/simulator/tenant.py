"""The tenant: its recordings, its contacts, its tokens, and the faults scripted for all of it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.contacts import Contact, ContactBook
from cxone_provider.simulator.errors import ScenarioError
from cxone_provider.simulator.faults import Rule, Script
from cxone_provider.simulator.recording import Recording, RecordingSpec
from cxone_provider.simulator.tokens import TokenDesk


class Tenant:
    """Holds recordings by id. Safe under threads."""

    def __init__(self, tokens: TokenDesk, clock: Clock) -> None:
        self.tokens = tokens
        self.clock = clock
        self.contacts = ContactBook(clock)
        self.script = Script()
        self._initial_rules: Sequence[Rule] = ()
        self._lock = threading.Lock()
        self._recordings: dict[str, Recording] = {}

    def set_up(self, specs: Iterable[RecordingSpec], contacts: Iterable[Contact], rules: Sequence[Rule]) -> None:
        """Add recordings, contacts and the faults that a reset leads back to."""
        for contact in contacts:
            self.contacts.add(contact)
        for spec in specs:
            self.add(spec)
        self._initial_rules = tuple(rules)
        self.script.replace(rules)

    def add(self, spec: RecordingSpec) -> Recording:
        """Add a recording, or replace the one with its id."""
        recording = Recording(spec, self.clock)
        with self._lock:
            self._recordings[spec.recording_id] = recording
        return recording

    def find(self, recording_id: str | None) -> Recording | None:
        """Return a recording, or None."""
        with self._lock:
            return None if recording_id is None else self._recordings.get(recording_id)

    def recording(self, recording_id: str) -> Recording:
        """Return a recording, or that of a contact's interaction.

        Raises:
            ScenarioError: there is none with this id.
        """
        found = self.find(recording_id)
        if found is not None:
            return found
        of_contact = self.contacts.with_recording(recording_id)
        if of_contact is None:
            raise ScenarioError(f"no recording {recording_id!r}")
        return of_contact[1].recording

    def script_of(self, subject_id: str) -> Script:
        """Return the script of a recording, a contact, or a contact's interaction.

        Raises:
            ScenarioError: there is none with this id.
        """
        contact = None if self.find(subject_id) else self.contacts.find(subject_id)
        return self.recording(subject_id).script if contact is None else contact.script

    def recordings(self) -> list[Recording]:
        """Return all recordings in the order in which they were added."""
        with self._lock:
            return list(self._recordings.values())

    def reset(self) -> None:
        """Lead everything back to how it was set up: states, versions, faults, tokens."""
        with self._lock:
            self._recordings = {key: Recording(old.spec, self.clock) for key, old in self._recordings.items()}
        self.contacts.reset()
        self.script.replace(self._initial_rules)
        self.tokens.reset()
