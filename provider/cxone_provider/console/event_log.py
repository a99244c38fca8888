"""Who looked closer: rows in Airflow's own audit log (Browse → Audit Log), written before anything is handed out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

LISTENED, VERIFIED, EXPORTED = "cxone_console_listen", "cxone_console_verify", "cxone_console_export"


class NotRecorded(Exception):
    """The audit log cannot be written, so what would have been recorded does not happen."""


class EventLog:
    """Airflow's audit log.

    Args:
        dag_id: the DAG whose rights decide who may read the rows.
    """

    def __init__(self, dag_id: str) -> None:
        self._dag_id = dag_id

    def record(self, event: str, user: str, told: Mapping[str, Any]) -> None:
        """Write one row, and wait until it is stored.

        Raises:
            NotRecorded: the database did not take it.
        """
        from airflow.models.log import Log
        from airflow.utils.session import create_session

        try:
            with create_session() as session:
                session.add(
                    Log(
                        event=event,
                        owner=user,
                        owner_display_name=user,
                        extra=json.dumps(dict(told)),
                        dag_id=self._dag_id,
                    )
                )
        except SQLAlchemyError as error:
            raise NotRecorded(f"{event} of {user}") from error
