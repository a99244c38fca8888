"""boto3 clients as this archive wants them: the part of their configuration that it decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError

from cxone_provider import __version__
from cxone_provider.adapters.s3.settings import Checksum
from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.settings import recordings_at_once

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
_SPARE_CONNECTIONS = 2


def tuned_client_config(*, concurrency: int = 4, checksum: Checksum = "sha256", user: Config | None = None) -> Config:
    """Return the configuration an S3 client for :class:`~cxone_provider.adapters.s3.store.S3Store` should be made with.

    - As many pooled connections as recordings are on their way at once, and two to spare.
    - No checksum that botocore would compute by itself: the store's are passed as headers, known beforehand. The
      trailer botocore sends by default instead is refused by several servers and corrupted by one.
    - ``UNSIGNED-PAYLOAD``, because the signed SHA-256 header covers the body already; without that header (`checksum`
      ``none``) the body is signed.
    - One try: the store repeats by itself, and its waits end when a task is killed; botocore's do not.
    - One short user agent: building botocore's own costs more than signing a small request.

    Args:
        concurrency: media requests that are open at once.
        checksum: the store's setting of the same name.
        user: what the user configured, e.g. on the connection; it wins wherever it says something.
    """
    options: dict[str, Any] = {
        "max_pool_connections": recordings_at_once(concurrency) + _SPARE_CONNECTIONS,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "tcp_keepalive": True,
        "retries": {"mode": "standard", "total_max_attempts": 1},
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        "user_agent": f"airflow-provider-cxone/{__version__}",
    }
    signing = {"payload_signing_enabled": False} if checksum == "sha256" else {}
    # Config.merge replaces the whole dictionary: an addressing style must not switch payload signing back on.
    s3: Any = {**signing, **(getattr(user, "s3", None) or {})}
    tuned = Config(**options) if user is None else Config(**options).merge(user)
    return tuned.merge(Config(s3=s3)) if s3 else tuned


def default_client(*, endpoint_url: str | None = None, concurrency: int = 4) -> S3Client:
    """Return a client with boto3's own way to credentials, region and profile.

    Args:
        endpoint_url: base URL of the S3 server; None for AWS, or what boto3's configuration says.
        concurrency: threads that will use it at once.

    Raises:
        InvalidSetting: boto3 cannot make a client of these settings.
    """
    import boto3

    try:
        return boto3.session.Session().client(
            "s3", endpoint_url=endpoint_url, config=tuned_client_config(concurrency=concurrency)
        )
    except (BotoCoreError, ValueError) as error:
        raise InvalidSetting("boto3 cannot make an S3 client", found=str(error)) from error
