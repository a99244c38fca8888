"""The console in a test client, Airflow's own sign-in and rights before it, and an archive in memory behind it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette's own, about the client below, which Airflow imports
    from airflow.api_fastapi import app  # noqa: F401  # for its warnings, before the modules below import it
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import FastAPI
from starlette.testclient import TestClient

from cxone_provider.console.app import create_app
from cxone_provider.console.settings import ConsoleSettings
from tests.airflow.versions import use_auth_manager
from tests.fakes.console_archive import LAYOUT, ConsoleArchive

SECRET = "a test's secret key"
Right = tuple[str, str | None, str | None]
SignIn = Callable[..., TestClient]


class TableAuthManager(SimpleAuthManager):
    """Airflow's simple auth manager with rights from a table: (method, entity, DAG) that a user does not have."""

    denied: dict[str, set[Right]] = {}  # noqa: RUF012  # a table of this test

    def is_authorized_dag(
        self,
        *,
        method: Any,
        user: SimpleAuthManagerUser,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        asked = (
            method,
            None if access_entity is None else access_entity.value,
            None if details is None else details.id,
        )
        if asked in self.denied.get(user.username, set()):
            return False
        return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)


@pytest.fixture
def auth_manager(airflow_db: None, monkeypatch: pytest.MonkeyPatch) -> TableAuthManager:
    manager = TableAuthManager()  # type: ignore[no-untyped-call]  # Airflow's own constructor
    monkeypatch.setattr(manager, "denied", {})
    use_auth_manager(manager, monkeypatch)
    return manager


@pytest.fixture
def archive() -> ConsoleArchive:
    return ConsoleArchive()


@pytest.fixture
def console(auth_manager: TableAuthManager, archive: ConsoleArchive) -> FastAPI:
    return create_app(ConsoleSettings(LAYOUT), lambda: archive.store, SECRET)


@pytest.fixture
def sign_in(console: FastAPI, auth_manager: TableAuthManager) -> Iterator[SignIn]:
    """Return a function that gives a client of a user: the role decides, less what is denied; no role, no rights."""
    opened = []

    def signed_in(name: str = "ada", role: str | None = "admin", denied: set[Right] | None = None) -> TestClient:
        auth_manager.denied[name] = denied or set()
        client = anonymous(console)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the key that Airflow makes up for a test
            token = auth_manager.generate_jwt(SimpleAuthManagerUser(username=name, role=role))
        client.cookies.set("_token", token)
        opened.append(client)
        return client

    yield signed_in
    for client in opened:
        client.close()


def anonymous(console: FastAPI) -> TestClient:
    return TestClient(console, base_url="http://airflow.test", raise_server_exceptions=False)


def csrf(client: TestClient) -> dict[str, str]:
    """Return the header that a page of this client sends with a post."""
    return {"X-CXone-Console": client.get("/api/session").json()["csrf"]}
