from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from cxone_provider import __version__
from cxone_provider.adapters.cxone.credentials import Auth, ClientAuth
from cxone_provider.adapters.cxone.settings import Api, settings_of
from cxone_provider.get_provider_info import get_provider_info
from cxone_provider.operators import recordings
from tests.airflow.versions import AIRFLOW

pytestmark = pytest.mark.airflow
CONNECTION = get_provider_info()["connection-types"][0]
FIELDS = CONNECTION["conn-fields"]


def schema(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((files("airflow") / name).read_text())
    return document


def test_the_metadata_is_valid_by_the_schema_airflow_checks_at_every_start() -> None:
    jsonschema.validate(get_provider_info(), schema("provider_info.schema.json"))


def test_the_connection_form_is_valid_by_the_schema_providers_are_built_with() -> None:
    form = schema("provider.yaml.schema.json")["properties"]["connection-types"]
    jsonschema.validate(get_provider_info()["connection-types"], form)


def test_every_name_in_the_metadata_exists() -> None:
    info = get_provider_info()
    classes = [*info["extra-links"], CONNECTION["hook-class-name"]]
    for module, _, name in (path.rpartition(".") for path in classes):
        assert hasattr(importlib.import_module(module), name)
    modules = [
        name
        for kind in ("hooks", "operators", "sensors", "triggers")
        for entry in info[kind]
        for name in entry["python-modules"]
    ]
    for name in modules:
        importlib.import_module(name)
    defined = {getattr(recordings, name).__module__ for name in recordings.__all__}
    assert defined < set(modules)


def test_the_form_has_a_field_for_everything_a_connection_can_say() -> None:
    contract = {
        "api", "environment", "auth", "access_key_id", "access_key_secret", "scope", "stream_secret",
        "stream_signature_header", "media_hosts", "requests_per_period", "period_s", "timeouts", "ca_bundle", "proxies",
        "client_auth", "area", "api_endpoint", "api_hosts", "parallel_tasks", "media_download",
        "secure_external_access",
    }  # fmt: skip
    assert contract <= set(FIELDS)


def test_secrets_have_password_fields_and_names_that_airflow_masks() -> None:
    from airflow.providers.common.compat.sdk import redact

    secret = {name for name, field in FIELDS.items() if field["schema"].get("format") == "password"}
    assert secret == {"access_key_secret", "stream_secret"}
    assert all(redact({name: "canary"}) == {name: "***"} for name in secret)


def test_a_form_left_as_it_is_makes_usable_settings() -> None:
    untouched = {name: field["schema"].get("default") for name, field in FIELDS.items()}
    assert settings_of("", "id", "secret", untouched).base_url == "https://api.api.nice.incontact.com"


KEY = {"access_key_id": "id====", "access_key_secret": "secret====", "area": "na1"}
BUCKET = {"secure_external_access": {"bucket": "vendor"}}
BESIDE: dict[str, dict[str, Any]] = {
    "secure-external-access": BUCKET,
    "none": {**BUCKET, "api": "secure-external-access"},
    "media-playback": KEY,
    "access_key": {**KEY, "api": "media-playback"},
    "access_key_json": {**KEY, "api": "media-playback"},
}


@pytest.mark.parametrize(
    ("name", "choice"), [(name, choice) for name, field in FIELDS.items() for choice in field["schema"].get("enum", ())]
)
def test_every_choice_of_the_form_is_understood(name: str, choice: str | None) -> None:
    settings_of("", "id", "secret", {**BESIDE.get(choice or "", {}), name: choice})


def test_the_form_offers_every_choice_there_is() -> None:
    for name, kind in (("api", Api), ("auth", Auth), ("client_auth", ClientAuth)):
        assert {choice for choice in FIELDS[name]["schema"]["enum"] if choice} == set(kind)


def test_airflow_lists_the_provider_and_its_connection_type(installed: dict[str, str]) -> None:
    script = (
        "import json; from airflow.providers_manager import ProvidersManager as P; manager = P();"
        "provider = manager.providers['airflow-provider-cxone']; hook = manager.hooks['cxone'];"
        "print(json.dumps([provider.version, hook.hook_class_name, hook.hook_name,"
        " sorted(manager.connection_form_widgets), sorted(manager.extra_links_class_names)]))"
    )
    result = subprocess.run([sys.executable, "-c", script], env=installed, capture_output=True, text=True, check=True)
    version, hook_class, hook_name, widgets, links = json.loads(result.stdout.splitlines()[-1])
    assert (version, hook_class, hook_name) == (__version__, CONNECTION["hook-class-name"], "NICE CXone")
    if AIRFLOW >= (3, 2):  # before that, a provider cannot declare its connection's form
        assert {f"extra__cxone__{name}" for name in FIELDS} <= set(widgets)
    assert set(get_provider_info()["extra-links"]) <= set(links)
