"""The modules themselves."""

from __future__ import annotations

import importlib
import logging
import time
from functools import cache

MODULES = (
    "cxone_provider.operators.recordings",
    "cxone_provider.hooks.archive_store",
    "cxone_provider.hooks.archive_webhook",
    "cxone_provider.hooks.cxone",
    "cxone_provider.adapters.cxone.sources",
    "cxone_provider.adapters.quality",
    "cxone_provider.adapters.s3.store",
    "cxone_provider.adapters.webhook",
    "airflow.providers.amazon.aws.hooks.base_aws",
    "boto3.session",
    "pandas",
)
_log = logging.getLogger(__name__)


@cache
def preload() -> None:
    """Import what tasks import; a second call has nothing to do.

    Nothing is connected, read or started: no socket, file or thread of Python's. NumPy and SciPy start threads of their
    linear algebra, which that library ends before a fork and starts again where they are needed.
    """
    began_s = time.perf_counter()
    for name in MODULES:
        importlib.import_module(name)
    from cxone_provider.adapters.quality.validation import great_expectations

    great_expectations()
    _log.info("Imported what tasks of this provider need in %.1f s", time.perf_counter() - began_s)
