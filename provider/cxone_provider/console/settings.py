"""Which archive the console shows, and which DAGs' rights open it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from cxone_provider.archive.keys import ArchiveLayout

SECTION = "cxone_console"
URL_PREFIX = "/cxone-archive"
_DEFAULT_BUCKET = "cxone-archive"


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """What a deployment says of its archive.

    Attributes:
        layout: bucket and prefix.
        aws_conn_id: connection of the Amazon provider; None for boto3's own way to credentials.
        archive_dag_id: the DAG that fills the archive; its runs' readers may look, its XComs' may listen.
        recording_dag_id: the DAG that *Archive again* triggers.
        verify_dag_id: the DAG that writes reports of verification.
    """

    layout: ArchiveLayout
    aws_conn_id: str | None = "aws_default"
    archive_dag_id: str = "cxone_daily_archive"
    recording_dag_id: str = "cxone_archive_recording"
    verify_dag_id: str = "cxone_verify_archive"


def settings_of_airflow() -> ConsoleSettings:
    """Return the settings of Airflow's section ``[cxone_console]``.

    The bucket falls back to ``CXONE_ARCHIVE_BUCKET``, which the DAGs read, too.

    Raises:
        InvalidSetting: bucket or prefix cannot be used.
    """
    bucket = _option("bucket") or os.environ.get("CXONE_ARCHIVE_BUCKET") or _DEFAULT_BUCKET
    return ConsoleSettings(
        layout=ArchiveLayout(bucket, _option("prefix", "cxone")),
        aws_conn_id=_option("aws_conn_id", "aws_default") or None,
        archive_dag_id=_option("archive_dag_id") or "cxone_daily_archive",
        recording_dag_id=_option("recording_dag_id") or "cxone_archive_recording",
        verify_dag_id=_option("verify_dag_id") or "cxone_verify_archive",
    )


def base_path() -> str:
    """Return the path under which Airflow's own pages lie, without a slash at its end."""
    from urllib.parse import urlsplit

    from airflow.providers.common.compat.sdk import conf

    return urlsplit(str(conf.get("api", "base_url", fallback="") or "")).path.rstrip("/")


def _option(name: str, fallback: str = "") -> str:
    from airflow.providers.common.compat.sdk import conf

    return str(conf.get(SECTION, name, fallback=fallback) or "").strip()
