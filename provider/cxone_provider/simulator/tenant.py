"""The tenant: its recordings, its tokens, and the faults scripted for all of it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.errors import ScenarioError
from cxone_provider.simulator.faults import Rule, Script
from cxone_provider.simulator.recording import Recording, RecordingSpec
from cxone_provider.simulator.tokens import TokenDesk


class Tenant:
    """Holds recordings by id. Safe under threads."""

    def __init__(self, tokens: TokenDesk, clock: Clock) -> None:
        self.tokens = tokens
        self.clock = clock
        self.script = Script()
        self._initial_rules: Sequence[Rule] = ()
        self._lock = threading.Lock()
        self._recordings: dict[str, Recording] = {}

    def set_up(self, specs: Iterable[RecordingSpec], rules: Sequence[Rule]) -> None:
        """Add recordings and the faults that a reset leads back to."""
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
        """Return a recording.

        Raises:
            ScenarioError: there is none with this id.
        """
        found = self.find(recording_id)
        if found is None:
            raise ScenarioError(f"no recording {recording_id!r}")
        return found

    def recordings(self) -> list[Recording]:
        """Return all recordings in the order in which they were added."""
        with self._lock:
            return list(self._recordings.values())

    def reset(self) -> None:
        """Lead everything back to how it was set up: states, versions, faults, tokens."""
        with self._lock:
            self._recordings = {key: Recording(old.spec, self.clock) for key, old in self._recordings.items()}
        self.script.replace(self._initial_rules)
        self.tokens.reset()
