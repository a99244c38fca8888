"""The part of a boto3 client's configuration that this archive decides; endpoint and credentials are the user's."""

from __future__ import annotations

from typing import Any

from botocore.config import Config

from cxone_provider import __version__
from cxone_provider.adapters.s3.settings import Checksum

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
_SPARE_CONNECTIONS = 2


def tuned_client_config(*, concurrency: int = 4, checksum: Checksum = "sha256", user: Config | None = None) -> Config:
    """Return the configuration an S3 client for :class:`~cxone_provider.adapters.s3.store.S3Store` should be made with.

    - As many pooled connections as there are workers, and two to spare.
    - No checksum that botocore would compute by itself: the store's are passed as headers, known beforehand. The
      trailer botocore sends by default instead is refused by several servers and corrupted by one.
    - ``UNSIGNED-PAYLOAD``, because the signed SHA-256 header covers the body already; without that header (`checksum`
      ``none``) the body is signed.
    - One try: the store repeats by itself, and its waits end when a task is killed; botocore's do not.
    - One short user agent: building botocore's own costs more than signing a small request.

    Args:
        concurrency: workers that use the client at once.
        checksum: the store's setting of the same name.
        user: what the user configured, e.g. on the connection; it wins wherever it says something.
    """
    options: dict[str, Any] = {
        "max_pool_connections": concurrency + _SPARE_CONNECTIONS,
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
