"""The connection as a person meets it in Airflow's UI: its form, its Test button, what it shows of secrets."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from cxone_provider.get_provider_info import get_provider_info
from cxone_provider.simulator import Simulator
from tests.airflow.versions import AIRFLOW

pytestmark = pytest.mark.airflow
FIELDS = get_provider_info()["connection-types"][0]["conn-fields"]

# In a process of its own: Airflow looks for providers once in the life of a process.
ASK = """
import json, sys, warnings
warnings.simplefilter("ignore")
from fastapi.testclient import TestClient
from airflow.api_fastapi.app import create_app

client = TestClient(create_app())
client.headers["Authorization"] = "Bearer " + client.get("/auth/token").json()["access_token"]
answers = []
for method, path, body in json.loads(sys.argv[1]):
    answer = client.request(method, path, json=body)
    answers.append([answer.status_code, answer.json() if answer.content else None])
print(json.dumps(answers))
"""


@pytest.fixture
def ask(airflow_db: None, installed: dict[str, str]) -> Any:
    """Return a function that sends requests to Airflow's API server as an administrator."""
    settings = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True", "AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}

    def asked(*requests: tuple[str, str, Any]) -> Any:
        command = [sys.executable, "-c", ASK, json.dumps(requests)]
        result = subprocess.run(command, env={**installed, **settings}, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return json.loads(next(line for line in result.stdout.splitlines() if line.startswith("[[")))

    return asked


def test_the_form_the_test_button_and_masked_secrets(ask: Any) -> None:
    with Simulator(client_secret="right secret") as tenant:
        as_sent_by_the_form = json.dumps({name: field["schema"].get("default") for name, field in FIELDS.items()})
        connection = {
            "connection_id": "cxone_default",
            "conn_type": "cxone",
            "host": tenant.base_url,
            "login": "simulator",
            "extra": as_sent_by_the_form,
        }
        secrets = json.dumps(
            {"stream_secret": "canary-stream-secret-0123456789", "access_key_secret": "canary-key-secret"}
        )
        path = "/api/v2/connections"
        meta, right, wrong, made, shown, _ = ask(
            ("GET", "/ui/connections/hook_meta", None),
            ("POST", f"{path}/test", {**connection, "password": "right secret"}),
            ("POST", f"{path}/test", {**connection, "password": "wrong secret"}),
            ("POST", path, {**connection, "password": "canary-client-secret", "extra": secrets}),
            ("GET", f"{path}/cxone_default", None),
            ("DELETE", f"{path}/cxone_default", None),
        )
    [form] = [one for one in meta[1] if one["connection_type"] == "cxone"]
    if AIRFLOW >= (3, 2):  # before that, a provider cannot declare its form, and the extra is written as JSON
        assert set(form["extra_fields"]) == set(FIELDS)
        assert form["standard_fields"]["password"]["title"] == "Client secret"
        assert form["standard_fields"]["port"]["hidden"]
    assert right[1]["status"] is True
    assert f"granted a token for the API at {connection['host']}" in right[1]["message"]
    assert wrong[1]["status"] is False
    assert "refused the credentials" in wrong[1]["message"]
    assert made[0] == 201
    assert "canary" not in json.dumps(shown)
