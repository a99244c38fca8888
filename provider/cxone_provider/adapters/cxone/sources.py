"""The source that a connection's `api` names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from cxone_provider.adapters.cxone.media_playback import MediaPlaybackSource
from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import Api, CXoneSettings
from cxone_provider.archive.ports import Clock, RecordingSource


class TenantSource(RecordingSource, Protocol):
    """A tenant's recordings, and whether the tenant can be reached."""

    @property
    def requests_used(self) -> int:
        """Requests so far that count against the tenant's quota; 0 where the dialect has none."""

    def check(self) -> str:
        """Fetch a token and return the API's base URL; touches no recording.

        Raises:
            AuthenticationFailed, AccessDenied, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """


_SOURCES: Mapping[Api, Callable[..., TenantSource]] = {
    Api.RECORDING_V2: RecordingV2Source,
    Api.MEDIA_PLAYBACK: MediaPlaybackSource,
}


def source_of(settings: CXoneSettings, clock: Clock, on_token: Callable[[str], None] | None = None) -> TenantSource:
    """Return the tenant's recordings.

    Args:
        settings: the tenant.
        clock: waits, and measures token lifetimes.
        on_token: told every token of every kind before it is used, so that whoever writes the logs can hide it.

    Raises:
        InvalidSetting: the CA bundle does not exist.
    """
    return _SOURCES[settings.api](settings, clock, on_token=on_token)
