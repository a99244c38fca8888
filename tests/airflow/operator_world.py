"""Operators over fakes: a tenant, a bucket and a webhook in memory behind the hooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cxone_provider.adapters.s3.settings import store_settings
from cxone_provider.hooks.archive_store import ArchiveBucket
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.operators import (
    estimation,
    listing,
    notification,
    quality,
    reconciliation,
    streaming,
    validation,
    verification,
)
from tests.airflow.conftest import AUDIO
from tests.fakes.notifier import FakeNotifier
from tests.fakes.source import FakeRecording, FakeSource
from tests.fakes.store import FakeStore

MP3 = (AUDIO / "one-second.mp3").read_bytes()
MP3_DURATION_S = 1.0


def recording(**fields: Any) -> FakeRecording:
    """Return a recording of one second of MP3."""
    return FakeRecording(**{"content": MP3, "duration_s": MP3_DURATION_S, **fields})


@dataclass
class World:
    """What the operators reach, and how they asked for the bucket."""

    source: FakeSource = field(default_factory=FakeSource)
    store: FakeStore = field(default_factory=FakeStore)
    notifier: FakeNotifier = field(default_factory=FakeNotifier)
    asked: list[dict[str, Any]] = field(default_factory=list)
    webhooks: list[str] = field(default_factory=list)

    def bucket(self, bucket: str, **options: Any) -> ArchiveBucket:
        """Return the bucket in memory under the name that was asked for."""
        self.store.bucket = bucket
        self.asked.append({"bucket": bucket, **options})
        settings = store_settings(**{name: options[name] for name in ("encryption", "tags") if name in options})
        return ArchiveBucket(cast("Any", self.store), settings, "http://s3.example:9000", "eu-west-3")

    def stored_keys(self) -> list[str]:
        """Return the keys of every object."""
        return sorted(self.store.objects)


def entered(monkeypatch: pytest.MonkeyPatch) -> World:
    """Put a world in the place of everything that the hooks reach."""
    world = World()
    for module in (listing, validation, streaming, notification, quality, verification, reconciliation, estimation):
        monkeypatch.setattr(module, "archive_bucket", world.bucket)

    def webhook(http_conn_id: str, clock: object) -> FakeNotifier:
        world.webhooks.append(http_conn_id)
        return world.notifier

    monkeypatch.setattr(notification, "archive_webhook", webhook)
    monkeypatch.setattr(CXoneHook, "get_conn", lambda hook: world.source)
    monkeypatch.setattr(CXoneHook, "settings", SimpleNamespace(stream_secret=None, base_url="https://api.example.test"))
    return world
