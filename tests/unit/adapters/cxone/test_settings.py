"""What a `cxone` connection may say, and how it is told when it may not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.cxone.credentials import Auth, ClientAuth, Credentials
from cxone_provider.adapters.cxone.media_hosts import MediaHosts
from cxone_provider.adapters.cxone.quota import Quota
from cxone_provider.adapters.cxone.settings import Api, CXoneSettings, Timeouts, settings_of
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.archive.errors import InvalidSetting

SECRET = "canary-secret"


def of(host: str | None = None, **extra: Any) -> CXoneSettings:
    return settings_of(host, "client", SECRET, extra)


def test_defaults_are_the_vendors() -> None:
    assert of() == CXoneSettings(
        base_url="https://api.api.nice.incontact.com",
        credentials=Credentials(client_id="client", client_secret=SECRET),
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
        ("api", "v3"),
        ("api", 2),
        ("auth", "access_key"),
        ("auth", "access_key_json"),
        ("auth", "password"),
        ("auth", 1),
        ("duration_tolerance_s", -1),
        ("duration_tolerance_s", "12"),
        ("duration_tolerance_s", 86_401),
        ("media_hosts", 1),
        ("media_hosts", ["*"]),
        ("media_hosts", ["*.*"]),
        ("media_hosts", [1]),
        ("media_hosts", ["https://a.example"]),
        ("media_hosts", ["a.example:443"]),
        ("media_hosts", ["a..example"]),
        ("media_hosts", ["a*.example"]),
        ("media_hosts", ["10.0.0.1/8"]),
        ("media_hosts", ["*", "10.0.0.0/8"]),
        ("api_hosts", ["*"]),
        ("api_hosts", {"a": 1}),
        ("requests_per_period", 0),
        ("requests_per_period", 1.5),
        ("requests_per_period", True),
        ("requests_per_period", "150"),
        ("requests_per_period", 3),
        ("period_s", 0),
        ("period_s", float("nan")),
        ("period_s", "300"),
        ("parallel_tasks", 0),
        ("parallel_tasks", 151),
        ("parallel_tasks", -1),
        ("api_endpoint", "api.example"),
        ("api_endpoint", "http://api.example"),
        ("api_endpoint", "https://user:canary-secret@api.example"),
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


KEY = {"access_key_id": "id====", "access_key_secret": "canary-key-secret===="}


def playback(host: str | None = None, login: str | None = None, password: str | None = None, **extra: Any) -> Any:
    return settings_of(host, login, password, {"api": "media-playback", **KEY, **extra})


def test_media_playback_starts_from_the_vendors_issuer() -> None:
    settings = playback()
    assert (settings.api, settings.base_url) == (Api.MEDIA_PLAYBACK, "https://cxone.niceincontact.com")
    assert settings.credentials == Credentials(
        Auth.ACCESS_KEY, access_key_id="id====", access_key_secret="canary-key-secret===="
    )
    assert settings.quota == Quota(requests_per_period=150, period_s=300, parallel_tasks=4)
    assert playback("https://cxone-gov.niceincontact.com").base_url == "https://cxone-gov.niceincontact.com"
    assert playback(environment="na1").base_url == "https://cxone.niceincontact.com"


def test_a_client_goes_with_an_access_key_where_there_is_one() -> None:
    settings = playback(None, "client", SECRET, client_auth="form")
    assert (settings.credentials.client_id, settings.credentials.client_secret) == ("client", SECRET)
    assert settings.credentials.client_auth is ClientAuth.FORM
    assert playback(None, "client").credentials.client_secret == ""
    with pytest.raises(InvalidSetting, match="login"):
        playback(None, None, SECRET)


@pytest.mark.parametrize("name", KEY)
@pytest.mark.parametrize("value", [None, "", "  ", 7, "a b", "ä", "x" * 1001, "a\n"])
def test_an_access_key_needs_both_its_halves(name: str, value: Any) -> None:
    with pytest.raises(InvalidSetting, match=name) as raised:
        playback(**{name: value})
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("api", "auth", "said"),
    [
        ("recording-v2", "access_key", "expected client_credentials for api recording-v2"),
        ("recording-v2", "access_key_json", "expected client_credentials for api recording-v2"),
        ("media-playback", "client_credentials", "expected access_key or access_key_json for api media-playback"),
    ],
)
def test_which_authentication_goes_with_which_api_is_said(api: str, auth: str, said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        settings_of(None, "client", SECRET, {"api": api, "auth": auth, **KEY})


@pytest.mark.parametrize(
    ("area", "base_url"),
    [
        ("na1", "https://na1.nice-incontact.com"),
        ("eu1", "https://eu1.nice-incontact.com"),
        ("https://gateway.example/cxone/", "https://gateway.example/cxone"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_the_older_token_endpoint_is_the_areas(area: str, base_url: str) -> None:
    assert playback(auth="access_key_json", area=area).credentials.token_base_url == base_url
    assert playback(area=area).credentials.token_base_url == ""


@pytest.mark.parametrize("area", [None, "", "na1.evil.example", "NA1", "http://na1.example", "na1/x", "https://u@x", 1])
def test_no_area_leads_elsewhere(area: Any) -> None:
    with pytest.raises(InvalidSetting):
        playback(auth="access_key_json", area=area)


def test_a_refusal_for_the_quota_can_be_waited_out() -> None:
    assert (playback().retries.max_retry_after_s, playback().retries.deadline_s) == (300, 3600)
    longer = playback(period_s=600).retries
    assert (longer.max_retry_after_s, longer.deadline_s) == (600, 7200)
    assert playback(period_s=86_400).retries.deadline_s == 86_400
    assert playback(retries={"deadline_s": 10}).retries.deadline_s == 10
    assert of(period_s=600).retries == RetryPolicy()


def test_every_field_of_media_playback_has_its_place() -> None:
    settings = playback(
        api_endpoint="https://api-na1.niceincontact.com/",
        api_hosts="*.niceincontact.com, auth.example",
        media_hosts=["*.example", "10.0.0.0/8"],
        requests_per_period=300,
        period_s=600,
        parallel_tasks=2,
    )
    assert settings.api_endpoint == "https://api-na1.niceincontact.com"
    assert settings.api_hosts.patterns == ("*.niceincontact.com", "auth.example")
    assert settings.media_hosts == MediaHosts.parse(["*.example", "10.0.0.0/8"])
    assert settings.quota == Quota(300, 600, 2)
    assert "canary" not in repr(settings)
