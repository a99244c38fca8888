"""What Airflow's collector of hook lineage is told: for plugins that read lineage from there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cxone_provider.archive.lineage import lineage_of, source_namespace

if TYPE_CHECKING:
    from cxone_provider.archive.audit import AuditLog
    from cxone_provider.hooks.cxone import CXoneHook


def report_archived(hook: CXoneHook, logs: Iterable[AuditLog]) -> None:
    """Tell from which tenant to which folders recordings went; costs nothing where no plugin reads it.

    :class:`~cxone_provider.operators.recordings.StreamRecordingToS3Operator` does so by itself; a task of yours that
    archives from plain Python calls this.

    Args:
        hook: the tenant the recordings came from.
        logs: how they ended.
    """
    from airflow.providers.common.compat.sdk import get_hook_lineage_collector

    collector, namespace = get_hook_lineage_collector(), source_namespace(hook.settings.base_url)
    for day in lineage_of(logs):
        collector.add_input_asset(hook, uri=f"{namespace}/{day.source_name}")
        collector.add_output_asset(hook, uri=day.uri)
