"""For the list of modules that a Celery worker imports before it forks its pool: importing this one preloads."""

from __future__ import annotations

import gc

from cxone_provider.preloading.modules import preload

preload()
# As Airflow does with what it preloads there itself: a collection in the pool would copy all pages that it looks at.
# Airflow ends it in the worker when the pool is up.
gc.freeze()
