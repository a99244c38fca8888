"""Which recordings there are, by *completed contacts*: read page by page until the tenant's own count is reached.

Pages are cut out of a list that goes on changing. Rows that move between two requests come twice, which is harmless, or
not at all: therefore rows are counted by their ids, each page begins with the last row of the one before, and a listing
that does not fit together or ends with fewer contacts than the tenant counted is read again from the start.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pendulum

from cxone_provider.adapters.cxone.answers import read_document, refused_listing
from cxone_provider.adapters.cxone.contact_rows import Page, contact_id_of, master_id_of, parse_leg, parse_page
from cxone_provider.adapters.cxone.documents import parse_object
from cxone_provider.adapters.cxone.legs import MergedLegs
from cxone_provider.adapters.cxone.listing_settings import ListingSettings
from cxone_provider.adapters.cxone.tenant_api import Call, TenantApi
from cxone_provider.archive.errors import InvalidInput
from cxone_provider.archive.id_numbers import IdNumbers
from cxone_provider.archive.listing import Window
from cxone_provider.archive.listing_errors import ListingUnstable

MAX_PAGE_BYTES = 64 * 2**20
MAX_WALKS = 3
_SUBJECT = "completed contacts"

log = logging.getLogger(__name__)


class CompletedContacts:
    """A tenant's completed contacts; implements :class:`cxone_provider.archive.listing_ports.RecordingListing`.

    Args:
        api: the tenant.
        settings: version of the API, size of a page, kind of contact.
        updated_since: list only contacts that the tenant changed at or after this; None for all of the window.
    """

    def __init__(
        self,
        api: TenantApi,
        settings: ListingSettings | None = None,
        *,
        updated_since: pendulum.DateTime | None = None,
    ) -> None:
        self._api = api
        self._settings = settings or ListingSettings()
        self._updated_since = updated_since

    def refs(self, window: Window) -> Iterator[dict[str, Any]]:
        """Yield one ref document for each master contact; contract in the port.

        Raises:
            ListingUnstable: read three times, and never as many contacts as the tenant counted.
            AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        reading = _Reading()
        walk = self._walk(window, reading, _Walk())
        for _ in range(MAX_WALKS - 1):
            if walk.is_whole:
                break
            log.warning("completed contacts: %s, read again from the start", walk)
            walk = self._walk(window, reading, _Walk(walk.total))
        if not walk.is_whole:
            self._tell_incomplete(walk)
        yield from reading.legs.documents()

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._api.close()

    def _tell_incomplete(self, walk: _Walk) -> None:
        if self._settings.check_total:
            raise ListingUnstable(
                "completed contacts changed while they were read", found=str(walk),
                expected=f"all {walk.total} in one order",
                hint="Try later. Where it always ends so, set check_total of the connection's listing to false.",
            )  # fmt: skip
        log.warning("completed contacts: %s; check_total is off", walk)

    def _walk(self, window: Window, reading: _Reading, walk: _Walk) -> _Walk:
        """Read every page once; each page begins with the last row of the one before."""
        reading.begin()
        start = 0
        while True:
            page = self._page(window, start)
            rows = [reading.add(row, place) for place, row in enumerate(page.rows, start=start + 1)]
            names = [name for name, _ in rows]
            went_on = any(is_new for _, is_new in rows)
            walk.add(page.total, names)
            end = start + len(names)
            # A page without a new row ends the walk even before the total: a server that repeats itself has no end.
            if end >= walk.total or not went_on:
                walk.count = reading.count
                return walk
            start = end - 1

    def _page(self, window: Window, skip: int) -> Page:
        call = Call(
            f"/incontactapi/services/v{self._settings.contacts_version}/contacts/completed",
            self._api.settings.timeouts.metadata_s,
            self._query(window, skip),
        )
        return self._api.settings.retries.call(lambda: self._answered(call), self._api.clock)

    def _answered(self, call: Call) -> Page:
        with self._api.ask(call, {"Accept": "application/json"}) as answer:
            if answer.status_code == 204:
                return Page(0, ())
            if answer.status_code != 200:
                raise refused_listing(answer, _SUBJECT, self._api.clock.now(), self._api.secrets(answer))
            body = read_document(answer, _SUBJECT, limit_bytes=MAX_PAGE_BYTES)
        return parse_page(parse_object(body, _SUBJECT))

    def _query(self, window: Window, skip: int) -> Mapping[str, str]:
        settings = self._settings
        query = {
            "startDate": _utc(window.start),
            "endDate": _utc(window.end),
            "updatedSince": None if self._updated_since is None else _utc(self._updated_since),
            "mediaTypeId": settings.media_type_id,
            "top": str(settings.page_size),
            "skip": str(skip),
            "orderBy": settings.order_by,
        }
        return {name: value for name, value in query.items() if value is not None}


class _Walk:
    """What reading all pages once came to.

    Attributes:
        total: contacts that the tenant counted, at most and at any time.
        count: contacts known when it was over, those of earlier walks included.
    """

    def __init__(self, total: int = 0) -> None:
        self.total = total
        self.count = 0
        self._last: str | None = None
        self._shifted = False

    @property
    def is_whole(self) -> bool:
        """Whether no row can have been missed."""
        return self.count >= self.total and not self._shifted

    def add(self, total: int, names: Sequence[str]) -> None:
        """Take the rows of one page."""
        self.total = max(self.total, total)
        if self._last is not None and names[:1] != [self._last]:
            self._shifted = True
        self._last = names[-1] if names else self._last

    def __str__(self) -> str:
        return f"{self.count} of {self.total} came{', pages shifted' if self._shifted else ''}"


class _Reading:
    """What was read so far, each row once."""

    def __init__(self) -> None:
        self.legs = MergedLegs()
        self._walk = 0
        self._last_seen = IdNumbers()

    @property
    def count(self) -> int:
        """Rows seen, those that cannot be used included."""
        return len(self._last_seen)

    def begin(self) -> None:
        """Begin with another walk."""
        self._walk += 1

    def add(self, row: object, place: int) -> tuple[str, bool]:
        """Take a row unless it was taken before; return what tells it from others, and if this walk had it not yet."""
        name = _name_of(row)
        last_seen = self._last_seen.swap(name, self._walk)
        if last_seen is None:
            try:
                self.legs.add(parse_leg(row))
            except InvalidInput as error:
                self.legs.refuse(_recording_of(row, place), error)
        return name, last_seen != self._walk


def _name_of(row: object) -> str:
    """Return what tells a row from the others."""
    try:
        return contact_id_of(row)
    except InvalidInput:
        # Its place changes when the list moves; what stands in it does not.
        content = json.dumps(row, sort_keys=True, default=str).encode()
        return hashlib.sha256(content).hexdigest()


def _recording_of(row: object, place: int) -> str:
    """Return what the recording of a row that cannot be used is called."""
    try:
        name = contact_id_of(row)
    except InvalidInput:
        return f"completed contact {place}"
    try:
        return master_id_of(row)
    except InvalidInput:
        return name


def _utc(moment: pendulum.DateTime) -> str:
    """Return a time as the API takes it: in UTC, for offsets are not understood."""
    return moment.in_timezone("UTC").format("YYYY-MM-DD[T]HH:mm:ss[Z]")
