"""The console's declaration for Airflow; importing it reads two settings of Airflow's and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from cxone_provider.console.settings import URL_PREFIX, base_path

NAME = "cxone_archive_console"
_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ConsoleOnDemand:
    """The console as an ASGI app that is made by its first request.

    Scheduler, workers and triggerer import plugins too, and none of them answers one.
    """

    def __init__(self) -> None:
        self._app: Any = None
        self._making = threading.Lock()

    def __str__(self) -> str:
        """Return what Airflow's list of plugins shows."""
        return "Recordings archive"

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        await self._made()(scope, receive, send)

    def _made(self) -> Any:
        with self._making:
            if self._app is None:
                from cxone_provider.console.app import create_app

                self._app = create_app()
            return self._app


class ArchiveConsolePlugin(AirflowPlugin):
    """Adds *Recordings archive* to Airflow's navigation, and the app behind it."""

    name = NAME
    fastapi_apps = [  # noqa: RUF012  # Airflow declares it so
        {"app": ConsoleOnDemand(), "url_prefix": URL_PREFIX, "name": "Recordings archive"}
    ]
    external_views = [  # noqa: RUF012  # Airflow declares it so
        {
            "name": "Recordings archive",
            "href": f"{base_path()}{URL_PREFIX}/",
            "destination": "nav",
            "category": "browse",
            "url_route": "recordings-archive",
        }
    ]
