"""What Airflow learns of this package before it imports any of it: connection form, hooks, operators, triggers, links.

Airflow validates the returned dictionary whenever it starts, and an invalid one breaks every ``import airflow`` of the
environment. It is read before Airflow's configuration exists, so this module imports nothing.
"""

from __future__ import annotations

from typing import Any

INTEGRATION_NAME = "NICE CXone"
_OPERATOR_MODULES = (
    "estimation",
    "listing",
    "media_download",
    "notification",
    "quality",
    "reconciliation",
    "recordings",
    "statistics",
    "streaming",
    "validation",
    "verification",
)
_TRIGGER_MODULES = ("jobs", "media_download", "storage")


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata, valid against Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-cxone",
        "name": "NICE CXone recordings",
        "description": "Archives NICE CXone voice recordings to S3: verified, once, with evidence.",
        "integrations": [
            {
                "integration-name": INTEGRATION_NAME,
                "external-doc-url": "https://developer.niceincontact.com/",
                "tags": ["service"],
            }
        ],
        "hooks": [{"integration-name": INTEGRATION_NAME, "python-modules": ["cxone_provider.hooks.cxone"]}],
        "operators": [
            {
                "integration-name": INTEGRATION_NAME,
                "python-modules": [f"cxone_provider.operators.{name}" for name in _OPERATOR_MODULES],
            }
        ],
        "sensors": [
            {"integration-name": INTEGRATION_NAME, "python-modules": ["cxone_provider.sensors.media_download"]}
        ],
        "triggers": [
            {
                "integration-name": INTEGRATION_NAME,
                "python-modules": [f"cxone_provider.triggers.{name}" for name in _TRIGGER_MODULES],
            }
        ],
        "extra-links": [
            "cxone_provider.links.archive.ArchivedMediaLink",
            "cxone_provider.links.archive.ManifestLink",
        ],
        "connection-types": [_connection_type()],
        "config": {
            "cxone": {"description": "Tasks of this provider.", "options": _task_options()},
            "cxone_console": {"description": "The archive console.", "options": _console_options()},
        },
    }


def _task_options() -> dict[str, Any]:
    described = (
        "Whether the scheduler of a LocalExecutor imports what tasks need, once for all of them: each validation is "
        "seconds shorter, the scheduler larger by the data rules. CeleryExecutor: see cxone_provider.preloading."
    )
    return {"preload": {**_option(described, "True"), "type": "boolean"}}


def _console_options() -> dict[str, Any]:
    return {
        "bucket": _option("Bucket of the archive. Empty: CXONE_ARCHIVE_BUCKET of the environment.", ""),
        "prefix": _option("Path of the archive in the bucket.", "cxone"),
        "aws_conn_id": _option("Connection of the Amazon provider. Empty: boto3's own credentials.", "aws_default"),
        "archive_dag_id": _option(
            "DAG that fills the archive: readers of its runs may look, readers of its XComs listen.",
            "cxone_daily_archive",
        ),
        "recording_dag_id": _option("DAG that 'Archive again' triggers.", "cxone_archive_recording"),
        "verify_dag_id": _option("DAG that writes the reports of verification.", "cxone_verify_archive"),
    }


def _option(description: str, default: str) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": "string",
        "example": None,
        "default": default,
    }


def _connection_type() -> dict[str, Any]:
    return {
        "connection-type": "cxone",
        "hook-class-name": "cxone_provider.hooks.cxone.CXoneHook",
        "hook-name": "NICE CXone",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "port"],
            "relabeling": {"host": "Base URL", "login": "Client id", "password": "Client secret"},
            "placeholders": {
                "host": "empty: the vendor's; for media-playback the issuer, https://cxone.niceincontact.com",
                "login": "client id of the registered application",
                "password": "client secret of the registered application",
            },
        },
        "conn-fields": {**_dialect_fields(), **_access_key_fields(), **_secret_fields(), **_network_fields()},
    }


def _dialect_fields() -> dict[str, Any]:
    return {
        "api": _field(
            "API",
            "Which CXone API delivers the recordings.",
            type="string",
            enum=["recording-v2", "media-playback", "secure-external-access"],
            default="recording-v2",
        ),
        "environment": _field(
            "Environment",
            "recording-v2: first label of the API's host name; used while the base URL is empty. Default: api.",
            type=["string", "null"],
            maxLength=63,
        ),
        "auth": _field(
            "Authentication",
            "How tokens are obtained. Empty: client_credentials for recording-v2, access_key for media-playback.",
            type=["string", "null"],
            enum=["client_credentials", "access_key", "access_key_json", "none", None],
        ),
        "scope": _field(
            "Scope",
            "recording-v2: scopes asked for with a token. Default: recording:download recording:read.",
            type=["string", "null"],
        ),
        "stream_signature_header": _field(
            "Signature header",
            "recording-v2: header that carries a chunk's signature. Default: X-Chunk-HMAC-SHA256.",
            type=["string", "null"],
        ),
    }


def _access_key_fields() -> dict[str, Any]:
    return {
        "access_key_id": _field("Access key id", "For the access key ways of authentication.", type=["string", "null"]),
        "client_auth": _field(
            "Client authentication",
            "With an access key: where client id and secret travel, as registered with the vendor. Default: basic.",
            type=["string", "null"],
            enum=["basic", "form", None],
        ),
        "area": _field(
            "Area",
            "access_key_json: the tenant's area, e.g. na1, or the base URL of its token endpoint.",
            type=["string", "null"],
        ),
        "api_endpoint": _field(
            "API endpoint",
            "With an access key: base URL of the tenant's API. Empty: discovered by the tenant's configuration.",
            type=["string", "null"],
        ),
        "api_hosts": _field(
            "API hosts",
            "Host patterns that discovery may send tokens to, beside the issuer's own. Empty: the vendor's.",
            type=["array", "null"],
            items={"type": "string"},
        ),
    }


def _secret_fields() -> dict[str, Any]:
    return {
        "access_key_secret": _field(
            "Access key secret", "Belongs to the access key id.", type=["string", "null"], format="password"
        ),
        "stream_secret": _field(
            "Stream secret",
            "recording-v2: key of the chunk signatures (HMAC-SHA256). Set: every chunk must carry a valid one.",
            type=["string", "null"],
            format="password",
        ),
    }


def _network_fields() -> dict[str, Any]:
    return {
        "media_hosts": _field(
            "Media hosts",
            "Host patterns, addresses and networks a link may lead to. Empty: the vendor's and its object stores.",
            type=["array", "null"],
            items={"type": "string"},
        ),
        "requests_per_period": _field(
            "Requests per period",
            "media-playback: requests that the tenant takes in one period. Default: 150.",
            type=["integer", "null"],
            minimum=1,
        ),
        "period_s": _field(
            "Period (s)", "Length of the period in seconds. Default: 300.", type=["number", "null"], minimum=0.1
        ),
        "parallel_tasks": _field(
            "Parallel tasks",
            "Slots of the Airflow pool that tasks of this tenant run in; they share the requests. Default: 4.",
            type=["integer", "null"],
            minimum=1,
        ),
        "duration_tolerance_s": _field(
            "Duration tolerance (s)",
            "media-playback: how far an interaction's times and its audio may disagree. Default: 1 s, or 1 %.",
            type=["number", "null"],
            minimum=0,
        ),
        "timeouts": _field(
            "Time-outs (s)",
            'JSON object, e.g. {"connect": 10, "token": 10, "metadata": 15, "media": 30}.',
            type=["object", "null"],
        ),
        "retries": _field(
            "Retries",
            'JSON object with the bounds of a retry, e.g. {"attempts": 5, "deadline_s": 300}.',
            type=["object", "null"],
        ),
        "media_download": _field(
            "Media Download",
            'JSON object: how recordings are asked for in bulk, e.g. {"location": "s3", "bucket": "exports"}.',
            type=["object", "null"],
        ),
        "secure_external_access": _field(
            "Secure External Access",
            'secure-external-access: JSON object, e.g. {"bucket": "…", "prefix": "…", "aws_conn_id": "…"}.',
            type=["object", "null"],
        ),
        "listing": _field(
            "Listing",
            'JSON object: how the tenant lists its contacts, e.g. {"contacts_version": "27.0", "entity_version": "7"}.',
            type=["object", "null"],
        ),
        "ca_bundle": _field(
            "CA bundle", "Path of a PEM file on the workers that replaces the default one.", type=["string", "null"]
        ),
        "proxies": _field(
            "Proxies", 'JSON object, e.g. {"https": "http://proxy.example:3128"}.', type=["object", "null"]
        ),
        "allow_http": _field(
            "Allow plain http",
            "Secrets travel in clear text: for a simulator in a private network only.",
            type=["boolean", "null"],
        ),
    }


def _field(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": schema}
