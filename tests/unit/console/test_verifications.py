"""*Verify now* while people come and go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cxone_provider.archive.errors import StoreUnavailable
from cxone_provider.console.verifications import Verifications
from tests.fakes.browser import FakeBrowser
from tests.fakes.console_archive import LAYOUT, ConsoleArchive

MIB = 2**20


class Metered(FakeBrowser):
    """Counts the pieces that are read."""

    pieces = 0

    @contextmanager
    def stream(self, key: str, *, version_id: str | None = None) -> Iterator[Iterator[bytes]]:
        with super().stream(key, version_id=version_id) as pieces:
            yield self._counted(pieces)

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.pieces += 1
            yield piece


@pytest.fixture
def store() -> Metered:
    return Metered("archive")


def told(lines: Iterator[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def test_whoever_leaves_stops_the_reading(store: Metered) -> None:
    size_bytes = 300 * MIB
    ConsoleArchive(store).add_recording("call", bytes(size_bytes))
    lines = Verifications(store, LAYOUT).lines("call", size_bytes)
    assert json.loads(next(lines))["state"] == "reading"
    assert json.loads(next(lines))["read_bytes"] < size_bytes
    lines.close()  # type: ignore[attr-defined]  # a generator, as the server closes it
    assert store.pieces < 300


def test_a_third_is_told_to_wait_and_places_come_free(store: Metered) -> None:
    ConsoleArchive(store).add_recording("call", b"media")
    verifications = Verifications(store, LAYOUT)
    first, second = verifications.lines("call", 5), verifications.lines("call", 5)
    next(first)
    next(second)
    assert told(verifications.lines("call", 5)) == [{"state": "busy"}]
    assert told(first)[-1]["intact"] is True
    assert told(verifications.lines("call", 5))[-1]["intact"] is True
    second.close()  # type: ignore[attr-defined]  # a generator, as the server closes it
    assert told(verifications.lines("call", 5))[-1]["state"] == "done"


def test_a_store_that_breaks_is_told_apart_from_damage(store: Metered) -> None:
    ConsoleArchive(store).add_recording("call", b"media")
    store.fail_next("stream", StoreUnavailable("the connection broke"))
    end = told(Verifications(store, LAYOUT).lines("call", 5))[-1]
    assert (end["state"], end["intact"], end["unread"]) == ("done", False, True)
