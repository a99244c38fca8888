"""The sixteen classic ways in which a download goes wrong, each on every request it can strike."""

from __future__ import annotations

from cxone_provider.archive.errors import (
    EncodedBody,
    ExcessBody,
    ShortBody,
    SignatureMismatch,
    WrongContentType,
    WrongRange,
)
from tests.faults.row import RIGHT, SEVERAL_SEGMENTS, Row, TenantFault, named

ALWAYS = {"times": "always"}
# A body without end would fill the disks of tools that take it; 32 MiB show the same.
ENDLESS: tuple[TenantFault, ...] = (
    {"fault": "endless", **ALWAYS},
    {"fault": "early_terminator", "after_bytes": 32 * 2**20, **ALWAYS},
)

CLASSIC_ROWS = (
    Row("00-none", "nothing", RIGHT, "classic"),
    Row(
        "01-declared-longer", "Content-Length longer than the body", named(ExcessBody), "classic",
        ({"fault": "declared_longer", "by_bytes": 1000, **ALWAYS},),
    ),
    Row(
        "02-cut-without-length", "no Content-Length, body cut", RIGHT, "classic",
        ({"fault": "close", "framing": "none", "after_bytes": "@half", **ALWAYS},),
    ),
    Row(
        "03-chunked-cut", "chunked body, cut", named(ShortBody), "classic",
        ({"fault": "close", "framing": "chunked", "after_bytes": "@half", **ALWAYS},),
    ),
    Row(
        "04-early-terminator", "chunked body that ends early, well-formed", RIGHT, "classic",
        ({"fault": "early_terminator", "after_bytes": "@half", **ALWAYS},),
    ),
    Row(
        "05-range-ignored", "200 to a ranged request", RIGHT, "classic", ({"fault": "ignore_range", **ALWAYS},),
        ranged=True,
    ),
    Row(
        "06-wrong-content-range", "Content-Range names other bytes", named(WrongRange), "classic",
        ({"fault": "wrong_content_range", "start_shift": 4096, "end_shift": 4096, **ALWAYS},),
        sizes=SEVERAL_SEGMENTS, ranged=True,
    ),
    Row(
        "07-short-206", "shorter range than asked for (legal)", RIGHT, "classic",
        ({"fault": "short_206", "size_bytes": "@half", **ALWAYS},), ranged=True,
    ),
    Row(
        "08-changed-midway", "the recording becomes another one in mid-transfer", RIGHT, "classic",
        ({"fault": "change_entity", "covers": "@byte"},), sizes=SEVERAL_SEGMENTS,
    ),
    Row("09-gzip", "Content-Encoding: gzip, unasked", named(EncodedBody), "classic", ({"fault": "gzip", **ALWAYS},)),
    Row(
        "10-reset", "connection reset in the body, every 3rd request", RIGHT, "classic",
        ({"fault": "reset", "after_bytes": "@half", "every": 3, **ALWAYS},),
    ),
    Row(
        "11-too-many-requests", "429 with Retry-After, once", RIGHT, "classic",
        ({"fault": "status", "status": 429, "retry_after": "1", "covers": "@byte"},),
    ),
    Row(
        "12-unavailable-until", "503 with Retry-After as a date, once", RIGHT, "classic",
        ({"fault": "status", "status": 503, "retry_after_in_s": 2, "covers": "@byte"},),
    ),
    Row(
        "13-login-page", "200 with a login page in HTML", named(WrongContentType), "classic",
        ({"fault": "html_page", **ALWAYS},),
    ),
    Row(
        "14-byteranges", "multipart/byteranges to a single range", named(WrongContentType), "classic",
        ({"fault": "multipart_byteranges", **ALWAYS},), ranged=True,
    ),
    Row(
        "15-flipped-bit", "one bit flipped, all headers right", named(SignatureMismatch), "classic",
        ({"fault": "flip_bit", "offset": "@byte", **ALWAYS},), signed=True,
    ),
    Row("16-endless", "body without end", named(ExcessBody), "classic", ENDLESS),
)  # fmt: skip
