"""Airflow's task state store as the core's journals: what it holds survives a retry and a killed worker."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from airflow.sdk.exceptions import AirflowRuntimeError

from cxone_provider.hooks.supervisor import SUPERVISOR

_log = logging.getLogger(__name__)


class StateStore(Protocol):
    """The part of ``context["task_state_store"]`` that is used; it exists since Airflow 3.3."""

    def get(self, key: str) -> Any:
        """Return the value, or None."""

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value."""

    def delete(self, key: str) -> None:
        """Forget a value."""


class TaskStateJournal:
    """A :class:`~cxone_provider.archive.ports.ResumeJournal`, one key per recording.

    A store that fails costs the resumption of one recording, never the recording: it is then transferred again.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store

    def load(self, recording_id: str) -> Mapping[str, Any] | None:
        """Return what was saved last for the recording, or None."""
        try:
            with SUPERVISOR:
                state = self._store.get(_key(recording_id))
        except AirflowRuntimeError as error:
            _log.warning("the state of %s cannot be read, it starts over: %s", recording_id, error)
            return None
        return state if isinstance(state, Mapping) else None

    def save(self, recording_id: str, state: Mapping[str, Any]) -> None:
        """Remember `state`, a small JSON object."""
        try:
            with SUPERVISOR:
                self._store.set(_key(recording_id), dict(state))
        except AirflowRuntimeError as error:
            _log.warning("the state of %s is not kept, a retry starts it over: %s", recording_id, error)

    def clear(self, recording_id: str) -> None:
        """Forget the recording."""
        try:
            with SUPERVISOR:
                self._store.delete(_key(recording_id))
        except AirflowRuntimeError as error:
            _log.warning("the state of %s stays behind until it expires: %s", recording_id, error)


class TaskStateJob:
    """A :class:`~cxone_provider.archive.listing_ports.JobJournal` under one key of the store.

    A store that fails costs a second job, never the listing.
    """

    def __init__(self, store: StateStore, name: str) -> None:
        self._store = store
        self._name = _key(name)

    def load(self) -> Mapping[str, Any] | None:
        """Return what was saved last, or None."""
        try:
            with SUPERVISOR:
                state = self._store.get(self._name)
        except AirflowRuntimeError as error:
            _log.warning("the state of the listing cannot be read, another job is begun: %s", error)
            return None
        return state if isinstance(state, Mapping) else None

    def save(self, state: Mapping[str, Any]) -> None:
        """Remember `state`, a small JSON object."""
        try:
            with SUPERVISOR:
                self._store.set(self._name, dict(state))
        except AirflowRuntimeError as error:
            _log.warning("the state of the listing is not kept, a retry begins another job: %s", error)

    def clear(self) -> None:
        """Forget it."""
        try:
            with SUPERVISOR:
                self._store.delete(self._name)
        except AirflowRuntimeError as error:
            _log.warning("the state of the listing stays behind until it expires: %s", error)


def _key(recording_id: str) -> str:
    return f"cxone.{recording_id}"
