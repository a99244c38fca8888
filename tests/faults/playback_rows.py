"""Rows on a contact of two recordings behind links: the second one's link, its media, or the playback API breaks."""

from __future__ import annotations

from functools import partial

from cxone_provider.archive.errors import (
    AccessDenied,
    AuthenticationFailed,
    CorruptAudio,
    DigestMismatch,
    EncodedBody,
    ExcessBody,
    RangeNotSatisfiable,
    RateLimited,
    SourceUnavailable,
    UnexpectedAnswer,
    WrongContentType,
)
from tests.faults.classic_rows import ALWAYS
from tests.faults.row import RIGHT, Links, Row, TenantFault, named

_row = partial(Row, group="playback", peers=False)
_CUT: TenantFault = {"fault": "close", "after_bytes": "@byte"}
_RENEWED = {"on": "metadata", "at": 2}
_PLAYBACK = {"on": "metadata"}
_EXPIRED = {"fault": "status", "status": 403, "body": "<Error><Code>AccessDenied</Code>Request has expired</Error>"}

LINK_ROWS = (
    _row("playback-none", "nothing", RIGHT),
    _row("playback-expired", "every link expires before its first byte", RIGHT, links=Links(lapse="any")),
    _row(
        "playback-expired-midway", "body cut, and the link expires before the rest", RIGHT,
        tenant=(_CUT,), links=Links(lapse="rest"),
    ),
    _row(
        "playback-expired-changed", "body cut, link expired, and the new link leads to another entity", RIGHT,
        tenant=(_CUT,), links=Links(lapse="rest", change=True),
    ),
    _row(
        "playback-expired-from-the-middle", "body cut, and every link is refused from then on", named(AccessDenied),
        tenant=(_CUT, {**_EXPIRED, "at": 2, **ALWAYS}),
    ),
    _row(
        "playback-expired-always", "every link is refused, new ones too", named(AccessDenied),
        tenant=({**_EXPIRED, **ALWAYS},),
    ),
    _row(
        "playback-other-order", "link expired, and the new answer lists the recordings in another order", RIGHT,
        links=Links(lapse="any", other_order=True),
    ),
    _row(
        "playback-renewal-404", "link expired, and the contact is not found any more", frozenset({"NOT_FOUND"}),
        tenant=(_CUT, {"fault": "status", "status": 404, **_RENEWED, **ALWAYS}), links=Links(lapse="rest"),
    ),
    _row(
        "playback-foreign-host", "the link leads to another host", named(UnexpectedAnswer),
        links=Links(given="https://media.example/call.wav?X-Amz-Signature=0"),
    ),
    _row(
        "playback-internal", "the link leads to the cloud's metadata service", named(UnexpectedAnswer),
        links=Links(given="http://169.254.169.254/latest/meta-data/iam/security-credentials/role"),
    ),
    _row(
        "playback-not-a-link", "the link is a file: URL", named(UnexpectedAnswer),
        links=Links(given="file:///etc/passwd"),
    ),
    _row("playback-no-link", "no link, as for archived media", frozenset({"IN_COLD_STORAGE"}), links=Links(given="")),
    _row(
        "playback-redirect", "the link redirects to another host", named(UnexpectedAnswer),
        tenant=({"fault": "redirect", "location": "http://127.0.0.1:9/elsewhere", **ALWAYS},),
    ),
)  # fmt: skip

API_ROWS = (
    _row(
        "playback-429-once", "playback: 429 without Retry-After, once", RIGHT,
        tenant=({"fault": "status", "status": 429, **_PLAYBACK},),
    ),
    _row(
        "playback-429-always", "playback: 429 without Retry-After, always", named(RateLimited),
        tenant=({"fault": "status", "status": 429, **_PLAYBACK, **ALWAYS},),
    ),
    _row(
        "playback-404", "playback: 404", frozenset({"NOT_FOUND"}),
        tenant=({"fault": "status", "status": 404, **_PLAYBACK, **ALWAYS},),
    ),
    _row(
        "playback-500-once", "playback: 500, once", RIGHT,
        tenant=({"fault": "status", "status": 500, **_PLAYBACK},),
    ),
    _row(
        "playback-500-always", "playback: 500, always", named(SourceUnavailable),
        tenant=({"fault": "status", "status": 500, **_PLAYBACK, **ALWAYS},),
    ),
    _row(
        "playback-broken-json", "playback: JSON that breaks off", named(UnexpectedAnswer),
        tenant=({"fault": "raw_body", "body": '{"interactions": [{"mediaType": ', **_PLAYBACK, **ALWAYS},),
    ),
    _row(
        "playback-page", "playback: a login page", named(UnexpectedAnswer),
        tenant=({"fault": "html_page", **_PLAYBACK, **ALWAYS},),
    ),
    _row(
        "playback-token-revoked", "token revoked when the new link is asked for in mid-body", RIGHT,
        tenant=(_CUT, {"fault": "revoke_token", **_RENEWED}), links=Links(lapse="rest"),
    ),
    _row(
        "playback-token-never-holds", "from mid-body on, every token revoked on arrival", named(AuthenticationFailed),
        tenant=(_CUT, {"fault": "revoke_token", **_RENEWED, **ALWAYS}), links=Links(lapse="rest"),
    ),
)  # fmt: skip

MEDIA_ROWS = (
    _row("playback-media-cut", "media: declared body cut, once", RIGHT, tenant=(_CUT,)),
    _row(
        "playback-media-reset", "media: connection reset in the body, every 2nd request", RIGHT,
        tenant=({"fault": "reset", "after_bytes": "@byte", "every": 2, **ALWAYS},),
    ),
    _row(
        "playback-media-chunked", "media: chunked body that ends early, well-formed", named(UnexpectedAnswer),
        tenant=({"fault": "early_terminator", "after_bytes": "@byte", **ALWAYS},),
    ),
    _row(
        "playback-media-longer", "media: Content-Length longer than the body", named(RangeNotSatisfiable),
        tenant=({"fault": "declared_longer", "by_bytes": 1000, **ALWAYS},),
    ),
    _row(
        "playback-media-extra", "media: 1,000 bytes too many, declared", named(CorruptAudio),
        tenant=({"fault": "extra_bytes", "count": 1000, **ALWAYS},),
    ),
    _row(
        "playback-media-extra-rest", "media: body cut, and the rest has 1,000 bytes too many", named(ExcessBody),
        tenant=(_CUT, {"fault": "extra_bytes", "count": 1000, "at": 2, **ALWAYS}),
    ),
    _row(
        "playback-media-whole", "media: body cut, and the rest is answered with 200 and the whole", RIGHT,
        tenant=(_CUT, {"fault": "ignore_range", "at": 2, **ALWAYS}),
    ),
    _row(
        "playback-media-changed", "media: body cut, and another entity is behind the same link", RIGHT,
        tenant=(_CUT, {"fault": "change_entity", "at": 2}),
    ),
    _row(
        "playback-media-no-etag", "media: no ETag at all, body cut", RIGHT,
        tenant=({"fault": "no_etag", "last_modified": False, **ALWAYS}, _CUT),
    ),
    _row(
        "playback-media-flip-once", "media: one bit flipped, once; the answer carries its digest", RIGHT,
        tenant=({"fault": "digest", **ALWAYS}, {"fault": "flip_bit", "offset": "@byte"}),
    ),
    _row(
        "playback-media-flip", "media: one bit flipped, always; the answer carries its digest", named(DigestMismatch),
        tenant=({"fault": "digest", **ALWAYS}, {"fault": "flip_bit", "offset": "@byte", **ALWAYS}),
    ),
    _row(
        "playback-media-gzip", "media: Content-Encoding: gzip, unasked", named(EncodedBody),
        tenant=({"fault": "gzip", **ALWAYS},),
    ),
    _row(
        "playback-media-page", "media: 200 with a login page in HTML", named(WrongContentType),
        tenant=({"fault": "html_page", **ALWAYS},),
    ),
    _row(
        "playback-media-endless", "media: body without end", named(UnexpectedAnswer),
        tenant=({"fault": "endless", **ALWAYS},),
    ),
    _row(
        "playback-media-gone", "media: 404 where the link leads", frozenset({"NOT_FOUND"}),
        tenant=({"fault": "status", "status": 404, **ALWAYS},),
    ),
    _row(
        "playback-media-busy", "media: 503 SlowDown, always", named(SourceUnavailable),
        tenant=({"fault": "status", "status": 503, "body": "<Error><Code>SlowDown</Code></Error>", **ALWAYS},),
    ),
)  # fmt: skip

PLAYBACK_ROWS = (*LINK_ROWS, *API_ROWS, *MEDIA_ROWS)
