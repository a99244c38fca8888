"""What a user can set about the APIs beside ``recording-v2``: one dataclass, and the command line's options from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Annotated, get_args, get_type_hints

from cxone_provider.simulator.errors import ScenarioError, unknown_name

SHAPES = frozenset({"plain", "value", "capital", "wrapped"})
ARCHIVED_ANSWERS = ("no-link", "null-link", "not-found")
SPELLINGS = ("current", "older")
ENDS = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")
LOCATIONS = ("listing", "s3")

DEFAULT_ACCESS_KEY_ID = "SIMULATORACCESSKEYID===="
DEFAULT_ACCESS_KEY_SECRET = "SIMULATORACCESSKEYSECRET===="  # noqa: S105  # opens nothing but a simulator


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """How the APIs of a real tenant behave here.

    Each field is also an option of the command line; its annotation is the option's help.

    Raises:
        ScenarioError: a value that makes no sense.
    """

    tenant_id: Annotated[str, "claim tenantId of the tokens"] = "11e9e4f0-51a2-4d70-8f00-0242ac110002"
    access_key_id: Annotated[str, "id of the tenant's one access key"] = DEFAULT_ACCESS_KEY_ID
    access_key_secret: Annotated[str, "its secret"] = field(default=DEFAULT_ACCESS_KEY_SECRET, repr=False)
    refresh_ttl_s: Annotated[float, "how long a refresh token holds"] = 7200
    refresh_once: Annotated[bool, "a refresh token works a single time"] = True
    api_endpoint: Annotated[
        str, "api_endpoint of the configuration: empty is the simulator itself, /path is it under a path, or any URL"
    ] = ""
    playback_shape: Annotated[str, "shape of Media Playback answers: plain, or value, capital, wrapped joined by +"] = (
        "plain"
    )
    archived_answer: Annotated[str, "what playback says of archived media: no-link, null-link or not-found"] = "no-link"
    quota_requests: Annotated[int, "Media Playback requests per period; 0 is without limit"] = 150
    quota_period_s: Annotated[float, "length of the period of both quotas"] = 300
    quota_enforced: Annotated[bool, "requests over a quota are refused with 429, not only counted"] = True
    quota_retry_after: Annotated[bool, "a 429 of a quota has Retry-After"] = False
    link_ttl_s: Annotated[float, "how long a media link holds"] = 3600
    link_origin: Annotated[str, "scheme and host of media links; empty is the simulator's own"] = ""

    completed_spelling: Annotated[
        str,
        "names in completed contacts: current (fromAddress, contactStartDate) or older (fromAddr, contactStart)",
    ] = "current"
    completed_numeric_ids: Annotated[bool, "ids of completed contacts that are digits are JSON numbers"] = False
    extraction_interval_s: Annotated[float, "an extraction job may be posted so long after the one before"] = 30
    extraction_job_s: Annotated[float, "how long an extraction job runs"] = 0
    extraction_ends: Annotated[
        str, "how jobs end, one after another, the last for all others: SUCCEEDED, FAILED, CANCELLED, EXPIRED by commas"
    ] = "SUCCEEDED"
    extraction_versions: Annotated[str, "entity versions that are accepted, by commas; empty is any"] = ""
    extraction_url_ttl_s: Annotated[float, "how long the link to an extraction's result holds"] = 30
    extraction_url_renewed: Annotated[bool, "each look at a job that has succeeded gives a new link"] = True
    extraction_id_header: Annotated[str, "header of the column with the master contact id"] = "ACD Call ID"
    download_requests: Annotated[int, "Media Download requests per period; 0 is without limit"] = 15
    download_status_counts: Annotated[bool, "asking for the status of a download counts as a request"] = False
    download_job_s: Annotated[float, "how long a download takes; pending in its first half"] = 0
    download_restores: Annotated[bool, "a download restores archived media"] = True
    download_location: Annotated[
        str, "form of downloadLocation: listing (a link to JSON with a link per file) or s3 (an s3:// URI)"
    ] = "listing"

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for name in ("refresh_ttl_s", "quota_period_s", "link_ttl_s", "extraction_url_ttl_s"):
            if not 0 < getattr(self, name) <= _LONGEST_S:
                raise ScenarioError(f"{name} is {getattr(self, name)}; more than 0 and at most {_LONGEST_S} is needed")
        for name in _FROM_ZERO:
            if not 0 <= getattr(self, name) <= _LONGEST_S:
                raise ScenarioError(f"{name} is {getattr(self, name)}; from 0 to {_LONGEST_S} is needed")
        for name, chosen, known in self._choices():
            for value in sorted(chosen - set(known)):
                raise unknown_name(name, value, known)

    def _choices(self) -> list[tuple[str, set[str], Collection[str]]]:
        return [
            ("shape of Media Playback answers", set(self.shapes), SHAPES),
            ("answer for archived media", {self.archived_answer}, ARCHIVED_ANSWERS),
            ("spelling of completed contacts", {self.completed_spelling}, SPELLINGS),
            ("end of an extraction job", set(self.extraction_ends.split(",")), ENDS),
            ("form of downloadLocation", {self.download_location}, LOCATIONS),
        ]

    @property
    def shapes(self) -> frozenset[str]:
        """The parts of `playback_shape`."""
        return frozenset(self.playback_shape.split("+"))

    def api_path(self, request_path: str) -> str | None:
        """Return the path of a request as the APIs have it; None when it lies outside `api_endpoint`."""
        prefix = self.api_endpoint.rstrip("/") if self.api_endpoint.startswith("/") else ""
        return request_path.removeprefix(prefix) if request_path.startswith(f"{prefix}/") else None


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of :class:`ApiSettings`: its name, its type, its default, and one sentence about it."""

    name: str
    kind: type
    default: object
    meaning: str

    @property
    def option(self) -> str:
        """The option of the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def shown_option(self) -> str:
        """The option, or both where it can be said of it that it is not so, as Markdown."""
        return f"`{self.option}`, `--no-{self.option[2:]}`" if self.kind is bool else f"`{self.option}`"

    @property
    def shown_default(self) -> str:
        """The default as Markdown."""
        text = str(self.default).lower() if self.kind is bool else str(self.default)
        return f"`{text}`" if text else "empty"

    @property
    def is_credential(self) -> bool:
        """Whether the environment may hold it, and help texts may not."""
        return self.name in {"access_key_id", "access_key_secret"}


def settings_table() -> str:
    """Return the Markdown table of all settings, as the documentation has it."""
    rows = ["| setting | option | default | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{known.name}` | {known.shown_option} | {known.shown_default} | {known.meaning} |" for known in settings()
    ]
    return "\n".join(rows)


def settings() -> list[Setting]:
    """Return all settings in their order."""
    hints = get_type_hints(ApiSettings, include_extras=True)
    return [Setting(known.name, *_kind_and_default(known), get_args(hints[known.name])[1]) for known in _fields()]


_LONGEST_S = 10**9
_FROM_ZERO = ("quota_requests", "download_requests", "extraction_interval_s", "extraction_job_s", "download_job_s")


def _fields() -> tuple[dataclasses.Field[object], ...]:
    return dataclasses.fields(ApiSettings)


def _kind_and_default(known: dataclasses.Field[object]) -> tuple[type, object]:
    kind = get_args(get_type_hints(ApiSettings, include_extras=True)[known.name])[0]
    return kind, known.default
