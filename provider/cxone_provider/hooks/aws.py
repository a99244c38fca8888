"""The Amazon provider's ``aws`` connection as an S3 client: endpoint, role, profile and keys are what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cxone_provider.hooks.supervisor import mask_proxies

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from cxone_provider.adapters.s3.settings import Checksum


def aws_hook(aws_conn_id: str | None) -> Any:
    """Return the Amazon provider's hook; nothing is sent yet, and nothing it will log shows a secret.

    Args:
        aws_conn_id: connection; None for boto3's own way to credentials.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

    from cxone_provider.adapters.redacting import redact_library_logs

    # Before the first request for credentials: its answer holds them.
    redact_library_logs()
    _mask_proxies(aws_conn_id)
    return AwsGenericHook(aws_conn_id=aws_conn_id, client_type="s3")


def s3_client(hook: Any, *, concurrency: int = 4, checksum: Checksum = "sha256") -> S3Client:
    """Return the client of a hook.

    Args:
        hook: of :func:`aws_hook`.
        concurrency: threads that will use it at once.
        checksum: how writes are checked.
    """
    from cxone_provider.adapters.s3.client import tuned_client_config

    config = tuned_client_config(concurrency=concurrency, checksum=checksum, user=hook.config)
    client: S3Client = hook.get_client_type(region_name=hook.region_name, config=config)
    return client


def _mask_proxies(aws_conn_id: str | None) -> None:
    """Have Airflow hide the passwords of the connection's proxies: the Amazon provider logs them at DEBUG."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    if not aws_conn_id:
        return
    try:
        extra = BaseHook.get_connection(aws_conn_id).extra_dejson
    except AirflowNotFoundException:
        return  # then the Amazon provider leaves credentials to boto3
    config = extra.get("config_kwargs")
    mask_proxies(config.get("proxies") if isinstance(config, Mapping) else None)
