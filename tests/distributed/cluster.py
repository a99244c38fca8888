"""Airflow on many machines, played by processes: each component at an address of its own, with a home of its own."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.demo.airflow import USER, Airflow
from tools.servers.debian import postgres, redis
from tools.servers.leash import Leashed, leashed
from tools.servers.ports import free_ports

PROJECT = Path(__file__).parents[2]
API_HOST, POSTGRES_HOST, REDIS_HOST = "127.0.0.6", "127.0.0.2", "127.0.0.3"
WORKERS = ("worker-1", "worker-2")
SLOTS = 3
POOL = "cxone"
POOL_SLOTS = 4
# What a deployment over several machines has to think of, and what it is here; docs/distributed.md tells why.
SETTINGS: Mapping[str, str] = {
    "AIRFLOW__CORE__PARALLELISM": "8",
    "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "90",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "15",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "120",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(SLOTS),
    "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": json.dumps({"imports": ["cxone_provider.preloading.celery_worker"]}),
}
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server", "--workers", "1"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
    **{name: ("celery", "worker", "--skip-serve-logs", "--celery-hostname", name) for name in WORKERS},
}
_INHERITED = ("LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


@dataclass
class Cluster:
    """A running Airflow.

    Attributes:
        directory: a folder of each component lies in it, and its log.
        env: what all components share.
        database: ``user@host:port/database`` of PostgreSQL.
        running: components by name.
    """

    directory: Path
    env: Mapping[str, str]
    database: str
    running: dict[str, Leashed] = field(default_factory=dict)
    _open: dict[str, AbstractContextManager[Leashed]] = field(default_factory=dict)
    _starts: int = 0

    def start(self, name: str) -> Leashed:
        """Start a component; its log is a new one."""
        home = self.directory / name
        home.mkdir(parents=True, exist_ok=True)
        self._starts += 1
        env = {**self.env, "AIRFLOW_HOME": str(home), "HOME": str(home), "NODE_NAME": name}
        command: list[str | Path] = [Path(sysconfig.get_path("scripts")) / "airflow", *_COMMANDS[name]]
        log_path = self.directory / f"{self._starts:02}-{name}.log"
        self._open[name] = leashed(command, log_path=log_path, env=env, cwd=home)
        self.running[name] = self._open[name].__enter__()
        return self.running[name]

    def kill(self, name: str) -> None:
        """Kill a component and everything it started, all at once: a machine that is gone."""
        self.running.pop(name).kill()
        self._open.pop(name).__exit__(None, None, None)

    def stop(self) -> None:
        """Stop everything that runs."""
        with ExitStack() as stack:
            for name in list(self.running):
                self.running.pop(name)
                stack.push(self._open.pop(name))


@contextmanager
def cluster(directory: Path) -> Iterator[tuple[Cluster, Airflow]]:
    """Start PostgreSQL, Redis and Airflow without its workers; yield it, and its REST API.

    Raises:
        NotInstalled: a Debian package is missing.
        ServerNotReady, AirflowNotReady: something does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        database = stack.enter_context(postgres(directory / "postgres.log", host=POSTGRES_HOST))
        broker = stack.enter_context(redis(directory / "redis", host=REDIS_HOST))
        (port,) = free_ports(1)
        made = Cluster(directory, _environment(directory, database, broker, port), database)
        stack.callback(made.stop)
        _migrate(made)
        server = made.start("api-server")
        flow = Airflow(f"http://{API_HOST}:{port}", _password(directory), directory / "api-server", server)
        flow.wait()
        for name in ("scheduler", "dag-processor", "triggerer"):
            made.start(name)
        yield made, flow


def _migrate(made: Cluster) -> None:
    command: list[str | Path] = [Path(sysconfig.get_path("scripts")) / "airflow", "db", "migrate"]
    env = {**made.env, "AIRFLOW_HOME": str(made.directory / "api-server"), "NODE_NAME": "api-server"}
    with leashed(command, log_path=made.directory / "migrate.log", env=env) as migrating:
        while migrating.pause_s(1):
            pass


def _password(directory: Path) -> str:
    return str(json.loads((directory / "passwords.json").read_text())[USER])


def _environment(directory: Path, database: str, broker: str, port: int) -> dict[str, str]:
    passwords = directory / "passwords.json"
    passwords.write_text(json.dumps({USER: secrets.token_urlsafe(9)}))
    own = {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
        "AIRFLOW__CELERY__BROKER_URL": f"{broker}/0",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{database}",
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{API_HOST}:{port}/execution/",
        "AIRFLOW__API__BASE_URL": f"http://{API_HOST}:{port}",
        "AIRFLOW__API__HOST": API_HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "airflow_local_settings.node_name",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
        "CXONE_POOL": POOL,
        "CXONE_SOURCE": "data-extraction",
        "GX_ANALYTICS_ENABLED": "false",
        "PYTHONPATH": os.pathsep.join([str(PROJECT / "provider"), str(PROJECT / "tests/distributed/settings")]),
        # Celery says at each start that root should not run it; here nobody else is there.
        "C_FORCE_ROOT": "true",
    }
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    return {**inherited, "PATH": path, **own, **SETTINGS}
