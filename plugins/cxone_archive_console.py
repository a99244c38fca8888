"""The archive console for an Airflow whose plugins folder this is.

The installed package declares the same plugin by its entry point; then this file declares none, as Airflow reports a
second one as broken.
"""

from __future__ import annotations

from importlib.metadata import entry_points

GROUP, NAME = "airflow.plugins", "cxone_archive_console"

if not entry_points(group=GROUP, name=NAME):
    from cxone_provider.console.plugin import ArchiveConsolePlugin

    __all__ = ["ArchiveConsolePlugin"]
