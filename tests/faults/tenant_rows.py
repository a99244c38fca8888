"""More rows in which the tenant, or the network before it, breaks something: proofs, access, pace."""

from __future__ import annotations

from cxone_provider.archive.errors import (
    AccessDenied,
    AuthenticationFailed,
    DigestMismatch,
    RateLimited,
    SignatureMismatch,
    SignatureMissing,
    SourceUnavailable,
    TransferStalled,
    UnexpectedAnswer,
)
from tests.faults.classic_rows import ALWAYS
from tests.faults.row import ONE_SEGMENT, RIGHT, Row, named

_HERE = {"covers": "@byte"}
_FROM_HERE = {"at": "@number", **ALWAYS}
_IMPATIENT_S = 0.5

PROOF_ROWS = (
    Row(
        "flip-once", "one bit flipped, once; chunks signed", RIGHT,
        tenant=({"fault": "flip_bit", "offset": "@byte"},), signed=True,
    ),
    Row(
        "flip-digest-once", "one bit flipped, once; the answer carries its digest", RIGHT,
        tenant=({"fault": "digest", "header": "Content-Digest", **ALWAYS}, {"fault": "flip_bit", "offset": "@byte"}),
    ),
    Row(
        "flip-digest-always", "one bit flipped, always; the answer carries its digest", named(DigestMismatch),
        tenant=({"fault": "digest", "header": "Content-Digest", **ALWAYS},
                {"fault": "flip_bit", "offset": "@byte", **ALWAYS}),
    ),
    Row(
        "signature-wrong-once", "chunk signature wrong, once", RIGHT,
        tenant=({"fault": "bad_signature", **_HERE},), signed=True, peers=False,
    ),
    Row(
        "signature-wrong", "chunk signature wrong, always", named(SignatureMismatch),
        tenant=({"fault": "bad_signature", **_HERE, **ALWAYS},), signed=True, peers=False,
    ),
    Row(
        "signature-missing-once", "chunk signature missing, once", RIGHT,
        tenant=({"fault": "no_signature", **_HERE},), signed=True, peers=False,
    ),
    Row(
        "signature-missing", "chunk signature missing, always", named(SignatureMissing),
        tenant=({"fault": "no_signature", **_HERE, **ALWAYS},), signed=True, peers=False,
    ),
    Row(
        "unsigned-whole", "ranges ignored where chunks must be signed", named(SignatureMissing),
        tenant=({"fault": "ignore_range", **ALWAYS},), signed=True, ranged=True,
    ),
    Row(
        "digest-wrong-once", "Content-Digest of other bytes, once", RIGHT,
        tenant=({"fault": "digest", "header": "Content-Digest", "right": False, **_HERE},),
    ),
    Row(
        "digest-wrong", "Content-Digest of other bytes, always", named(DigestMismatch),
        tenant=({"fault": "digest", "header": "Content-Digest", "right": False, **_HERE, **ALWAYS},),
    ),
    Row(
        "whole-digest-wrong-once", "ranges ignored; Repr-Digest of other bytes, once", RIGHT,
        tenant=({"fault": "ignore_range", **ALWAYS}, {"fault": "digest", "right": False, "at": 2}),
    ),
    Row(
        "whole-digest-wrong", "ranges ignored; Repr-Digest of other bytes", named(DigestMismatch),
        tenant=({"fault": "ignore_range", **ALWAYS}, {"fault": "digest", "right": False, **ALWAYS}),
    ),
)  # fmt: skip

ACCESS_ROWS = (
    Row("token-revoked", "token revoked in mid-transfer", RIGHT, tenant=({"fault": "revoke_token", **_HERE},)),
    Row(
        "token-never-holds", "every token revoked on arrival", named(AuthenticationFailed),
        tenant=({"fault": "revoke_token", **_HERE, **ALWAYS},),
    ),
    Row(
        "token-refused", "token endpoint answers 401", named(AuthenticationFailed),
        tenant=({"fault": "status", "on": "token", "status": 401, **ALWAYS},), peers=False,
    ),
    Row(
        "token-unavailable", "token endpoint answers 503, twice", RIGHT,
        tenant=({"fault": "status", "on": "token", "status": 503, "times": 2},), peers=False,
    ),
    Row(
        "token-missing", "token answer without a token", named(UnexpectedAnswer),
        tenant=({"fault": "override_fields", "on": "token", "remove": ["access_token"], **ALWAYS},), peers=False,
    ),
    Row(
        "link-expired", "403 'Request has expired' from the middle on", named(AccessDenied),
        tenant=({"fault": "status", "status": 403, "body": "Request has expired", **_FROM_HERE},),
    ),
    Row(
        "deleted", "404 from the middle on", frozenset({"NOT_FOUND"}),
        tenant=({"fault": "status", "status": 404, **_FROM_HERE},),
    ),
    Row(
        "cold-storage", "409: moved to cold storage between plan and transfer", named(UnexpectedAnswer),
        tenant=({"fault": "status", "status": 409, "body": '{"storageState": "archived"}', **_FROM_HERE},),
    ),
    Row(
        "redirected", "302 to another host", named(UnexpectedAnswer),
        tenant=({"fault": "redirect", "location": "http://127.0.0.1:9/elsewhere", **_HERE, **ALWAYS},),
    ),
    Row(
        "metadata-page", "metadata answered with a login page", named(UnexpectedAnswer), peers=False,
        tenant=({"fault": "html_page", "on": "metadata", **ALWAYS},),
    ),
    Row(
        "metadata-huge", "metadata of 16 MiB", named(UnexpectedAnswer), peers=False,
        tenant=({"fault": "huge_metadata", **ALWAYS},),
    ),
)  # fmt: skip

PACE_ROWS = (
    Row(
        "quota-unnamed", "429 without Retry-After, once", RIGHT,
        tenant=({"fault": "status", "status": 429, **_HERE},),
    ),
    Row(
        "quota-hostile", "429 with Retry-After 99999999999, -1, 'soon' and the year 9999", RIGHT,
        tenant=tuple(
            {"fault": "status", "status": 429, "retry_after": value, "at": at, **_HERE}
            for at, value in enumerate(("99999999999", "-1", "soon", "Fri, 31 Dec 9999 23:59:59 GMT"), start=1)
        ),
    ),
    Row(
        "quota-always", "429, always", named(RateLimited),
        tenant=({"fault": "status", "status": 429, "retry_after": "3", **_HERE, **ALWAYS},),
    ),
    Row(
        "unavailable", "503, always", named(SourceUnavailable),
        tenant=({"fault": "status", "status": 503, **_HERE, **ALWAYS},),
    ),
    Row("no-answer", "connection ends before an answer, once", RIGHT, tenant=({"fault": "no_answer", **_HERE},)),
    Row(
        "no-answer-always", "connection reset before an answer, always", named(SourceUnavailable),
        tenant=({"fault": "no_answer", "ending": "rst", **_HERE, **ALWAYS},),
    ),
    Row("not-http", "an answer that is not HTTP, once", RIGHT, tenant=({"fault": "not_http", **_HERE},)),
    Row(
        "not-http-always", "an answer that is not HTTP, always", named(SourceUnavailable),
        tenant=({"fault": "not_http", **_HERE, **ALWAYS},),
    ),
    Row(
        "silence", "no answer for longer than the limit, once", RIGHT,
        tenant=({"fault": "delay", "seconds": 3 * _IMPATIENT_S, **_HERE},), patience_s=_IMPATIENT_S,
    ),
    Row(
        "drip", "body slower than the minimum pace", named(TransferStalled),
        tenant=({"fault": "drip", "block_bytes": 50, "interval_s": 0.05, **_HERE, **ALWAYS},),
        patience_s=_IMPATIENT_S, sizes=(ONE_SEGMENT,),
    ),
    Row(
        "drip-head", "headers slower than the limit", named(SourceUnavailable),
        tenant=({"fault": "slow_headers", "interval_s": 0.1, **_HERE, **ALWAYS},),
        patience_s=_IMPATIENT_S, sizes=(ONE_SEGMENT,),
    ),
    Row(
        "slow", "body slow, but above the minimum pace", RIGHT,
        tenant=({"fault": "drip", "block_bytes": 131_072, "interval_s": 0.05, **_HERE},),
    ),
)  # fmt: skip

TENANT_ROWS = (*PROOF_ROWS, *ACCESS_ROWS, *PACE_ROWS)
