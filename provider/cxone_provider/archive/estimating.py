"""What archiving would take, before it is started: requests, hours at the quota, bytes, and what may be billed.

Pure: it is given what was listed and what is archived already. The document is built and read here alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.estimate_sums import MEDIA_UNKNOWN, UNUSABLE, WITH_MEDIA, WITHOUT_MEDIA, Sums
from cxone_provider.archive.packed import Packed
from cxone_provider.archive.plan import DEFAULT_SEGMENT_SIZE_BYTES
from cxone_provider.archive.run_report import listed_id
from cxone_provider.archive.terms import MEDIA_PLAYBACK, SECURE_EXTERNAL_ACCESS, Allowance, Terms

ESTIMATE_SCHEMA = "cxone.estimate/1"
DEFAULT_BITRATE_BPS = 64_000
DEFAULT_FEE_SHARE = 0.05
MAX_BITRATE_BPS = 10**8

Lookup: TypeAlias = Callable[[Iterable[str]], Iterable[str]]
"""Tells which of ids are archived: each once, in any order, and others may be among them."""


@dataclass(frozen=True, slots=True)
class EstimateSettings:
    """What an estimate rests on.

    Attributes:
        terms: the tenant's dialect and quota.
        segment_size_bytes: size of a ranged request for media; counts in `recording-v2` alone.
        bitrate_bps: bits per second of audio, for recordings of which a duration and no size is known.
        interactions: interactions of the tenant in the same time; None for as many as are listed.
        fee_share: share of the interactions above which the vendor bills exports.
    """

    terms: Terms = field(default_factory=Terms)
    segment_size_bytes: int = DEFAULT_SEGMENT_SIZE_BYTES
    bitrate_bps: int = DEFAULT_BITRATE_BPS
    interactions: int | None = None
    fee_share: float = DEFAULT_FEE_SHARE

    def __post_init__(self) -> None:
        if not 1 <= self.bitrate_bps <= MAX_BITRATE_BPS:
            raise InvalidSetting("unusable bitrate_bps", found=self.bitrate_bps, expected=f"1 to {MAX_BITRATE_BPS}")
        if self.interactions is not None and self.interactions < 1:
            raise InvalidSetting("unusable interactions", found=self.interactions, expected="a whole number from 1")
        if not 0 <= self.fee_share <= 1:
            raise InvalidSetting("unusable fee_share", found=self.fee_share, expected="0 to 1")


@dataclass(frozen=True, slots=True)
class Estimate:
    """What archiving would take.

    Attributes:
        api: the dialect.
        with_media, without_media, media_unknown, unusable: what the listing tells of those it names.
        already_archived: how many of them are archived; None where nobody looked.
        to_archive: the rest of those with media, or of which nobody knows.
        requests: requests to CXone; with `requests_exact` False there may be more.
        quota: requests let through; None where none is stated.
        bytes_listed, bytes_estimated: bytes to archive as the listing tells sizes, and as durations let one think.
        bytes_unknown: how many to archive have neither size nor duration.
        bitrate_bps: what `bytes_estimated` rests on.
        interactions: what the share is taken of.
        fee_share: above which share exports are billed.
    """

    api: str
    with_media: int = 0
    without_media: int = 0
    media_unknown: int = 0
    unusable: int = 0
    already_archived: int | None = None
    to_archive: int = 0
    requests: int = 0
    requests_exact: bool = True
    quota: Allowance | None = None
    bytes_listed: int = 0
    bytes_estimated: int = 0
    bytes_unknown: int = 0
    bitrate_bps: int = DEFAULT_BITRATE_BPS
    interactions: int = 0
    fee_share: float = DEFAULT_FEE_SHARE

    @property
    def contacts(self) -> int:
        """How many were listed, each once."""
        return self.with_media + self.without_media + self.media_unknown + self.unusable

    @property
    def hours(self) -> float | None:
        """Hours that the requests take at full quota; None without a quota."""
        return None if self.quota is None else self.quota.hours(self.requests)

    @property
    def share(self) -> float | None:
        """Share of the interactions that would be archived; None where there are none."""
        return self.to_archive / self.interactions if self.interactions else None

    @property
    def above_fee_line(self) -> int:
        """How many would be archived above the share from which exports are billed."""
        return max(0, self.to_archive - math.floor(self.interactions * self.fee_share))

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object."""
        quota = self.quota
        return {
            "schema": ESTIMATE_SCHEMA,
            "api": self.api,
            "contacts": self.contacts,
            "with_media": self.with_media,
            "without_media": self.without_media,
            "media_unknown": self.media_unknown,
            "unusable": self.unusable,
            "already_archived": self.already_archived,
            "to_archive": self.to_archive,
            "requests": self.requests,
            "requests_exact": self.requests_exact,
            "requests_per_period": None if quota is None else quota.requests,
            "period_s": None if quota is None else quota.period_s,
            "hours": None if self.hours is None else round(self.hours, 4),
            "bytes_listed": self.bytes_listed,
            "bytes_estimated": self.bytes_estimated,
            "bytes_unknown": self.bytes_unknown,
            "bitrate_bps": self.bitrate_bps,
            "interactions": self.interactions,
            "share": None if self.share is None else round(self.share, 6),
            "fee_share": self.fee_share,
            "above_fee_line": self.above_fee_line,
        }

    @classmethod
    def from_document(cls, document: object) -> Estimate:
        """Read the JSON object of :meth:`to_document`.

        Raises:
            InvalidDocument: another schema, a field that does not fit, or one that does not follow from the others.
        """
        if not isinstance(document, Mapping) or document.get("schema") != ESTIMATE_SCHEMA:
            raise InvalidDocument("not an estimate", found=document, expected=f"schema {ESTIMATE_SCHEMA}")
        fields: dict[str, Any] = {name: document.get(name) for name in cls.__dataclass_fields__ if name != "quota"}
        requests, period_s = document.get("requests_per_period"), document.get("period_s")
        try:
            quota = None if requests is None or period_s is None else Allowance(requests, period_s)
            made = cls(**fields, quota=quota)
            told = made.to_document()
        except (InvalidSetting, TypeError) as error:
            raise InvalidDocument("an estimate's fields", found=document, expected="numbers") from error
        wrong = next((name for name, value in told.items() if document.get(name) != value), None)
        if wrong is not None:
            raise InvalidDocument(f"{wrong} of an estimate", found=document.get(wrong), expected=told[wrong])
        return made


def estimate(documents: Iterable[Mapping[str, Any]], archived: Lookup | None, settings: EstimateSettings) -> Estimate:
    """Return what it would take to archive what was listed.

    `media-playback` takes one request for each contact that is not archived; media come by links, which the quota
    spares. `recording-v2` takes one for the metadata and one for each segment of the media. The vendor's
    bucket takes none.

    Documents are read once, and only ids and a number for each are held.

    Args:
        documents: ref documents, as a listing makes them; one that is named twice counts once.
        archived: is given the ids, once, and tells which are archived already, at no request; None where nobody looks.
        settings: dialect, quota, and what the estimate rests on.
    """
    sums = Sums(settings.terms, settings.segment_size_bytes, settings.bitrate_bps)
    names = Packed()
    for document in documents:
        name = listed_id(document)
        if sums.add(name, document) and archived is not None:
            names.append(name)
    for name in () if archived is None else archived(names):
        sums.leave_out(name)
    return Estimate(
        api=settings.terms.api,
        **{name: sums.kinds[name] for name in (WITH_MEDIA, WITHOUT_MEDIA, MEDIA_UNKNOWN, UNUSABLE)},
        already_archived=None if archived is None else sums.already_archived,
        to_archive=sums.to_archive,
        requests=sums.requests,
        requests_exact=not settings.terms.every_request_counts or not sums.unlisted,
        quota=settings.terms.quota,
        bytes_listed=sums.bytes_listed,
        bytes_estimated=sums.bytes_estimated,
        bytes_unknown=sums.bytes_unknown,
        bitrate_bps=settings.bitrate_bps,
        interactions=sums.listed if settings.interactions is None else settings.interactions,
        fee_share=settings.fee_share,
    )


def table_of(made: Estimate) -> str:
    """Return the estimate as a table for a log or a terminal."""
    return "\n".join(f"{name:<24}{value:>20}  {told}".rstrip() for name, value, told in _rows(made))


def _rows(made: Estimate) -> Sequence[tuple[str, str, str]]:
    quota, archived = made.quota, made.already_archived
    already = ("", "not looked up") if archived is None else (f"{archived:,}", "no request")
    pace = "no quota is stated" if quota is None else f"{quota.requests:,} requests in {quota.period_s:,g} s"
    kinds = {MEDIA_PLAYBACK: "one each", SECURE_EXTERNAL_ACCESS: "none: the vendor's bucket is read"}
    each = kinds.get(made.api, "metadata, and one for each segment")
    share = "" if made.share is None else f"{made.share:.2%}"
    fee = f"above {made.fee_share:.1%} exports are billed: {made.above_fee_line:,} lie above it"
    return (
        ("listed", f"{made.contacts:,}", made.api),
        ("  with media", f"{made.with_media:,}", ""),
        ("  without media", f"{made.without_media:,}", "no request"),
        ("  media unknown", f"{made.media_unknown:,}", ""),
        ("  unusable", f"{made.unusable:,}", "no request"),
        ("archived already", *already),
        ("to archive", f"{made.to_archive:,}", ""),
        ("requests", f"{made.requests:,}", each if made.requests_exact else f"at least: {each}"),
        ("hours at the quota", "" if made.hours is None else f"{made.hours:,.2f}", pace),
        ("bytes, as listed", f"{made.bytes_listed:,}", ""),
        ("bytes, estimated", f"{made.bytes_estimated:,}", f"from durations, at {made.bitrate_bps:,} bit/s"),
        ("of unknown size", f"{made.bytes_unknown:,}", "in neither of the two"),
        ("share of interactions", share, f"of {made.interactions:,}; {fee}"),
    )
