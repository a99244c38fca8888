"""What a `cxone` connection says, checked before anything is sent.

Beyond the fields of the connection's form, `extra` takes ``allow_http`` (plain http to a host that is not this machine,
e.g. a simulator in a private network; secrets then travel in clear text), ``retries`` (the bounds of
:class:`~cxone_provider.adapters.retrying.RetryPolicy`) and ``min_bytes_per_s`` inside ``timeouts``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from cxone_provider.adapters.cxone.credentials import Auth, Credentials, credentials_of
from cxone_provider.adapters.cxone.fields import (
    an_object,
    choice,
    flag,
    invalid,
    matching,
    number,
    refuse_unknown,
    text,
    texts,
    whole,
)
from cxone_provider.adapters.cxone.listing_settings import ListingSettings
from cxone_provider.adapters.cxone.media_hosts import DEFAULT_MEDIA_HOSTS, VENDOR_HOSTS, MediaHosts
from cxone_provider.adapters.cxone.origins import HostPatterns, checked_base_url
from cxone_provider.adapters.cxone.quota import (
    DEFAULT_PARALLEL_TASKS,
    DEFAULT_PERIOD_S,
    DEFAULT_REQUESTS_PER_PERIOD,
    Quota,
)
from cxone_provider.adapters.external_access.settings import ExternalAccessSettings, external_access_settings
from cxone_provider.adapters.media_download.settings import MediaDownloadSettings, media_download_settings
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.archive.integrity import checked_stream_secret

RECORDING_SCOPES = ("recording:download", "recording:read")
DEFAULT_SIGNATURE_HEADER = "X-Chunk-HMAC-SHA256"
DEFAULT_ISSUER = "https://cxone.niceincontact.com"
_ENVIRONMENT = re.compile(r"[a-z0-9-]{1,63}", re.ASCII)
_PROXY_URL = re.compile(r"https?://[!-~]{1,500}", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_SCOPE = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*", re.ASCII)
# The form shows one set of fields for every API, so each API lets those of the others stand.
_FIELDS = (
    "api", "environment", "auth", "access_key_id", "access_key_secret", "client_auth", "area", "api_endpoint",
    "api_hosts", "scope", "stream_secret", "stream_signature_header", "media_hosts", "requests_per_period", "period_s",
    "parallel_tasks", "duration_tolerance_s", "timeouts", "retries", "ca_bundle", "proxies", "allow_http",
    "listing", "media_download", "secure_external_access",
)  # fmt: skip

_VENDOR = HostPatterns(VENDOR_HOSTS)
_STORES = MediaHosts.parse(DEFAULT_MEDIA_HOSTS)


class Api(StrEnum):
    """The dialects of "give me a recording" that a connection can name."""

    RECORDING_V2 = "recording-v2"
    MEDIA_PLAYBACK = "media-playback"
    SECURE_EXTERNAL_ACCESS = "secure-external-access"


# The first one is what an empty field means.
_AUTHS: Mapping[Api, tuple[Auth, ...]] = {
    Api.RECORDING_V2: (Auth.CLIENT_CREDENTIALS,),
    Api.MEDIA_PLAYBACK: (Auth.ACCESS_KEY, Auth.ACCESS_KEY_JSON),
    Api.SECURE_EXTERNAL_ACCESS: (Auth.NONE,),
}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of one request, in seconds and bytes per second.

    `connect_s` ends the attempt to connect. The others are the longest silence, and the head start that a whole answer
    has before it must keep up `min_bytes_per_s` (:mod:`cxone_provider.adapters.cxone.pace`).
    """

    connect_s: float = 10.0
    token_s: float = 10.0
    metadata_s: float = 15.0
    media_s: float = 30.0
    min_bytes_per_s: float = 16_384.0


@dataclass(frozen=True, slots=True)
class CXoneSettings:
    """One tenant and how it is spoken to; secrets are not in its `repr`.

    Attributes:
        base_url: scheme, host, port and path without a slash at the end; for access keys, of the issuer of tokens.
        credentials: who asks.
        scope: scopes asked for, separated by spaces.
        stream_secret: key of the chunk signatures, or None where the tenant does not sign.
        ca_bundle: path of a PEM file, or None for the environment's or the system's.
        proxies: proxy URL by scheme; empty for what the environment says.
        allow_http: plain http is let through to hosts that are not this machine.
        api_endpoint: base URL of the tenant's API, or None to discover it.
        api_hosts: hosts that discovery may send tokens and secrets to, beside the issuer's own.
        media_hosts: hosts that a media link may point to.
        quota: how many playback requests are sent.
        duration_tolerance_s: how far an interaction's times and its audio may disagree, seconds.
        listing: how the tenant is asked which recordings it has.
        media_download: how recordings are asked for in bulk.
        external_access: the vendor's bucket; there exactly for the api of that name.
    """

    base_url: str
    credentials: Credentials
    scope: str = " ".join(RECORDING_SCOPES)
    stream_secret: bytes | None = field(default=None, repr=False)
    stream_signature_header: str = DEFAULT_SIGNATURE_HEADER
    timeouts: Timeouts = Timeouts()
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    ca_bundle: str | None = None
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    api: Api = Api.RECORDING_V2
    allow_http: bool = False
    api_endpoint: str | None = None
    api_hosts: HostPatterns = _VENDOR
    media_hosts: MediaHosts = _STORES
    quota: Quota = field(default_factory=Quota)
    duration_tolerance_s: float = 0.0
    listing: ListingSettings = field(default_factory=ListingSettings)
    media_download: MediaDownloadSettings = field(default_factory=MediaDownloadSettings)
    external_access: ExternalAccessSettings | None = None


def settings_of(
    host: str | None, login: str | None, password: str | None, extra: Mapping[str, Any] | None = None
) -> CXoneSettings:
    """Make settings of a connection's fields; empty texts count as absent.

    Raises:
        InvalidSetting: a field is missing, unknown, or does not make sense; a secret's value is never shown.
    """
    given = {name: value for name, value in (extra or {}).items() if value is not None and value != ""}
    refuse_unknown(given, _FIELDS, "connection extra")
    api = choice(given, "api", Api, Api.RECORDING_V2)
    allow_http = flag(given, "allow_http")
    quota = _quota(given)
    return CXoneSettings(
        base_url=_base_url(api, host, given, allow_http=allow_http),
        credentials=credentials_of(_auth(given, api), login, password, given, allow_http=allow_http),
        scope=matching(given, "scope", _SCOPE, "scopes separated by one space", " ".join(RECORDING_SCOPES)),
        stream_secret=_stream_secret(given, api),
        stream_signature_header=matching(
            given, "stream_signature_header", _HEADER_NAME, "a header's name", DEFAULT_SIGNATURE_HEADER
        ),
        timeouts=_timeouts(given),
        retries=_retries(given, api, quota),
        ca_bundle=text(given, "ca_bundle"),
        proxies=_proxies(given),
        api=api,
        allow_http=allow_http,
        api_endpoint=_api_endpoint(given, allow_http=allow_http),
        api_hosts=HostPatterns.parse(texts(given, "api_hosts", VENDOR_HOSTS), "api_hosts"),
        media_hosts=MediaHosts.parse(texts(given, "media_hosts", DEFAULT_MEDIA_HOSTS)),
        quota=quota,
        duration_tolerance_s=number({"duration_tolerance_s": 0.0, **given}, "duration_tolerance_s", 0, 86_400),
        listing=ListingSettings().changed(an_object(given, "listing")),
        media_download=media_download_settings(an_object(given, "media_download")),
        external_access=_external_access(given, api),
    )


def _external_access(given: Mapping[str, Any], api: Api) -> ExternalAccessSettings | None:
    document = an_object(given, "secure_external_access")
    if api is not Api.SECURE_EXTERNAL_ACCESS:
        return None
    return external_access_settings(document, _retries(given, api, Quota()))


def _auth(given: Mapping[str, Any], api: Api) -> Auth:
    possible = _AUTHS[api]
    auth = choice(given, "auth", Auth, possible[0])
    if auth not in possible:
        raise invalid(
            "auth", found=str(auth), expected=f"{' or '.join(possible)} for api {api}",
            hint="Leave auth empty for what goes with the api.",
        )  # fmt: skip
    return auth


def _base_url(api: Api, host: str | None, given: Mapping[str, Any], *, allow_http: bool) -> str:
    if host:
        return checked_base_url(host, "host", allow_http=allow_http)
    if api is Api.SECURE_EXTERNAL_ACCESS:
        return ""
    if api is Api.MEDIA_PLAYBACK:
        return DEFAULT_ISSUER
    environment = matching(given, "environment", _ENVIRONMENT, "1 to 63 of a-z 0-9 -", "api")
    return f"https://{environment}.api.nice.incontact.com"


def _api_endpoint(given: Mapping[str, Any], *, allow_http: bool) -> str | None:
    value = text(given, "api_endpoint")
    return None if value is None else checked_base_url(value, "api_endpoint", allow_http=allow_http)


def _stream_secret(given: Mapping[str, Any], api: Api) -> bytes | None:
    value = given.get("stream_secret")
    if value is None:
        return None
    if api is Api.MEDIA_PLAYBACK:
        # Every chunk would fail for want of a signature.
        raise invalid(
            "stream_secret", found="a secret", expected=f"nothing: object stores sign no chunks for api {api}"
        )
    if not isinstance(value, str):
        raise invalid("stream_secret", found=type(value).__name__, expected="text")
    return checked_stream_secret(value.encode())


def _timeouts(given: Mapping[str, Any]) -> Timeouts:
    document = an_object(given, "timeouts")
    names = {"connect": "connect_s", "token": "token_s", "metadata": "metadata_s", "media": "media_s"}
    refuse_unknown(document, (*names, "min_bytes_per_s"), "timeouts")
    values = {names[name]: number(document, name, 0.05, 3600, where="timeouts") for name in names if name in document}
    if "min_bytes_per_s" in document:
        values["min_bytes_per_s"] = number(document, "min_bytes_per_s", 1, 2**30, where="timeouts")
    return Timeouts(**values)


def _quota(given: Mapping[str, Any]) -> Quota:
    return Quota(
        whole(given, "requests_per_period", 1, 10**6, DEFAULT_REQUESTS_PER_PERIOD),
        number({"period_s": DEFAULT_PERIOD_S, **given}, "period_s", 0.1, 86_400),
        whole(given, "parallel_tasks", 1, 10**6, DEFAULT_PARALLEL_TASKS),
    )


def _retries(given: Mapping[str, Any], api: Api, quota: Quota) -> RetryPolicy:
    document = an_object(given, "retries")
    names = ("attempts", "base_delay_s", "max_delay_s", "max_retry_after_s", "deadline_s")
    refuse_unknown(document, names, "retries")
    policy = RetryPolicy(**document)
    if api is not Api.MEDIA_PLAYBACK:
        return policy
    # A refusal for the quota is waited out for a whole period, more than once if other clients use the quota, too.
    patient = {"max_retry_after_s": quota.period_s, "deadline_s": 12 * quota.period_s}
    longer = {name: min(86_400.0, max(getattr(policy, name), wait_s)) for name, wait_s in patient.items()}
    return replace(policy, **{name: wait_s for name, wait_s in longer.items() if name not in document})


def _proxies(given: Mapping[str, Any]) -> dict[str, str]:
    document = an_object(given, "proxies")
    refuse_unknown(document, ("http", "https"), "proxies")
    for url in document.values():
        if not isinstance(url, str) or not _PROXY_URL.fullmatch(url):
            # A proxy's URL may hold a password, so it is not shown.
            raise invalid("proxies", found="another value", expected="http://host:port or https://host:port")
    return document
