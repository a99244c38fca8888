"""A resume journal in memory that keeps JSON only, as Airflow's task state store does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class MemoryJournal:
    """A :class:`~cxone_provider.archive.ports.ResumeJournal`; `saves` counts the writes.

    A saved state is kept as JSON text, so what cannot cross a process border fails in the test that saves it.
    """

    def __init__(self) -> None:
        self.saves = 0
        self._states: dict[str, str] = {}

    def load(self, recording_id: str) -> Mapping[str, Any] | None:
        text = self._states.get(recording_id)
        if text is None:
            return None
        state: dict[str, Any] = json.loads(text)
        return state

    def save(self, recording_id: str, state: Mapping[str, Any]) -> None:
        self._states[recording_id] = json.dumps(state)
        self.saves += 1

    def clear(self, recording_id: str) -> None:
        self._states.pop(recording_id, None)
