"""For the list of modules that a Celery worker imports before it forks its pool: importing this one preloads."""

from __future__ import annotations

from cxone_provider.preloading.modules import preload

preload()
