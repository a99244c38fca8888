"""What the pages on deployment say, against the chart's settings, the installed Airflow and this project's files."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import cxone_provider
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.adapters.webhook_settings import webhook_settings
from tests.docs.snippets import ROOT, snippet

PAGE, MANAGED = "docs/deploy/kubernetes.md", "docs/deploy/managed.md"
CHART = "1.22.0"
JSON_TYPES = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}
# measured, in MiB: docs/deploy/kubernetes.md
NEEDED_MIB = 335 + 56 + 10


@cache
def values() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docs/deploy/values.yaml").read_text())
    return document


def chart_settings() -> dict[str, list[str]]:
    """Return the types of each setting that the chart has."""
    lines = (Path(__file__).parent / f"airflow-chart-{CHART}.txt").read_text().splitlines()
    pairs = (line.split(" ") for line in lines if not line.startswith("#"))
    return {name: types.split("|") for name, types in pairs}


def unknown(document: dict[str, Any], settings: dict[str, list[str]], prefix: str = "") -> list[str]:
    """Return what of a document the chart has no setting for, or one of another type."""
    found = []
    for key, value in document.items():
        name = prefix + key
        if name in settings:
            found += [] if JSON_TYPES[type(value)] in settings[name] else [f"{name}: {value!r}"]
        elif isinstance(value, dict) and any(setting.startswith(f"{name}.") for setting in settings):
            found += unknown(value, settings, f"{name}.")
        else:
            found.append(name)
    return found


def test_the_chart_has_every_setting_with_its_type() -> None:
    assert unknown(values(), chart_settings()) == []
    assert f"--version {CHART} " in (ROOT / PAGE).read_text()
    assert f"version {CHART} " in (ROOT / "docs/deploy/values.yaml").read_text()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"workers": {"kubernetes": {"terminationGracePeriod": 60}}}, "workers.kubernetes.terminationGracePeriod"),
        ({"workers": {"kubernetes": {"safeToEvict": "no"}}}, "workers.kubernetes.safeToEvict: 'no'"),
        ({"executer": "KubernetesExecutor"}, "executer"),
    ],
)
def test_a_mistake_would_be_seen(wrong: dict[str, Any], told: str) -> None:
    assert unknown(wrong, chart_settings()) == [told]


@pytest.mark.airflow
def test_the_installed_airflow_has_every_option() -> None:
    from airflow.configuration import conf

    sections: dict[str, Any] = conf.configuration_description
    known = {section: set(sections[section]["options"]) for section in values()["config"]}
    assert {section: set(options) - known[section] for section, options in values()["config"].items()} == {
        section: set() for section in values()["config"]
    }


def test_the_image_is_this_version_with_the_airflow_that_is_pinned() -> None:
    assert values()["defaultAirflowTag"] == cxone_provider.__version__
    assert f"\napache-airflow=={values()['airflowVersion']} " in (ROOT / "constraints.txt").read_text()
    assert f"{values()['defaultAirflowRepository']}:{cxone_provider.__version__}" in (ROOT / PAGE).read_text()


def test_the_image_has_what_the_charts_probes_call(tmp_path: Path) -> None:
    [line] = re.findall(r"^RUN (printf .+) && chmod", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    script = tmp_path / "entrypoint"
    subprocess.run(["/bin/sh", "-c", line.replace("/entrypoint", shlex.quote(str(script)))], check=True)
    script.chmod(0o755)
    ran = subprocess.run([script, "echo", "a b"], capture_output=True, text=True, check=True)
    assert ran.stdout == "a b\n"


def test_dags_pools_and_variables_fit_together() -> None:
    dags = "\n".join(path.read_text() for path in (ROOT / "dags").glob("*.py"))
    given = {entry["name"]: entry["value"] for entry in values()["env"]}
    assert [name for name in given if f'os.environ.get("{name}"' not in dags] == []
    made = re.findall(r"^airflow pools set (\w+) (\d+)", values()["migrateDatabaseJob"]["args"][-1], re.MULTILINE)
    assert dict(made) == {given["CXONE_POOL"]: "4", "cxone_media_download": "1"}
    assert '"cxone_media_download"' in dags
    connections = {entry["envName"].removeprefix("AIRFLOW_CONN_").lower() for entry in values()["secret"]}
    assert given["CXONE_WEBHOOK_CONN_ID"] in connections


@pytest.mark.airflow
def test_the_job_speaks_to_airflows_own_command_line() -> None:
    from airflow.cli.cli_parser import get_parser

    lines = values()["migrateDatabaseJob"]["args"][-1].splitlines()
    told = [get_parser().parse_args(shlex.split(line)[1:]) for line in lines]
    assert [one.subcommand for one in told] == ["migrate", "set", "set"]


def test_secrets_are_named_alike_and_none_is_written_down() -> None:
    page = (ROOT / PAGE).read_text()
    documents = json.loads(snippet(PAGE, "connections"))
    assert {entry["secretKey"] for entry in values()["secret"]} == documents.keys()
    for entry in values()["secret"]:
        assert entry["envName"] == f"AIRFLOW_CONN_{entry['secretKey']}".upper()
        assert f"--from-file={entry['secretKey']}=" in page
        assert f"generic {entry['secretName']} " in page
    names = [value for key, value in values().items() if key.endswith("SecretName")]
    for name in [*names, values()["data"]["metadataSecretName"]]:
        assert f"generic {name} --from-literal=" in page


def test_the_connections_of_the_page_are_read() -> None:
    documents = json.loads(snippet(PAGE, "connections"))
    tenant = documents["cxone_default"]
    assert settings_of("", tenant["login"], tenant["password"], tenant["extra"]).base_url.startswith("https://")
    assert f"airflow pools set cxone {tenant['extra']['parallel_tasks']} " in values()["migrateDatabaseJob"]["args"][-1]
    receiver = documents["archive_webhook_default"]
    settings = webhook_settings(receiver["host"], None, None, None, receiver["password"], receiver["extra"])
    assert settings.url == "https://receiver.example.com/archived"
    assert documents["aws_default"]["conn_type"] == "aws"


def test_a_pod_has_the_memory_that_was_measured() -> None:
    resources = values()["workers"]["kubernetes"]["resources"]
    requested, limit = (int(resources[kind]["memory"].removesuffix("Mi")) for kind in ("requests", "limits"))
    assert NEEDED_MIB <= requested < limit
    assert "335 MiB" in (ROOT / PAGE).read_text()


@pytest.mark.airflow
def test_a_task_of_another_size_gets_its_pod() -> None:
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
    from kubernetes.client import models as k8s  # type: ignore[import-untyped]  # the client has no types

    namespace: dict[str, Any] = {}
    exec(snippet(PAGE, "pod-override"), namespace)  # the page's code is tested
    spec = k8s.V1PodSpec(containers=[k8s.V1Container(name="base")], termination_grace_period_seconds=120)
    pod = PodGenerator.construct_pod(
        dag_id="archive", task_id="stream", pod_id="archive-stream", try_number=1, date=None, run_id="r", map_index=2,
        kube_image="image:1", args=["python", "-m", "airflow.sdk.execution_time.execute_workload"],
        pod_override_object=namespace["stream"].executor_config["pod_override"], base_worker_pod=k8s.V1Pod(spec=spec),
        namespace="airflow", scheduler_job_id="1",
    )  # fmt: skip
    [container] = pod.spec.containers
    assert container.resources.requests == {"memory": "1Gi"}
    assert (container.name, container.image) == ("base", "image:1")
    assert pod.spec.termination_grace_period_seconds == 120


def test_managed_airflow_is_told_the_right_names() -> None:
    constraint, package = snippet(MANAGED, "mwaa-requirements").splitlines()
    assert package == f"airflow-provider-cxone=={cxone_provider.__version__}"
    assert constraint.rpartition("/")[2].rstrip('"') in (ROOT / MANAGED).read_text().replace(constraint, "")
    bound = re.search(r'common-compat>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert bound is not None
    assert f"common-compat=={bound[1]}/" in (ROOT / MANAGED).read_text()


@pytest.mark.airflow
def test_the_secrets_backend_exists_and_takes_its_arguments() -> None:
    from configparser import RawConfigParser

    from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend

    parser = RawConfigParser()
    parser.read_string(snippet(MANAGED, "mwaa-secrets"))
    told = parser["secrets"]
    assert told["backend"] == f"{SecretsManagerBackend.__module__}.{SecretsManagerBackend.__name__}"
    backend = SecretsManagerBackend(**json.loads(told["backend_kwargs"]))
    assert backend.connections_prefix == "airflow/connections"


@pytest.mark.airflow
def test_a_role_in_aws_is_taken_by_a_google_identity() -> None:
    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
    from airflow.sdk import Connection

    document = json.loads(snippet(MANAGED, "composer-aws"))
    wrapper = AwsConnectionWrapper(Connection.from_json(json.dumps(document), conn_id="aws_default"))
    assert wrapper.role_arn == document["extra"]["role_arn"]
    assert wrapper.assume_role_method == "assume_role_with_web_identity"
    assert wrapper.extra_config["assume_role_with_web_identity_federation"] == "google"
