"""A tenant's listing for a command, through one of Airflow's connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.jobs import DEFAULT_WAIT_S, JobListing

if TYPE_CHECKING:
    import pendulum

    from cxone_provider.archive.listing_ports import RecordingListing

DEFAULT_CONNECTION = "cxone_default"
TENANT_SOURCES = ("completed-contacts", "data-extraction")


def tenant_listing(
    source: str,
    conn_id: str,
    options: Mapping[str, Any] | None = None,
    *,
    updated_since: pendulum.DateTime | None = None,
    wait_s: float = DEFAULT_WAIT_S,
) -> RecordingListing:
    """Return what a tenant lists; imports Airflow, which may write to standard output.

    Args:
        source: one of :data:`TENANT_SOURCES`.
        conn_id: Airflow's connection.
        options: changes to ``listing`` of the connection.
        updated_since: of completed contacts, only those that changed at or after this.
        wait_s: how long a job is waited for, seconds.

    Raises:
        InvalidSetting: Airflow has no such connection, or something in it makes no sense.
    """
    from cxone_provider.adapters.clock import SystemClock
    from cxone_provider.hooks.cxone import CXoneHook
    from cxone_provider.hooks.listing import completed_contacts, extraction_jobs
    from cxone_provider.hooks.terms import terms_of_connection

    if terms_of_connection(conn_id) is None:
        raise InvalidSetting("Airflow has no such connection", found=conn_id)
    hook = CXoneHook(conn_id)
    if source == "completed-contacts":
        return completed_contacts(hook, options or {}, updated_since)
    return JobListing(extraction_jobs(hook, options or {}), SystemClock(), wait_s=wait_s)
