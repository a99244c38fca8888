"""Airflow for the demo: its settings, its processes, and the few calls of its REST API that the demo makes."""

from __future__ import annotations

import json
import os
import secrets
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tools.servers.leash import Leashed, leashed
from tools.servers.ports import LOOPBACK, free_ports

DAGS = Path(__file__).parents[2] / "dags"
USER = "admin"
_START_POLLS = 360
_CALL_TIMEOUT_S = 30
_TOKEN_TRIES = 2
_REPEATABLE, _SERVER_ERROR, _BUSY_TRIES = ("GET", "PATCH"), 500, 10
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HOME")


class AirflowNotReady(Exception):
    """Airflow ended or did not answer; the message carries the end of its log."""


class Airflow:
    """A running Airflow.

    Attributes:
        base_url: address of its UI and API.
        password: of the user ``admin``.
        home: its folder.
    """

    def __init__(self, base_url: str, password: str, home: Path, process: Leashed) -> None:
        self.base_url = base_url
        self.password = password
        self.home = home
        self._process = process
        self._session = requests.Session()
        self._session.trust_env = False

    def wait(self) -> None:
        """Wait until the UI answers.

        Raises:
            AirflowNotReady: it does not come up.
        """
        for _ in range(_START_POLLS):
            if not self._process.pause_s(0.5):
                break
            try:
                if self._session.get(f"{self.base_url}/api/v2/version", timeout=5).ok:
                    self._log_in()
                    return
            except requests.ConnectionError:
                continue
        raise AirflowNotReady(f"Airflow does not start:\n{self._process.log_tail(40)}")

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until a DAG is parsed and can be triggered.

        Raises:
            AirflowNotReady: it does not appear.
        """
        for _ in range(_START_POLLS):
            if self._session.get(f"{self.base_url}/api/v2/dags/{dag_id}", timeout=_CALL_TIMEOUT_S).ok:
                return
            if not self._process.pause_s(0.5):
                break
        errors = self.call("GET", "/api/v2/importErrors")
        raise AirflowNotReady(f"{dag_id} does not appear: {errors}\n{self._process.log_tail(20)}")

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Make one API call and return its JSON."""
        answer = self._answer(method, path, body)
        if not answer.ok:
            raise AirflowNotReady(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None

    def _answer(self, method: str, path: str, body: object) -> requests.Response:
        """Return the answer; what may be asked twice is asked again while Airflow's database is busy: SQLite locks."""
        for tries_left in reversed(range(_BUSY_TRIES if method in _REPEATABLE else 1)):
            answer = self._session.request(method, self.base_url + path, json=body, timeout=_CALL_TIMEOUT_S)
            if answer.status_code < _SERVER_ERROR or not tries_left or not self._process.pause_s(1.0):
                return answer
        raise AssertionError("the last try returns")

    def put_connection(self, connection: Mapping[str, Any]) -> None:
        """Create or replace a connection."""
        connection_id = connection["connection_id"]
        # Airflow 3.3's Test button sends port 0 where none is stored, and its API refuses a port that differs.
        connection = {"port": 0, **connection}
        known = self._session.get(f"{self.base_url}/api/v2/connections/{connection_id}", timeout=_CALL_TIMEOUT_S)
        if known.ok:
            self.call("DELETE", f"/api/v2/connections/{connection_id}")
        self.call("POST", "/api/v2/connections", connection)

    def unpause(self, dag_id: str) -> None:
        """Let a DAG's runs begin."""
        self.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run by hand, as the UI does, and return its id."""
        self.unpause(dag_id)
        run = self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": dict(conf)})
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return a run's state."""
        return str(self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def task_states(self, dag_id: str, run_id: str) -> Sequence[tuple[str, str]]:
        """Return task and state of every task instance."""
        answer = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=200")
        return [(one["task_id"], one["state"] or "waiting") for one in answer["task_instances"]]

    def task_instance(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return what Airflow says of one task instance: ``id``, ``state``, ``try_number`` and more."""
        return dict(self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"))

    def pause_s(self, seconds: float) -> bool:
        """Wait, at most until Airflow ends by itself; tell whether it still runs."""
        return self._process.pause_s(seconds)

    def task_logs(self, dag_id: str, run_id: str, lines: int = 40) -> str:
        """Return the end of every failed task's log."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        tails = []
        for path in sorted(folder.rglob("*.log")):
            text = path.read_text(errors="replace").splitlines()
            if any('"level":"error"' in line or "Traceback" in line for line in text):
                tails.append(f"{path.relative_to(self.home)}:\n" + "\n".join(text[-lines:]))
        return "\n\n".join(tails)

    def _log_in(self) -> None:
        credentials = {"username": USER, "password": self.password}
        answer = self._session.post(f"{self.base_url}/auth/token", json=credentials, timeout=_CALL_TIMEOUT_S)
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


@contextmanager
def airflow(directory: Path, *, dags: Path = DAGS, settings: Mapping[str, str] | None = None) -> Iterator[Airflow]:
    """Run Airflow's scheduler, dag-processor, triggerer and API server until the block ends.

    Args:
        directory: its home; a database of an earlier run is taken up again.
        dags: folder of the DAGs.
        settings: environment variables on top of the demo's, e.g. connections.
    """
    directory.mkdir(parents=True, exist_ok=True)
    passwords = directory / "passwords.json"
    if not passwords.exists():
        passwords.write_text(json.dumps({USER: secrets.token_urlsafe(9)}))
    password = json.loads(passwords.read_text())[USER]
    port, worker_logs, trigger_logs = free_ports(3)
    base_url = f"http://{LOOPBACK}:{port}"
    env = _environment(directory, passwords, port, worker_logs, trigger_logs)
    env |= {"AIRFLOW__CORE__DAGS_FOLDER": str(dags), **(settings or {})}
    command: list[str | Path] = [Path(sysconfig.get_path("scripts")) / "airflow", "standalone"]
    with leashed(command, log_path=directory / "airflow.log", env=env, cwd=directory) as process:
        yield Airflow(base_url, password, directory, process)


def _environment(home: Path, passwords: Path, port: int, worker_logs: int, trigger_logs: int) -> dict[str, str]:
    settings = {
        "AIRFLOW__API__BASE_URL": f"http://{LOOPBACK}:{port}",
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # SQLite does not take many writers; four tasks at a time keep two cores busy.
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
        # The demo triggers its one run itself.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW_HOME": str(home),
        "GX_ANALYTICS_ENABLED": "false",
    }
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # `airflow standalone` finds its own parts by name.
    inherited["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), inherited.get("PATH", os.defpath)])
    return {"HOME": str(home), **inherited, **settings}
