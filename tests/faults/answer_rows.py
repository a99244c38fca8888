"""More rows in which an answer of the tenant is not what it should be: its body, its range, its entity."""

from __future__ import annotations

from cxone_provider.archive.errors import (
    EncodedBody,
    ExcessBody,
    RangeNotSatisfiable,
    RecordingChanged,
    ShortBody,
    SignatureMismatch,
    SizeDisagrees,
    UnexpectedAnswer,
    WrongContentType,
    WrongRange,
)
from tests.faults.classic_rows import ALWAYS
from tests.faults.row import RIGHT, SEVERAL_SEGMENTS, Row, named

_HERE = {"covers": "@byte"}
_FROM_HERE = {"at": "@number", **ALWAYS}

BODY_ROWS = (
    Row(
        "body-cut-once", "declared body cut, once", RIGHT,
        tenant=({"fault": "close", "after_bytes": "@half", **_HERE},),
    ),
    Row(
        "chunked-cut-once", "chunked body cut, once", RIGHT,
        tenant=({"fault": "close", "framing": "chunked", "after_bytes": "@half", **_HERE},),
    ),
    Row(
        "body-cut-signed", "chunked body that ends early, on every request; chunks signed", named(ShortBody),
        tenant=({"fault": "early_terminator", "after_bytes": 1000, **ALWAYS},), signed=True,
    ),
    Row(
        "whole-cut-once", "ranges ignored; the whole without length, cut once", RIGHT,
        tenant=({"fault": "ignore_range", **ALWAYS},
                {"fault": "close", "framing": "none", "after_bytes": "@half", "at": 2}),
    ),
    Row(
        "whole-cut-always", "ranges ignored; the whole without length, cut on every try", named(ShortBody),
        tenant=({"fault": "ignore_range", **ALWAYS},
                {"fault": "close", "framing": "none", "after_bytes": "@half", **ALWAYS}),
    ),
    Row(
        "extra-declared", "1,000 bytes too many, declared", named(ExcessBody),
        tenant=({"fault": "extra_bytes", "count": 1000, **ALWAYS},),
    ),
    Row(
        "extra-undeclared", "1,000 bytes behind the declared body, where the next answer should begin", RIGHT,
        tenant=({"fault": "extra_bytes", "count": 1000, "declared": False, **_HERE},),
    ),
    Row(
        "declared-shorter", "Content-Length shorter than range and body, once", RIGHT,
        tenant=({"fault": "headers", "set": {"Content-Length": "1000"}, **_HERE},),
    ),
    Row(
        "endless-declared", "body of a declared TiB", named(ExcessBody),
        tenant=({"fault": "endless", "framing": "length", **ALWAYS},), peers=False,
    ),
    Row(
        "gzip-claimed", "Content-Encoding: gzip claimed, bytes plain", named(EncodedBody),
        tenant=({"fault": "gzip", "only_header": True, **ALWAYS},),
    ),
    Row(
        "gzip-bomb", "gzip that expands to 64 MiB", named(EncodedBody),
        tenant=({"fault": "gzip_bomb", "expands_to_bytes": 2**26, **ALWAYS},),
    ),
    Row(
        "json-page", "200 with a JSON document", named(WrongContentType), tenant=({"fault": "json_page", **ALWAYS},)
    ),
    Row(
        "page-as-audio", "206 with a login page that claims to be audio, range headers right", named(SignatureMismatch),
        tenant=({"fault": "html_page", "status": 206, "content_type": "audio/wav", **_HERE, **ALWAYS},), signed=True,
    ),
    Row(
        "page-instead", "200 with a login page that claims to be audio", named(ShortBody, SizeDisagrees),
        tenant=({"fault": "html_page", "content_type": "audio/wav", **ALWAYS},),
    ),
)  # fmt: skip

RANGE_ROWS = (
    Row(
        "other-range", "another range than asked for, labelled as what it is", named(WrongRange),
        tenant=({"fault": "shift_range", "by_bytes": -4096, **_HERE, **ALWAYS},), sizes=SEVERAL_SEGMENTS, ranged=True,
    ),
    Row(
        "range-start", "Content-Range: wrong start", named(WrongRange),
        tenant=({"fault": "wrong_content_range", "start_shift": 1, **_HERE, **ALWAYS},), ranged=True,
    ),
    Row(
        "range-end", "Content-Range: wrong end", named(ExcessBody),
        tenant=({"fault": "wrong_content_range", "end_shift": -1, **_HERE, **ALWAYS},), ranged=True,
    ),
    Row(
        "range-total", "Content-Range: wrong total", named(SizeDisagrees),
        tenant=({"fault": "wrong_content_range", "total_shift": 1, **_HERE, **ALWAYS},), ranged=True,
    ),
    Row(
        "range-missing", "206 without Content-Range", named(WrongRange),
        tenant=({"fault": "wrong_content_range", "missing": True, **_HERE, **ALWAYS},), ranged=True,
    ),
    Row(
        "range-malformed", "Content-Range: bytes 0--1/x", named(WrongRange),
        tenant=({"fault": "wrong_content_range", "value": "bytes 0--1/x", **_HERE, **ALWAYS},), ranged=True,
    ),
    Row(
        "range-doubled", "Content-Range sent twice", named(WrongRange),
        tenant=({"fault": "duplicate_headers", "names": ["Content-Range"], **_HERE, **ALWAYS},), ranged=True,
    ),
    Row(
        "length-doubled", "Content-Length sent twice, with two values", named(UnexpectedAnswer),
        tenant=({"fault": "duplicate_headers", "names": ["Content-Length"], "value": "17", **_HERE, **ALWAYS},),
    ),
    Row(
        "416-smaller", "416 that names a smaller size", named(RangeNotSatisfiable),
        tenant=({"fault": "range_not_satisfiable", "total_shift": -1000, **_HERE, **ALWAYS},), ranged=True,
    ),
    Row(
        "416-larger", "416 that names a larger size", named(RangeNotSatisfiable),
        tenant=({"fault": "range_not_satisfiable", "total_shift": 1000, **_HERE, **ALWAYS},), ranged=True,
    ),
)  # fmt: skip

ENTITY_ROWS = (
    Row(
        "412-once", "412, once", RIGHT, tenant=({"fault": "status", "status": 412, **_HERE},), peers=False,
    ),
    Row(
        "412-always", "412, always", named(RecordingChanged),
        tenant=({"fault": "status", "status": 412, **_HERE, **ALWAYS},), peers=False,
    ),
    Row("weak-etag", "ETag is weak: ranges cannot be combined", RIGHT, tenant=({"fault": "weak_etag", **ALWAYS},)),
    Row("no-etag", "no ETag at all", RIGHT, tenant=({"fault": "no_etag", "last_modified": False, **ALWAYS},)),
    Row(
        "etag-lost", "ETag missing from the middle on", RIGHT, tenant=({"fault": "no_etag", **_FROM_HERE},),
        sizes=SEVERAL_SEGMENTS,
    ),
    Row(
        "etag-doubled", "ETag sent twice, with two values", named(RecordingChanged),
        tenant=({"fault": "duplicate_headers", "names": ["ETag"], "value": '"other"', **_HERE, **ALWAYS},),
        sizes=SEVERAL_SEGMENTS,
    ),
    Row(
        "stale-headers", "validators of an older version, once", RIGHT,
        tenant=({"fault": "stale_headers", **_HERE},), sizes=SEVERAL_SEGMENTS,
    ),
    Row(
        "size-stale", "metadata names a smaller size at first", RIGHT,
        tenant=({"fault": "override_fields", "on": "metadata", "fields": {"size": 100_000}},), peers=False,
    ),
    Row(
        "size-wrong", "metadata names a larger size, always", named(SizeDisagrees),
        tenant=({"fault": "override_fields", "on": "metadata", "fields": {"size": 99_000_000}, **ALWAYS},),
        peers=False,
    ),
)  # fmt: skip

ANSWER_ROWS = (*BODY_ROWS, *RANGE_ROWS, *ENTITY_ROWS)
