"""One at a time to Airflow's supervisor.

The threads of a task share the channel to it. Airflow guards the channel of a real worker; the in-process one of
``dag.test()`` it does not, and answers would reach the wrong thread.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

try:
    from airflow.sdk.log import mask_secret
except ImportError:  # Airflow 3.0
    from airflow.sdk.execution_time.secrets_masker import mask_secret  # type: ignore[no-redef]  # the same, where it was

SUPERVISOR = threading.RLock()


def mask(secret: object) -> None:
    """Have Airflow show ``***`` for `secret` wherever it logs; what is empty or no text is none."""
    if isinstance(secret, str) and secret:
        with SUPERVISOR:
            mask_secret(secret)


def mask_proxies(proxies: object) -> None:
    """Have Airflow hide the passwords in the URLs of a mapping; what is no such mapping has none."""
    if isinstance(proxies, Mapping):
        for url in proxies.values():
            password = urlsplit(str(url)).password or ""
            mask(password)
            mask(unquote(password))
