"""How a tenant's Media Download API is used: the connection's JSON object, checked.

What is not published of the API is a setting here: the form of ``downloadLocation``, the words of ``failureReason``,
further fields of a request, and whether looking counts as a request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cxone_provider.adapters.cxone.fields import an_object, choice, flag, number, refuse_unknown, text, whole
from cxone_provider.adapters.cxone.quota import Quota
from cxone_provider.adapters.external_access.settings import ExternalAccessSettings, external_access_settings
from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.recording import Outcome

DEFAULT_REQUESTS_PER_PERIOD = 15
DEFAULT_PERIOD_S = 300.0
DEFAULT_KEY_TEMPLATE = "{contact_id}/{any}.{ext}"
_FIELDS = (
    "requests_per_period", "period_s", "parallel_tasks", "status_counts", "location", "bucket", "aws_conn_id",
    "key_template", "files_field", "entity_field", "name_field", "url_field", "failure_reasons", "request_fields",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
# Words that say what they mean; every other one is FAILED, with the word in its reason.
_REASONS: Mapping[str, Outcome] = {
    "notfound": Outcome.NOT_FOUND,
    "nosuchcontact": Outcome.NOT_FOUND,
    "norecording": Outcome.NO_RECORDING,
    "nomedia": Outcome.NO_RECORDING,
    "deleted": Outcome.DELETED,
    "expired": Outcome.DELETED,
    "locked": Outcome.LOCKED,
    "playbacklock": Outcome.LOCKED,
    "playbacklocked": Outcome.LOCKED,
    "legalhold": Outcome.LOCKED,
    "archived": Outcome.IN_COLD_STORAGE,
    "coldstorage": Outcome.IN_COLD_STORAGE,
    "incoldstorage": Outcome.IN_COLD_STORAGE,
}


class Location(StrEnum):
    """The forms of ``downloadLocation`` that can be read."""

    S3 = "s3"
    LINKS = "links"


@dataclass(frozen=True, slots=True)
class LinkFields:
    """Names of the fields in a list of links: of the list, and in it, of an entity, a file's name and its link."""

    files: str = "files"
    entity: str = "entityId"
    name: str = "fileName"
    url: str = "url"


@dataclass(frozen=True, slots=True)
class MediaDownloadSettings:
    """The Media Download API of one tenant.

    Attributes:
        quota: requests the tenant takes, and tasks that share them.
        status_counts: whether asking how a request stands counts as one.
        location: the form of ``downloadLocation``.
        bucket: where an ``s3`` location may lie, and which recording an object there is; None with links.
        links: names of the fields in a list of links.
        failure_reasons: outcomes by ``failureReason``, its letters and digits alone, in lower case.
        request_fields: further fields of a request's body.
    """

    quota: Quota = field(default_factory=lambda: Quota(DEFAULT_REQUESTS_PER_PERIOD, DEFAULT_PERIOD_S, 1))
    status_counts: bool = True
    location: Location = Location.S3
    bucket: ExternalAccessSettings | None = None
    links: LinkFields = LinkFields()
    failure_reasons: Mapping[str, Outcome] = field(default_factory=lambda: dict(_REASONS))
    request_fields: Mapping[str, Any] = field(default_factory=dict)

    def outcome_of(self, failure_reason: object) -> Outcome:
        """Return how a recording ended that the tenant could not make ready."""
        return self.failure_reasons.get(_word(failure_reason), Outcome.FAILED)


def media_download_settings(document: Mapping[str, Any]) -> MediaDownloadSettings:
    """Make settings of the connection's ``media_download``; what is None or empty counts as absent.

    Raises:
        InvalidSetting: a field is unknown or makes no sense.
    """
    given = {name: value for name, value in document.items() if value not in (None, "") or name == "aws_conn_id"}
    refuse_unknown(given, _FIELDS, "media_download")
    location = choice(given, "location", Location, Location.S3)
    return MediaDownloadSettings(
        quota=Quota(
            whole(given, "requests_per_period", 1, 10**6, DEFAULT_REQUESTS_PER_PERIOD),
            number({"period_s": DEFAULT_PERIOD_S, **given}, "period_s", 0.1, 86_400),
            whole(given, "parallel_tasks", 1, 10**6, 1),
        ),
        status_counts=flag({"status_counts": True, **given}, "status_counts"),
        location=location,
        bucket=_bucket(given),
        links=_link_fields(given),
        failure_reasons={**_REASONS, **_failure_reasons(given)},
        request_fields=_request_fields(given),
    )


def _bucket(given: Mapping[str, Any]) -> ExternalAccessSettings | None:
    if "bucket" not in given:
        return None
    names = ("bucket", "aws_conn_id", "key_template")
    document = {"key_template": DEFAULT_KEY_TEMPLATE, **{name: given[name] for name in names if name in given}}
    return external_access_settings(document)


def _link_fields(given: Mapping[str, Any]) -> LinkFields:
    names = {"files_field": "files", "entity_field": "entity", "name_field": "name", "url_field": "url"}
    return LinkFields(**{names[name]: str(text(given, name)) for name in names if name in given})


def _failure_reasons(given: Mapping[str, Any]) -> dict[str, Outcome]:
    document = an_object(given, "failure_reasons")
    ends = {str(outcome) for outcome in _REASONS.values()} | {str(Outcome.FAILED)}
    unusable = sorted(str(value) for value in document.values() if value not in ends)
    if unusable:
        raise InvalidSetting("failure_reasons of media_download", found=unusable, expected=", ".join(sorted(ends)))
    return {_word(reason): Outcome(outcome) for reason, outcome in document.items()}


def _request_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    document = an_object(given, "request_fields")
    unusable = [str(name) for name in document if not _NAME.fullmatch(str(name)) or name == "entityIds"]
    if unusable:
        raise InvalidSetting("request_fields of media_download", found=unusable, expected="names beside entityIds")
    return document


def _word(reason: object) -> str:
    return "".join(letter for letter in str(reason).lower() if letter.isalnum())
