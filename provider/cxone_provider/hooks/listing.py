"""The `cxone` connection as the answer to the question which recordings there are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.external_access import external_access_source
from cxone_provider.hooks.supervisor import mask

if TYPE_CHECKING:
    import pendulum

    from cxone_provider.adapters.cxone.settings import CXoneSettings
    from cxone_provider.adapters.cxone.tenant_api import TenantApi
    from cxone_provider.archive.listing_ports import ListingJobs, RecordingListing


def completed_contacts(
    hook: CXoneHook, options: Mapping[str, Any], updated_since: pendulum.DateTime | None = None
) -> RecordingListing:
    """Return the tenant's completed contacts; nothing is sent yet.

    Args:
        hook: the tenant.
        options: changes to the connection's ``listing``.
        updated_since: only contacts that the tenant changed at or after this.

    Raises:
        InvalidSetting: a field of the connection or an option makes no sense.
    """
    from cxone_provider.adapters.cxone.completed_contacts import CompletedContacts

    settings = hook.settings
    return CompletedContacts(
        _api(settings, hook.cancelled), settings.listing.changed(options), updated_since=updated_since
    )


def bucket_listing(hook: CXoneHook) -> RecordingListing:
    """Return the vendor's bucket; nothing is sent yet. Its window is of the times at which objects were put there.

    Raises:
        InvalidSetting: the connection is of a tenant's API, or makes no sense.
    """
    from cxone_provider.adapters.clock import SystemClock

    access = hook.settings.external_access
    if access is None:
        raise InvalidSetting(
            "the connection names no bucket", found=str(hook.settings.api), expected="api secure-external-access"
        )
    return external_access_source(access, SystemClock(hook.cancelled))


def extraction_jobs(hook: CXoneHook, options: Mapping[str, Any]) -> ListingJobs:
    """Return the tenant's Data Extraction; arguments and errors as for :func:`completed_contacts`."""
    return _jobs(hook.settings, hook.cancelled, options)


async def aextraction_jobs(cxone_conn_id: str, cancelled: threading.Event) -> ListingJobs:
    """Return the tenant's Data Extraction for a trigger: call its methods in a thread; each request is sent once.

    Raises:
        InvalidSetting: a field of the connection makes no sense.
    """
    settings = await CXoneHook(cxone_conn_id, cancelled=cancelled).asettings()
    return await asyncio.to_thread(_jobs, settings, cancelled, {})


def _jobs(settings: CXoneSettings, cancelled: threading.Event | None, options: Mapping[str, Any]) -> ListingJobs:
    from cxone_provider.adapters.cxone.data_extraction import DataExtraction
    from cxone_provider.adapters.cxone.links import LinkSession

    return DataExtraction(_api(settings, cancelled), LinkSession(settings), settings.listing.changed(options))


def _api(settings: CXoneSettings, cancelled: threading.Event | None) -> TenantApi:
    from cxone_provider.adapters.clock import SystemClock
    from cxone_provider.adapters.cxone.tenant_api import TenantApi

    return TenantApi(settings, SystemClock(cancelled), on_token=mask)
