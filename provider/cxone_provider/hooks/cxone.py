"""The `cxone` connection as a tenant's recordings."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from cxone_provider.archive.errors import ArchiveError
from cxone_provider.hooks.downloads import with_downloads
from cxone_provider.hooks.external_access import external_access_source
from cxone_provider.hooks.supervisor import mask, mask_proxies

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from cxone_provider.adapters.cxone.settings import CXoneSettings
    from cxone_provider.adapters.cxone.sources import TenantSource
    from cxone_provider.archive.ports import RecordingSource

_SECRET_EXTRAS = ("access_key_id", "access_key_secret", "stream_secret")


class CXoneHook(BaseHook):
    """A NICE CXone tenant.

    Args:
        cxone_conn_id: the connection.
        cancelled: ends waits between requests, and with them the work, once it is set.
    """

    conn_name_attr = "cxone_conn_id"
    default_conn_name = "cxone_default"
    conn_type = "cxone"
    hook_name = "NICE CXone"

    def __init__(self, cxone_conn_id: str = default_conn_name, cancelled: threading.Event | None = None) -> None:
        super().__init__()
        self.cxone_conn_id = cxone_conn_id
        self.cancelled = cancelled

    @cached_property
    def settings(self) -> CXoneSettings:
        """What the connection says.

        Raises:
            InvalidSetting: a field is missing or makes no sense; secrets are not shown.
        """
        return _settings_of(self.get_connection(self.cxone_conn_id))

    @cached_property
    def source(self) -> TenantSource:
        """The tenant's recordings; one token and one pool of connections for as long as the hook lives."""
        return self._source_of(self.settings)

    def _source_of(self, settings: CXoneSettings) -> TenantSource:
        from cxone_provider.adapters.clock import SystemClock
        from cxone_provider.adapters.cxone.settings import Api
        from cxone_provider.adapters.cxone.sources import source_of

        clock = SystemClock(self.cancelled)
        if settings.external_access is not None:
            return external_access_source(settings.external_access, clock)
        source = source_of(settings, clock, mask)
        return with_downloads(source, settings, clock) if settings.api is Api.MEDIA_PLAYBACK else source

    def get_conn(self) -> RecordingSource:
        """Return the tenant's recordings."""
        return self.source

    async def aget_conn(self) -> RecordingSource:
        """Return the tenant's recordings for a trigger, which may not block its event loop.

        The source's own methods block: call them in a thread. They send each request once, so that no thread of the
        triggerer is held by a wait.

        Raises:
            InvalidSetting: as for :attr:`settings`.
        """
        return await asyncio.to_thread(self._source_of, await self.asettings())

    async def asettings(self) -> CXoneSettings:
        """Return what the connection says, for a trigger: each request is sent once.

        Raises:
            InvalidSetting: as for :attr:`settings`.
        """
        from airflow.providers.common.compat.connection import get_async_connection

        connection = await get_async_connection(self.cxone_conn_id)
        settings = await asyncio.to_thread(_settings_of, connection)
        return replace(settings, retries=replace(settings.retries, attempts=1))

    def test_connection(self) -> tuple[bool, str]:
        """Fetch a token, as the Test button asks for; return whether it worked, and what is wrong if it did not."""
        try:
            with closing(self.source):
                reached = self.source.check()
        except ArchiveError as error:
            return False, f"{type(error).__name__}: {error}"
        if self.settings.external_access is not None:
            return True, f"{reached} can be listed"
        return True, f"{self.settings.base_url} granted a token for the API at {reached}"


def _settings_of(connection: Connection) -> CXoneSettings:
    """Return what a connection says, once all that must not be shown is masked."""
    from cxone_provider.adapters.cxone.settings import settings_of

    extra: Mapping[str, Any] = connection.extra_dejson
    for secret in (connection.password, *(extra.get(name) for name in _SECRET_EXTRAS)):
        mask(secret)
    settings = settings_of(connection.host, connection.login, connection.password, extra)
    mask_proxies(settings.proxies)
    return settings
