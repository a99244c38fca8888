"""An http connection's fields, as people fill them in, and the settings they make."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from cxone_provider.adapters.addresses import AllowList
from cxone_provider.adapters.webhook_settings import WebhookSettings, webhook_settings
from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.notification import signing_keys


def settings(host: str | None = "https://hooks.example.com", **fields: Any) -> WebhookSettings:
    given = {"schema": None, "port": None, "login": None, "password": None, "extra": {}, **fields}
    return webhook_settings(host, **given)


@pytest.mark.parametrize(
    ("host", "schema", "port", "endpoint", "url"),
    [
        ("https://hooks.example.com:8443", "", 0, None, "https://hooks.example.com:8443/"),
        ("https://hooks.example.com", None, None, None, "https://hooks.example.com/"),
        ("https://hooks.example.com/", None, None, "/in", "https://hooks.example.com/in"),
        ("https://hooks.example.com/base/", None, None, "in/box", "https://hooks.example.com/base/in/box"),
        ("https://hooks.example.com/base/", None, None, None, "https://hooks.example.com/base/"),
        ("https://hooks.example.com", None, 8443, "in", "https://hooks.example.com:8443/in"),
        ("https://hooks.example.com:8443", None, 8443, "in", "https://hooks.example.com:8443/in"),
        ("https://hooks.example.com:8443", "ignored", None, "in", "https://hooks.example.com:8443/in"),
        ("hooks.example.com", "https", 443, "in?tenant=7", "https://hooks.example.com:443/in?tenant=7"),
        ("HTTPS://Hooks.Example.com", None, None, "in", "https://hooks.example.com/in"),
        ("https://bücher.example", None, None, "in", "https://xn--bcher-kva.example/in"),
        ("http://[::1]:8080", None, None, "//evil.example/x", "http://[::1]:8080/evil.example/x"),
        (
            "https://hooks.example.com",
            None,
            None,
            "https://evil.example",
            "https://hooks.example.com/https://evil.example",
        ),
    ],
)
def test_the_url_is_host_port_and_endpoint(
    host: str, schema: str | None, port: int | None, endpoint: str | None, url: str
) -> None:
    assert settings(host, schema=schema, port=port, extra={"endpoint": endpoint}).url == url


@pytest.mark.parametrize(
    "host",
    [
        None, "", "hooks.example.com", "ftp://hooks.example.com", "file:///etc/passwd", "https://", "https:///in",
        "https://user@hooks.example.com", "https://user:pass@hooks.example.com", "https://@hooks.example.com",
        "https://hooks.example.com?x=1", "https://hooks.example.com#x", "https://hooks.example.com#",
        "https://hooks.example.com:99999", "https://hooks.example.com:8x", "https://hooks.example.com\n.evil.example",
        "https://hooks.example.com/a b", "https://hooks\\evil.example", "https://[::1", "https://\u202eevil.example",
        "//hooks.example.com", "javascript://hooks.example.com",
    ],
)  # fmt: skip
def test_hosts_that_are_no_plain_origin_are_refused(host: str | None) -> None:
    with pytest.raises(InvalidSetting, match="host of the webhook connection") as refused:
        settings(host)
    assert "pass" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_two_ports_that_disagree_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="a port only once"):
        settings("https://hooks.example.com:8443", port=9443)


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"endpoint": 7}, "endpoint"),
        ({"endpoint": "a b"}, "endpoint"),
        ({"endpoint": "in#x"}, "endpoint"),
        ({"endpoint": "in\r\nX-Evil: 1"}, "endpoint"),
        ({"allowed_hosts": ["*.example.com"]}, "allowed_hosts"),
        ({"headers": ["X-Key"]}, "headers"),
        ({"headers": {"X-Key": 7}}, "headers"),
        ({"headers": {"X Key": "1"}}, "headers"),
        ({"headers": {"X-Key\r\nX-Evil": "1"}}, "headers"),
        ({"headers": {"X-Key": "1\r\nX-Evil: 1"}}, "headers"),
        ({"headers": {"X-Key": "schlüssel"}}, "headers"),
        ({"headers": {"X-Key": " 1"}}, "headers"),
        ({"headers": {"Host": "evil.example"}}, "headers"),
        ({"headers": {"Webhook-Signature": "v1,x"}}, "headers"),
        ({"headers": {"Content-Length": "1"}}, "headers"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "headers"),
        ({"timeout_s": 0.0001 - 0.0001 - 1}, "timeout_s"),
        ({"timeout_s": "soon"}, "timeout_s"),
        ({"timeout_s": True}, "timeout_s"),
        ({"timeout_s": "nan"}, "timeout_s"),
        ({"timeout_s": 301}, "timeout_s"),
        ({"total_deadline_s": []}, "total_deadline_s"),
        ({"total_deadline_s": 1e9}, "total_deadline_s"),
        ({"attempts": "many"}, "attempts"),
        ({"attempts": 1.5}, "attempts"),
        ({"attempts": -1}, "attempts"),
        ({"ca_bundle": ["x"]}, "ca_bundle"),
        ({"proxies": "http://proxy:3128"}, "proxies"),
        ({"proxies": {"https": "socks5://proxy:1080"}}, "proxies"),
        ({"proxies": {"https": "http://"}}, "proxies"),
        ({"verify": False, "allowed_host": "x", "trust_env": True}, "allowed_host, trust_env"),
    ],
)
def test_extras_that_cannot_be_meant_are_refused_by_name(extra: Mapping[str, Any], named: str) -> None:
    with pytest.raises(InvalidSetting, match=named):
        settings(extra=extra)


def test_every_extra_arrives() -> None:
    made = settings(
        password="whsec_c2VjcmV0",
        extra={
            "endpoint": "in",
            "allowed_hosts": "10.0.0.0/8 hooks.internal",
            "headers": {"X-Api-Key": "k"},
            "timeout_s": "2.5",
            "attempts": "3",
            "total_deadline_s": 30,
            "ca_bundle": "/etc/ssl/corporate.pem",
            "proxies": {"https": "http://proxy.internal:3128"},
            "srv_lookup": None,
        },
    )
    assert (made.timeout_s, made.retry.attempts, made.retry.deadline_s) == (2.5, 3, 30.0)
    assert made.allowed == AllowList.parse(["10.0.0.0/8", "hooks.internal"])
    assert (made.headers, made.ca_bundle) == ({"X-Api-Key": "k"}, "/etc/ssl/corporate.pem")
    assert made.proxies == {"https": "http://proxy.internal:3128"}
    assert made.secret == "whsec_c2VjcmV0"
    assert made.receiver == "https://hooks.example.com"


def test_a_connection_without_extras_is_enough() -> None:
    made = settings(extra=None)
    assert (made.secret, made.headers, made.proxies, made.allowed) == ("", {}, {}, AllowList())
    assert (made.timeout_s, made.max_reply_bytes) == (10.0, 65_536)


def test_a_login_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(InvalidSetting, match=r"extra\.headers") as refused:
        settings(login="canary-login")
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!!", "whsec_canary%", "good whsec_"])
def test_a_secret_that_is_not_base64_is_refused_unseen(secret: str) -> None:
    with pytest.raises(InvalidSetting, match="signing secret") as refused:
        settings(password=secret)
    assert "canary" not in str(refused.value)


def test_keys_are_base64_or_plain_and_may_be_several() -> None:
    key = bytes(range(32))
    encoded = base64.b64encode(key).decode()
    secret = f"whsec_{encoded} whsec_{encoded.rstrip('=')} plain-text ümlaut"
    assert signing_keys(secret) == (key, key, b"plain-text", "ümlaut".encode())
    assert signing_keys("") == signing_keys("  ") == ()


def test_nothing_secret_is_in_the_representation() -> None:
    made = settings(
        password="canary-secret",
        extra={
            "endpoint": "canary-path",
            "headers": {"X-Key": "canary-key"},
            "proxies": {"https": "http://u:canary-proxy@proxy"},
        },
    )
    assert "canary" not in repr(made)
    assert "canary" not in made.receiver
