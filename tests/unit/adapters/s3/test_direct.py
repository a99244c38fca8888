"""What goes past botocore, what does not, and that a connection is used again only when it can be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError
from botocore.exceptions import SSLError as BotocoreSSLError

from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.adapters.s3.direct import DirectRequests
from cxone_provider.adapters.s3.routing import route_of
from cxone_provider.archive.errors import StoreRefused
from cxone_provider.archive.ports import ObjectAttributes
from tests.fakes.certificates import Authority
from tests.fakes.clock import FakeClock
from tests.fakes.http_server import Answer, ScriptedServer, answer
from tests.fakes.s3_answers import Script, ok, refusal

AUDIO = ObjectAttributes("audio/mpeg")


def client_of(endpoint_url: str | None, config: Config | None = None, **options: Any) -> Any:
    login = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "made-up", "region_name": "eu-central-1"}
    return boto3.session.Session().client(
        "s3", endpoint_url=endpoint_url, config=tuned_client_config(user=config), **{**login, **options}
    )


@pytest.mark.parametrize(
    ("endpoint_url", "config", "place"),
    [
        (None, None, ("https", "archive.s3.eu-central-1.amazonaws.com", "/", "eu-central-1")),
        ("http://127.0.0.1:9", None, ("http", "127.0.0.1:9", "/archive/", "eu-central-1")),
        ("https://store.example/s3", None, ("https", "store.example", "/s3/archive/", "eu-central-1")),
        (
            "https://store.example",
            Config(s3={"addressing_style": "path"}),
            ("https", "store.example", "/archive/", "eu-central-1"),
        ),
    ],
)
def test_a_bucket_is_where_botocore_has_it(
    endpoint_url: str | None, config: Config | None, place: tuple[str, ...]
) -> None:
    route = route_of(client_of(endpoint_url, config), "archive")
    assert route is not None
    assert (route.scheme, route.host, route.path, route.region) == place
    assert route.keys().access_key == "AKIDEXAMPLE"
    assert "made-up" not in repr(route)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (Config(proxies={"http": "http://proxy.example:3128"}), {}),
        (Config(s3={"payload_signing_enabled": True}), {}),
        (Config(signature_version="s3"), {}),
        (Config(client_cert="/nowhere/client.pem"), {}),
    ],
    ids=["proxy", "signed bodies", "signature version 2", "client certificate"],
)
def test_what_is_out_of_the_ordinary_stays_with_botocore(config: Config, options: Mapping[str, Any]) -> None:
    assert route_of(client_of("http://127.0.0.1:9", config, **options), "archive") is None


def test_a_proxy_of_the_environment_is_out_of_the_ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert route_of(client_of("http://store.example"), "archive") is None


def test_without_credentials_botocore_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    client = client_of("http://127.0.0.1:9", aws_access_key_id=None, aws_secret_access_key=None)
    with pytest.raises(StoreRefused, match="no usable credentials"):
        S3Store(client, "archive", clock=FakeClock()).put("k", b"x", AUDIO)


@pytest.mark.parametrize(
    ("operation", "parameters", "taken"),
    [
        ("PutObject", {"Key": "k", "Body": b"", "ContentType": "audio/mpeg"}, True),
        ("GetObject", {"Key": "k", "ChecksumMode": "ENABLED"}, True),
        ("GetObject", {"Key": "k", "Range": "bytes=1-"}, False),
        ("GetObject", {"Key": "k", "VersionId": "v"}, False),
        ("PutObject", {"Key": "k", "ACL": "public-read"}, False),
        ("HeadObject", {"Key": "k"}, False),
    ],
)
def test_only_plain_requests_are_taken(operation: str, parameters: dict[str, Any], *, taken: bool) -> None:
    direct = DirectRequests(client_of("http://127.0.0.1:9"), "archive")
    assert direct.takes(operation, {"Bucket": "archive", **parameters}) is taken


def test_nothing_is_taken_where_certificates_are_not_verified() -> None:
    direct = DirectRequests(client_of("https://127.0.0.1:9"), "archive", verify=False)
    assert not direct.takes("GetObject", {"Bucket": "archive", "Key": "k"})


def stored_on(server: ScriptedServer) -> S3Store:
    return S3Store(client_of(server.url), "archive", clock=FakeClock())


def test_requests_share_a_connection() -> None:
    with ScriptedServer(Script(ok())) as server:
        store = stored_on(server)
        for number in range(3):
            store.put(f"k{number}", b"x" * 100_000, AUDIO)
    assert [request.connection for request in server.requests] == [1, 1, 1]


@pytest.mark.parametrize(
    "first",
    [
        answer(200, b"", {"ETag": '"e"', "Connection": "close"}),
        Answer([b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n'], close=True),
        Answer([b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nETag: "forged"\r\n\r\n']),
    ],
    ids=["says so", "is closed", "has more to say"],
)
def test_a_connection_that_ended_or_says_more_is_not_used_again(first: Answer) -> None:
    with ScriptedServer(Script(first, ok())) as server:
        store = stored_on(server)
        store.put("a", b"x", AUDIO)
        assert store.put("b", b"x", AUDIO).etag == "5d41402abc4b2a76b9719d911017c592"
    assert [request.connection for request in server.requests] == [1, 2]


def test_a_refusal_in_the_middle_of_a_body_is_heard() -> None:
    with (
        ScriptedServer(Script(refusal(403, "AccessDenied"))) as server,
        pytest.raises(StoreRefused, match="AccessDenied"),
    ):
        stored_on(server).put("a", bytearray(8 * 2**20), AUDIO)


def test_a_server_is_verified_by_the_bundle_that_was_given(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "Stranger")
    asked = {"Bucket": "archive", "Key": "k"}
    with ScriptedServer(Script(ok({}, b"{}")), tls=authority.server("127.0.0.1")) as server:
        trusting = DirectRequests(client_of(server.url), "archive", verify=str(authority.bundle))
        assert trusting.takes("GetObject", asked)
        assert trusting.send("GetObject", asked)["Body"].read() == b"{}"
        doubting = DirectRequests(client_of(server.url), "archive", verify=str(stranger.bundle))
        assert doubting.takes("GetObject", asked)
        with pytest.raises(BotocoreSSLError):
            doubting.send("GetObject", asked)


def test_what_is_no_http_is_a_broken_connection() -> None:
    asked = {"Bucket": "archive", "Key": "k"}
    with ScriptedServer(Script(Answer([b"SSH-2.0-OpenSSH\r\n"], close=True))) as server:
        direct = DirectRequests(client_of(server.url), "archive")
        assert direct.takes("GetObject", asked)
        with pytest.raises(ConnectionClosedError):
            direct.send("GetObject", asked)
