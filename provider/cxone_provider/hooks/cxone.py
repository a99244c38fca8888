"""The `cxone` connection as a tenant's recordings."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import BaseHook

from cxone_provider.archive.errors import ArchiveError
from cxone_provider.hooks.supervisor import mask

if TYPE_CHECKING:
    from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
    from cxone_provider.adapters.cxone.settings import CXoneSettings
    from cxone_provider.archive.ports import RecordingSource

_SECRET_EXTRAS = ("access_key_secret", "stream_secret")


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
        self._cancelled = cancelled

    @cached_property
    def settings(self) -> CXoneSettings:
        """What the connection says.

        Raises:
            InvalidSetting: a field is missing or makes no sense; secrets are not shown.
        """
        from cxone_provider.adapters.cxone.settings import settings_of

        fields = self.get_connection(self.cxone_conn_id)
        extra: Mapping[str, Any] = fields.extra_dejson
        for secret in (fields.password, *(extra.get(name) for name in _SECRET_EXTRAS)):
            mask(secret)
        settings = settings_of(fields.host, fields.login, fields.password, extra)
        for proxy in settings.proxies.values():
            mask(urlsplit(proxy).password)
        return settings

    @cached_property
    def source(self) -> RecordingV2Source:
        """The tenant's recordings; one token and one pool of connections for as long as the hook lives."""
        from cxone_provider.adapters.clock import SystemClock
        from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source

        return RecordingV2Source(self.settings, SystemClock(self._cancelled), on_token=mask)

    def get_conn(self) -> RecordingSource:
        """Return the tenant's recordings."""
        return self.source

    def test_connection(self) -> tuple[bool, str]:
        """Fetch a token, as the Test button asks for; return whether it worked, and what is wrong if it did not."""
        try:
            with closing(self.source):
                self.source.check()
        except ArchiveError as error:
            return False, f"{type(error).__name__}: {error}"
        return True, f"{self.settings.base_url} granted a token for: {self.settings.scope}"
