"""Who may do what: Airflow's own users, and their rights on the DAGs that fill and check the archive.

Everything is refused that is not allowed: no user, no page; a right that cannot be asked for counts as missing.
"""

from __future__ import annotations

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import HTTPException, Request, status

from cxone_provider.console.settings import ConsoleSettings
from cxone_provider.console.tickets import Tickets

CSRF_HEADER = "X-CXone-Console"
_OWN_REQUESTS = frozenset({"same-origin", None})


class Access:
    """The rights of a deployment's people.

    Args:
        settings: which DAGs' rights open what.
        tickets: checks what pages send with a post.
    """

    def __init__(self, settings: ConsoleSettings, tickets: Tickets) -> None:
        self._settings = settings
        self._tickets = tickets

    def to_look(self, request: Request, user: GetUserDep) -> BaseUser:
        """Let pass who may read the runs of the DAG that fills the archive.

        Raises:
            HTTPException: 401 without a user, 403 without the right.
        """
        self._require(request, user, DagAccessEntity.RUN, self._settings.archive_dag_id)
        return user

    def to_listen(self, request: Request, user: GetUserDep) -> BaseUser:
        """Let pass who may also read what its tasks hand on (XCom)."""
        self._require(request, user, DagAccessEntity.XCOM, self._settings.archive_dag_id)
        return user

    def to_post(self, request: Request, user: GetUserDep) -> BaseUser:
        """Let pass what a page of this console sent for this user, and no other site's form or script.

        Raises:
            HTTPException: 403.
        """
        token = request.headers.get(CSRF_HEADER, "")
        own = request.headers.get("Sec-Fetch-Site") in _OWN_REQUESTS
        if not own or not self._tickets.is_csrf(token, user_id(user)):
            raise HTTPException(status.HTTP_403_FORBIDDEN, "this request does not come from the console's own page")
        return user

    def may_see_runs_of(self, request: Request, user: BaseUser, dag_id: str) -> bool:
        """Tell whether a user may read the runs of a DAG."""
        return self._allowed(request, user, DagAccessEntity.RUN, dag_id)

    def may_listen(self, request: Request, user: BaseUser) -> bool:
        """Tell whether a user may listen."""
        return self._allowed(request, user, DagAccessEntity.XCOM, self._settings.archive_dag_id)

    def may_archive(self, request: Request, user: BaseUser) -> bool:
        """Tell whether a user may start the DAG that archives one recording; Airflow's API asks again."""
        return self._allowed(request, user, DagAccessEntity.RUN, self._settings.recording_dag_id, "POST")

    def _allowed(
        self, request: Request, user: BaseUser, entity: DagAccessEntity, dag_id: str, method: str = "GET"
    ) -> bool:
        try:
            self._require(request, user, entity, dag_id, method)
        except HTTPException:
            return False
        return True

    @staticmethod
    def _require(request: Request, user: BaseUser, entity: DagAccessEntity, dag_id: str, method: str = "GET") -> None:
        requires_access_dag("POST" if method == "POST" else "GET", entity, dag_id)(request, user)


def user_id(user: BaseUser) -> str:
    """Return what tells a user from all others."""
    return str(user.get_id())
