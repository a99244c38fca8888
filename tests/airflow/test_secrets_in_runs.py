"""Twelve canary secrets in the connections of a real run at DEBUG: none is in its log, XCom, fields or database."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from airflow.models.dagrun import DagRun
from airflow.sdk.log import redact  # type: ignore[attr-defined]  # where the supervisor's own writer takes it from

from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.supervisor import mask
from cxone_provider.simulator import Simulator
from cxone_provider.triggers.storage import StorageStateTrigger
from tests.airflow.conftest import AUDIO, BUCKET, HOME
from tests.security import canaries
from tests.security.canaries import CANARIES, found
from tests.servers.forward_proxy import ForwardProxy, forward_proxy
from tests.servers.moto import moto
from tools.servers.seaweedfs import S3Server

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.server,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn each other
]
_SENT_TO_WEBHOOK = f"{canaries.WEBHOOK_HEADER_TOKEN} /{canaries.WEBHOOK_PATH_TOKEN}?code={canaries.WEBHOOK_QUERY_TOKEN}"


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A tenant and an S3 server behind proxies, as connections full of canaries name them."""
    secrets = Simulator(client_secret=canaries.CLIENT_SECRET, stream_secret=canaries.STREAM_SECRET)
    with secrets as started, forward_proxy() as proxy, moto(buckets=[BUCKET]) as server:
        for conn_id, fields in connections(started, replace(server, secret_key=canaries.AWS_SECRET_KEY), proxy).items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
        yield started


def connections(tenant: Simulator, s3: S3Server, proxy: ForwardProxy) -> dict[str, dict[str, Any]]:
    through = {
        name: proxy.url("archive", password)
        for name, password in (
            ("tenant", canaries.TENANT_PROXY_PASSWORD),
            ("webhook", canaries.WEBHOOK_PROXY_PASSWORD),
            ("aws", canaries.AWS_PROXY_PASSWORD),
        )
    }
    return {
        "cxone_default": {
            "conn_type": "cxone",
            "host": tenant.base_url,
            "login": tenant.client_id,
            "password": canaries.CLIENT_SECRET,
            "extra": {
                "stream_secret": canaries.STREAM_SECRET,
                "access_key_secret": canaries.ACCESS_KEY_SECRET,
                "proxies": {"http": through["tenant"]},
                "retries": {"attempts": 2, "base_delay_s": 0},
            },
        },
        "aws_default": {
            "conn_type": "aws",
            "login": s3.access_key,
            "password": s3.secret_key,
            "extra": {
                "endpoint_url": s3.endpoint,
                "region_name": s3.region,
                "aws_session_token": canaries.AWS_SESSION_TOKEN,
                "config_kwargs": {"proxies": {"http": through["aws"]}},
            },
        },
        "archive_webhook_default": {
            "conn_type": "http",
            "host": tenant.base_url,
            "password": canaries.WEBHOOK_SECRET,
            "extra": {
                "endpoint": f"/_simulator/webhook/{canaries.WEBHOOK_PATH_TOKEN}?code={canaries.WEBHOOK_QUERY_TOKEN}",
                "allowed_hosts": ["127.0.0.1"],
                "headers": {"Authorization": f"Bearer {canaries.WEBHOOK_HEADER_TOKEN}"},
                "proxies": {"http": through["webhook"]},
                "attempts": 1,
            },
        },
    }


def test_no_secret_is_left_by_a_run_in_which_things_fail(
    tenant: Simulator,
    run_dag: Callable[..., DagRun],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens: dict[str, str] = {}

    def mask_and_keep(secret: object) -> None:
        tokens[f"masked {len(tokens)}"] = str(secret)
        mask(secret)

    monkeypatch.setattr("cxone_provider.hooks.cxone.mask", mask_and_keep)
    for recording_id in ("good", "refused", "page"):
        tenant.add_recording(recording_id, AUDIO / "call-cbr32k-8k-id3v23.mp3")
    tenant.script("good", [{"fault": "status", "status": 401}])
    echo = {"status": 403, "body": canaries.CLIENT_SECRET, "times": "always"}
    tenant.script("refused", [{"fault": "status", "on": "media", **echo}])
    tenant.script("page", [{"fault": "html_page", "times": "always"}])
    tenant.script_tenant([{"fault": "status", "on": "webhook", "status": 422, "body": _SENT_TO_WEBHOOK, "at": 2}])
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        run = run_dag("cxone_daily_archive", recordings=["good", "refused", "page", "nowhere"])
    finally:
        logging.getLogger().setLevel(level)

    states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    assert (states["batch.stream"], states["batch.notify"], states["check_run"]) == ("success", "failed", "failed")
    captured = capfd.readouterr()
    # The in-process stand-in for Airflow's supervisor, and only that, logs what it is asked to hide, and hides nothing:
    # a worker's supervisor writes every line through this function.
    lines = [str(redact(line)) for line in (captured.out + captured.err).splitlines() if "msg=MaskSecret(" not in line]
    written = {
        "the log": "\n".join(lines).encode(),
        "the log, joined": "".join(lines).encode(),
        "the database": b"".join(path.read_bytes() for path in HOME.glob("airflow.db*")),
    }
    assert tenant.tokens_issued >= 2
    assert b"botocore" in written["the log"], "the libraries were heard at DEBUG"
    secrets = {**CANARIES, **{name: value for name, value in tokens.items() if len(value) > 8}}
    assert len(secrets) > len(CANARIES) + 2
    assert found(secrets, written) == []


def test_a_trigger_carries_the_name_of_the_connection_and_no_secret(tenant: Simulator) -> None:
    _, arguments = StorageStateTrigger("cxone_default", ["call-1"], "2026-11-23T10:00:00Z").serialize()
    assert set(arguments) == {"cxone_conn_id", "recording_ids", "deadline_at", "poll_interval_s"}
    assert found(CANARIES, {"the arguments": json.dumps(arguments).encode()}) == []


def test_a_hook_does_not_show_what_it_holds(tenant: Simulator) -> None:
    hook = CXoneHook()
    with closing(hook.source):
        hook.source.check()
        shown = f"{hook!r} {hook.settings!r} {hook.source!r} {hook.test_connection()}"
    assert found(CANARIES, {"the hook": shown.encode()}) == []
