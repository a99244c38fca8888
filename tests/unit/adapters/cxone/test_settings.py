"""What a `cxone` connection may say, and how it is told when it may not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.cxone.settings import CXoneSettings, Timeouts, settings_of
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.archive.errors import InvalidSetting

SECRET = "canary-secret"


def of(host: str | None = None, **extra: Any) -> CXoneSettings:
    return settings_of(host, "client", SECRET, extra)


def test_defaults_are_the_vendors() -> None:
    assert of() == CXoneSettings(
        base_url="https://api.api.nice.incontact.com",
        client_id="client",
        client_secret=SECRET,
        scope="recording:download recording:read",
        stream_secret=None,
        stream_signature_header="X-Chunk-HMAC-SHA256",
        timeouts=Timeouts(connect_s=10, token_s=10, metadata_s=15, media_s=30),
        retries=RetryPolicy(),
    )


def test_an_empty_form_is_no_setting() -> None:
    names = ("api", "environment", "auth", "scope", "stream_secret", "timeouts", "proxies", "ca_bundle", "media_hosts")
    assert settings_of("", "client", SECRET, dict.fromkeys(names, "")) == of()
    assert settings_of(None, "client", SECRET, dict.fromkeys(names)) == settings_of("", "client", SECRET)


@pytest.mark.parametrize("environment", ["api", "na1", "eu-west-1", "a" * 63, "0"])
def test_the_environment_is_one_label_of_the_host(environment: str) -> None:
    assert of(environment=environment).base_url == f"https://{environment}.api.nice.incontact.com"


@pytest.mark.parametrize(
    "environment",
    [
        "evil.com/#",
        "evil.com",
        "a/b",
        "a@b",
        "API",
        "a b",
        "a\n",
        "a\r\nHost: x",
        "a" * 64,
        "ä",
        "%61",
        "a?b",
        7,
        True,
        [],
    ],
)
def test_no_environment_leads_to_another_host(environment: Any) -> None:
    with pytest.raises(InvalidSetting, match="environment"):
        of(environment=environment)


@given(st.text(min_size=1))
def test_any_environment_is_refused_or_one_label(environment: str) -> None:
    try:
        base_url = of(environment=environment).base_url
    except InvalidSetting:
        return
    assert base_url.removeprefix("https://").removesuffix(".api.nice.incontact.com") == environment
    assert environment.replace("-", "a").isalnum()


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("https://api-eu1.niceincontact.com", "https://api-eu1.niceincontact.com"),
        ("https://API-EU1.NiceInContact.com/", "https://api-eu1.niceincontact.com"),
        (" https://gateway.example:8443/cxone/v2/ ", "https://gateway.example:8443/cxone/v2"),
        ("https://gateway.example/a.b/..c", "https://gateway.example/a.b/..c"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
    ],
)
def test_a_base_url_in_the_host_wins(host: str, base_url: str) -> None:
    assert of(host, environment="na1").base_url == base_url


@pytest.mark.parametrize(
    "host",
    [
        "api.nice.incontact.com",
        "ftp://example.com",
        "https://",
        "https://user@example.com",
        "https://user:canary-secret@example.com",
        "user:canary-secret@example.com",
        "https://example.com?x=1",
        "https://example.com/?",
        "https://example.com/#f",
        "https://example.com/a/../b",
        "https://example.com/./b",
        "https://example.com//b",
        "https://example.com/%2e%2e/b",
        "https://example.com\\@evil.com",
        "https://example.com/a b",
        "https://exa\tmple.com",
        "https://example.com\r\nX: y",
        "https://example.com:99999",
        "https://example.com:port",
        "https://-example.com",
        "https://exämple.com",
        "https://[::1",
        "https://" + "a" * 300,
        "javascript:alert(1)",
        "//example.com",
    ],
)
def test_a_host_that_is_no_base_url_is_refused(host: str) -> None:
    with pytest.raises(InvalidSetting, match="host") as raised:
        of(host)
    assert SECRET not in str(raised.value)


def test_plain_http_needs_saying() -> None:
    with pytest.raises(InvalidSetting, match="allow_http"):
        of("http://simulator:8080")
    with pytest.raises(InvalidSetting, match="allow_http"):
        of("http://2130706433")
    assert of("http://simulator:8080", allow_http=True).base_url == "http://simulator:8080"
    assert of("http://cxone_simulator:8080", allow_http="true").base_url == "http://cxone_simulator:8080"


@pytest.mark.parametrize(("login", "password"), [(None, SECRET), ("", SECRET), ("  ", SECRET)])
def test_a_client_id_is_needed(login: str | None, password: str) -> None:
    with pytest.raises(InvalidSetting, match="login"):
        settings_of(None, login, password)


@pytest.mark.parametrize("password", [None, "", "\t"])
def test_a_client_secret_is_needed(password: str | None) -> None:
    with pytest.raises(InvalidSetting, match="password"):
        settings_of(None, "client", password)


def test_every_field_has_its_place() -> None:
    settings = of(
        api="recording-v2",
        auth="client_credentials",
        scope="recording:read",
        stream_secret="0123456789abcdef",
        stream_signature_header="X-Signature",
        timeouts={"connect": 1, "token": 2, "metadata": 3.5, "media": 4, "min_bytes_per_s": 5},
        retries={"attempts": 2, "max_delay_s": 3},
        ca_bundle="/etc/ssl/corporate.pem",
        proxies={"https": "http://proxy.example:3128"},
    )
    assert settings.scope == "recording:read"
    assert settings.stream_secret == b"0123456789abcdef"
    assert settings.stream_signature_header == "X-Signature"
    assert settings.timeouts == Timeouts(1, 2, 3.5, 4, 5)
    assert settings.retries == RetryPolicy(attempts=2, max_delay_s=3)
    assert settings.ca_bundle == "/etc/ssl/corporate.pem"
    assert settings.proxies == {"https": "http://proxy.example:3128"}


def test_objects_may_be_json_text_as_some_forms_store_them() -> None:
    assert of(timeouts=json.dumps({"media": 60})).timeouts.media_s == 60


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api", "media-playback"),
        ("api", "v3"),
        ("api", 2),
        ("auth", "access_key"),
        ("scope", "a  b"),
        ("scope", "a\nb"),
        ("scope", 'a"b'),
        ("scope", ["recording:read"]),
        ("stream_secret", "short"),
        ("stream_secret", 12345678),
        ("stream_secret", {"a": 1}),
        ("stream_signature_header", "X Signature"),
        ("stream_signature_header", "X:\r\nY"),
        ("stream_signature_header", "X" * 101),
        ("timeouts", 30),
        ("timeouts", "30"),
        ("timeouts", "{"),
        ("timeouts", [1]),
        ("timeouts", {"media": 0}),
        ("timeouts", {"media": -1}),
        ("timeouts", {"media": "30"}),
        ("timeouts", {"media": True}),
        ("timeouts", {"media": float("nan")}),
        ("timeouts", {"media": float("inf")}),
        ("timeouts", {"min_bytes_per_s": 0}),
        ("timeouts", {"medai": 30}),
        ("retries", {"attempts": 0}),
        ("retries", {"attempts": "3"}),
        ("retries", {"random": 1}),
        ("ca_bundle", 1),
        ("ca_bundle", False),
        ("ca_bundle", "a\0b"),
        ("proxies", "http://proxy:3128"),
        ("proxies", {"https": "proxy:3128"}),
        ("proxies", {"https": "http://u:canary-secret@proxy:3128 x"}),
        ("proxies", {"https": 1}),
        ("proxies", {"ftp": "http://proxy"}),
        ("allow_http", 1),
        ("allow_http", "yes"),
        ("verify", False),
        ("stream_secrte", "0123456789abcdef"),
        ("x" * 10_000, 1),
    ],
)
def test_a_field_that_makes_no_sense_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidSetting) as raised:
        of(**{name: value})
    assert len(str(raised.value)) < 1000
    assert SECRET not in str(raised.value)


def test_a_misspelt_field_is_named_with_its_neighbour() -> None:
    with pytest.raises(InvalidSetting, match="Is it stream_secret"):
        of(stream_secrte="0123456789abcdef")


def test_no_secret_is_in_the_text_of_settings() -> None:
    settings = of(stream_secret="canary-stream", proxies={"https": "http://u:canary-proxy@proxy:3128"})
    assert "canary" not in repr(settings)
    assert "canary" not in str(settings)
