"""How many requests a tenant lets through: the Media Playback quota, which archiving shares with everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cxone_provider.archive.errors import InvalidSetting

MEDIA_PLAYBACK, RECORDING_V2 = "media-playback", "recording-v2"
SECURE_EXTERNAL_ACCESS = "secure-external-access"
_DAY_S = 24 * 3600
_HOUR_S = 3600
_MAX_REQUESTS = 10**6
_MIN_PERIOD_S = 0.1


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many requests in a period.

    Attributes:
        requests: requests let through in one period; by default what the vendor states for Media Playback.
        period_s: its length in seconds.
    """

    requests: int = 150
    period_s: float = 300

    def __post_init__(self) -> None:
        _check("requests_per_period", self.requests, int, 1, _MAX_REQUESTS)
        _check("period_s", self.period_s, (int, float), _MIN_PERIOD_S, _DAY_S)

    @property
    def per_day(self) -> int:
        """Requests let through in a day."""
        return int(_DAY_S / self.period_s * self.requests)

    def hours(self, requests: int) -> float:
        """Return how long so many requests take at full quota."""
        return requests / self.requests * self.period_s / _HOUR_S


@dataclass(frozen=True, slots=True)
class Terms:
    """What a connection says of the requests that archiving makes.

    Attributes:
        api: the dialect, ``recording-v2`` or ``media-playback``; or ``secure-external-access``, a bucket without any.
        quota: requests let through; None where the dialect has no stated quota and the connection sets none.
    """

    api: str = RECORDING_V2
    quota: Allowance | None = None

    @property
    def every_request_counts(self) -> bool:
        """Whether media are fetched by requests to the API; in media-playback by links, which the quota spares."""
        return self.api == RECORDING_V2


def terms_of(extra: Mapping[str, Any]) -> Terms:
    """Return the terms that a connection's extra fields state.

    Raises:
        InvalidSetting: an unknown dialect, or a quota that makes no sense.
    """
    api = extra.get("api") or RECORDING_V2
    known = (RECORDING_V2, MEDIA_PLAYBACK, SECURE_EXTERNAL_ACCESS)
    if api not in known:
        raise InvalidSetting("connection field api", found=api, expected=" or ".join(known))
    if api == SECURE_EXTERNAL_ACCESS:
        return Terms(SECURE_EXTERNAL_ACCESS, None)
    given = {
        field: _number(extra[name])
        for field, name in (("requests", "requests_per_period"), ("period_s", "period_s"))
        if extra.get(name) not in (None, "")
    }
    stated = "requests" in given or api == MEDIA_PLAYBACK
    return Terms(api, Allowance(**given) if stated else None)


def _check(name: str, value: object, kinds: type | tuple[type, ...], least: float, most: float) -> None:
    number = value if isinstance(value, (int, float)) and isinstance(value, kinds) else 0
    if isinstance(value, bool) or not least <= number <= most:
        kind = "a whole number" if kinds is int else "a number"
        raise InvalidSetting(f"connection field {name}", found=value, expected=f"{kind} from {least:g} to {most:g}")


def _number(value: object) -> Any:
    """Return what a connection's field holds; in a connection given as a URI numbers are text."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value  # the check of the quota names what was found
