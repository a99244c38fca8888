"""The vendor's Secure External Access bucket behind an ``aws`` connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxone_provider.archive.settings import MAX_CONCURRENCY
from cxone_provider.hooks.aws import aws_hook, s3_client

if TYPE_CHECKING:
    from cxone_provider.adapters.external_access.settings import ExternalAccessSettings
    from cxone_provider.adapters.external_access.source import ExternalAccessSource
    from cxone_provider.archive.ports import Clock


def external_access_source(settings: ExternalAccessSettings, clock: Clock) -> ExternalAccessSource:
    """Return the bucket as a source; nothing is sent yet.

    Args:
        settings: the bucket, and the connection that reaches it.
        clock: for waits.
    """
    from cxone_provider.adapters.external_access.source import ExternalAccessSource

    # A hook does not know how many threads its task will use; connections are made as they are needed.
    client = s3_client(aws_hook(settings.aws_conn_id), concurrency=MAX_CONCURRENCY)
    return ExternalAccessSource(client, settings, clock)
