"""The plugin by which the scheduler of a LocalExecutor preloads; importing it does nothing.

A plugin's ``on_load`` and not a listener: Airflow refuses some DAGs of others as soon as there is any listener.
"""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.providers.common.compat.sdk import conf

SECTION, OPTION = "cxone", "preload"


class PreloadingPlugin(AirflowPlugin):
    """Imports what tasks need, in the process that forks the LocalExecutor's workers.

    Airflow loads plugins in a scheduler before its executor starts: the workers, and the tasks they fork, have it all.
    """

    name = "cxone_preloading"

    @classmethod
    def on_load(cls, *_args: Any, **_kwargs: Any) -> None:
        """Preload where it serves tasks; in every other component do nothing."""
        if forks_tasks(sys.argv) and conf.getboolean(SECTION, OPTION, fallback=True):
            from cxone_provider.preloading.modules import preload

            preload()


def forks_tasks(argv: list[str]) -> bool:
    """Tell whether the process with these arguments is a scheduler whose tasks are forked from it."""
    is_scheduler = argv[1:2] == ["scheduler"]
    return is_scheduler and "LocalExecutor" in conf.get("core", "executor", fallback="") and _forks()


def _forks() -> bool:
    # the first of all methods is the default; asking for it otherwise would settle it
    method = multiprocessing.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]
    return method == "fork"
