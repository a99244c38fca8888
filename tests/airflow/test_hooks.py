from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError

from cxone_provider.archive.errors import AuthenticationFailed, InvalidSetting, TransferCancelled
from cxone_provider.archive.recording import RecordingRef
from cxone_provider.hooks import archive_webhook as webhook_module
from cxone_provider.hooks import cxone as hook_module
from cxone_provider.hooks import supervisor as supervisor_module
from cxone_provider.hooks.archive_store import archive_bucket
from cxone_provider.hooks.archive_webhook import archive_webhook
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.task_state import TaskStateJournal
from cxone_provider.simulator import Interaction, Simulator
from tests.fakes.clock import FakeClock
from tests.fakes.task import FakeStateStore

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # Airflow's own about its connections
SetConnection = Callable[..., None]


@pytest.fixture
def set_connection(monkeypatch: pytest.MonkeyPatch) -> SetConnection:
    def setting(conn_id: str, **fields: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    return setting


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> set[object]:
    secrets: set[object] = set()
    for module in (hook_module, webhook_module, supervisor_module):
        monkeypatch.setattr(module, "mask", secrets.add)
    return secrets


def test_the_hook_is_an_airflow_hook() -> None:
    assert (CXoneHook.conn_name_attr, CXoneHook.default_conn_name) == ("cxone_conn_id", "cxone_default")
    assert (CXoneHook.conn_type, CXoneHook.hook_name) == ("cxone", "NICE CXone")
    assert CXoneHook("no_such_connection").cxone_conn_id == "no_such_connection", "nothing is looked up when it is made"


def test_every_secret_is_masked_and_so_is_every_token(set_connection: SetConnection, masked: set[object]) -> None:
    with Simulator(client_secret="client secret") as tenant:
        extra = {
            "stream_secret": "stream-secret-0123456789abcdef01",
            "access_key_secret": "key secret",
            "proxies": {"https": "http://user:proxy-password@proxy.example:3128"},
        }
        set_connection(
            "cxone_default",
            conn_type="cxone",
            host=tenant.base_url,
            login="simulator",
            password="client secret",
            extra=extra,
        )
        hook = CXoneHook()
        hook.source.check()
    assert masked >= {"client secret", "stream-secret-0123456789abcdef01", "key secret", "proxy-password"}
    assert len({secret for secret in masked if isinstance(secret, str) and len(secret) == 43}) == 1, "the token"
    assert hook.get_conn() is hook.source


def test_the_test_button_fetches_a_token(set_connection: SetConnection) -> None:
    with Simulator() as tenant:
        fields = {"conn_type": "cxone", "host": tenant.base_url, "login": "simulator"}
        set_connection("cxone_default", **fields, password="simulator-secret")
        ok, message = CXoneHook().test_connection()
        assert (ok, tenant.tokens_issued) == (True, 1)
        assert tenant.base_url in message
        set_connection("cxone_default", **fields, password="wrong-secret-value")
        ok, message = CXoneHook().test_connection()
    assert not ok
    assert message.startswith("AuthenticationFailed: ")
    assert "wrong-secret-value" not in message


@pytest.fixture
def real_tenant(set_connection: SetConnection) -> Iterator[Simulator]:
    """Return a tenant that speaks media-playback, and the connection to it."""
    with Simulator(client_secret="client secret") as tenant:
        extra = {
            "api": "media-playback",
            "access_key_id": tenant.apis.access_key_id,
            "access_key_secret": tenant.apis.access_key_secret,
            "media_hosts": ["127.0.0.1"],
        }
        fields = {"host": tenant.base_url, "login": tenant.client_id, "password": "client secret", "extra": extra}
        set_connection("cxone_default", conn_type="cxone", **fields)
        yield tenant


def test_the_connection_chooses_the_dialect(real_tenant: Simulator) -> None:
    real_tenant.add_contact("4711", [Interaction(b"....ftypmp42", format="mp4", duration_s=1)])
    hook = CXoneHook()
    described = hook.source.describe(RecordingRef("4711", metadata={"listed": True}))
    assert described.settled_by_media
    assert (hook.source.requests_used, real_tenant.quota.used) == (0, 0)


def test_the_test_button_of_a_real_tenant_costs_nothing_of_its_quota(real_tenant: Simulator) -> None:
    ok, message = CXoneHook().test_connection()
    assert (ok, real_tenant.tokens_issued, real_tenant.quota.used) == (True, 1, 0)
    assert f"granted a token for the API at {real_tenant.base_url}" in message


def test_every_secret_of_a_real_tenant_is_masked(real_tenant: Simulator, masked: set[object]) -> None:
    CXoneHook().source.check()
    tokens = [secret for secret in masked if isinstance(secret, str) and secret.count(".") == 2]
    assert len(tokens) == 2, "the access token and the id token"
    assert masked >= {"client secret", real_tenant.apis.access_key_secret, real_tenant.apis.access_key_id}
    assert len(masked - {None}) == 6, "and the refresh token"


def test_a_trigger_gets_the_same_dialect(real_tenant: Simulator) -> None:
    source = asyncio.run(CXoneHook().aget_conn())
    assert source.describe(RecordingRef("4711", metadata={"listed": True})).settled_by_media


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"login": "id"}, "connection field password"),
        ({"login": "id", "password": "p", "extra": {"api": "v9"}}, "connection field api"),
        ({"login": "id", "password": "p", "extra": {"stream_secrets": "x"}}, "Is it stream_secret?"),
        ({"login": "id", "password": "p", "host": "http://10.0.0.1"}, "plain http"),
        ({"extra": {"api": "media-playback"}}, "connection field access_key_id"),
        ({"extra": {"api": "media-playback", "auth": "client_credentials"}}, "access_key or access_key_json"),
        ({"login": "id", "password": "p", "extra": {"auth": "access_key"}}, "for api recording-v2"),
    ],
)
def test_the_test_button_says_what_is_wrong(set_connection: SetConnection, fields: dict[str, Any], cause: str) -> None:
    set_connection("cxone_default", conn_type="cxone", **fields)
    ok, message = CXoneHook().test_connection()
    assert not ok
    assert cause in message


def test_a_kill_ends_waiting_for_the_tenant(set_connection: SetConnection) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with Simulator() as tenant:
        tenant.add_recording(
            "a",
            b"x",
            format="mp3",
            duration_s=1,
            faults=[{"fault": "status", "status": 503, "on": "metadata", "times": "always"}],
        )
        set_connection(
            "cxone_default", conn_type="cxone", host=tenant.base_url, login="simulator", password="simulator-secret"
        )
        with pytest.raises(TransferCancelled):
            CXoneHook(cancelled=cancelled).source.describe(RecordingRef("a"))


def test_the_bucket_is_reached_as_the_aws_connection_says(set_connection: SetConnection) -> None:
    extra = {
        "endpoint_url": "http://127.0.0.1:9",
        "region_name": "eu-west-3",
        "config_kwargs": {"read_timeout": 7, "s3": {"addressing_style": "path"}},
        "service_config": {"s3": {"archive": {"checksum": "none", "storage_class": "STANDARD_IA"}}},
    }
    set_connection("aws_default", conn_type="aws", login="key", password="secret", extra=extra)
    reached = archive_bucket("bucket", aws_conn_id="aws_default", concurrency=9, encryption="SSE-S3", tags={"a": "b"})
    assert (reached.endpoint_url, reached.region) == ("http://127.0.0.1:9", "eu-west-3")
    assert reached.settings.checksum == "none"
    assert reached.storage_document() == {"encryption": "SSE-S3", "storage_class": "STANDARD_IA", "tags": {"a": "b"}}
    assert reached.store.bucket == "bucket"


def test_the_passwords_of_s3_proxies_are_masked(set_connection: SetConnection, masked: set[object]) -> None:
    extra = {"region_name": "eu-west-3", "config_kwargs": {"proxies": {"https": "http://u:p%40ss@proxy.example:3128"}}}
    set_connection("aws_default", conn_type="aws", login="key", password="secret", extra=extra)
    archive_bucket("bucket", aws_conn_id="aws_default")
    assert masked == {"p%40ss", "p@ss"}
    archive_bucket("bucket", aws_conn_id="no_such_connection")
    assert masked == {"p%40ss", "p@ss"}


def test_an_unknown_archive_option_is_refused(set_connection: SetConnection) -> None:
    extra = {"region_name": "eu-west-3", "service_config": {"s3": {"archive": {"checksums": "none"}}}}
    set_connection("aws_default", conn_type="aws", extra=extra)
    with pytest.raises(InvalidSetting, match="service_config"):
        archive_bucket("bucket", aws_conn_id="aws_default")


def test_the_webhook_is_what_the_http_connection_says(set_connection: SetConnection, masked: set[object]) -> None:
    with Simulator() as receiver:
        extra = {
            "endpoint": "/_simulator/webhook",
            "allowed_hosts": ["127.0.0.1"],
            "headers": {"X-Api-Key": "gateway-key-canary"},
        }
        set_connection("hook", conn_type="http", host=receiver.base_url, password="first-key second-key", extra=extra)
        delivery = archive_webhook("hook", FakeClock()).deliver("msg_1", b"{}")
        [received] = receiver.webhooks
    assert delivery.status_code == 204
    assert received.body == "{}"
    assert masked == {"first-key", "second-key", "gateway-key-canary"}


class BrokenStateStore(FakeStateStore):
    def get(self, key: str) -> Any:
        raise self.error()

    def set(self, key: str, value: Any) -> None:
        raise self.error()

    def delete(self, key: str) -> None:
        raise self.error()

    @staticmethod
    def error() -> AirflowRuntimeError:
        from airflow.sdk.exceptions import ErrorType
        from airflow.sdk.execution_time.comms import ErrorResponse

        return AirflowRuntimeError(ErrorResponse(error=ErrorType.GENERIC_ERROR, detail={"message": "down"}))


def test_the_task_state_store_remembers_one_state_per_recording() -> None:
    store = FakeStateStore()
    journal = TaskStateJournal(store)
    journal.save("a", {"upload_id": "1"})
    journal.save("b", {"upload_id": "2"})
    assert store.values == {"cxone.a": {"upload_id": "1"}, "cxone.b": {"upload_id": "2"}}
    assert TaskStateJournal(store).load("a") == {"upload_id": "1"}
    journal.clear("a")
    journal.clear("a")
    assert (journal.load("a"), journal.load("b")) == (None, {"upload_id": "2"})


def test_a_state_store_that_fails_costs_no_recording() -> None:
    journal = TaskStateJournal(BrokenStateStore())
    journal.save("a", {"upload_id": "1"})
    assert journal.load("a") is None
    journal.clear("a")


def test_wrong_credentials_are_an_error_of_the_core(set_connection: SetConnection) -> None:
    with Simulator() as tenant:
        set_connection("cxone_default", conn_type="cxone", host=tenant.base_url, login="simulator", password="wrong")
        with pytest.raises(AuthenticationFailed):
            CXoneHook().source.describe(RecordingRef("a"))
