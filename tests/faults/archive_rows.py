"""Rows in which the S3 server or the webhook's receiver breaks something, and rows of two tries."""

from __future__ import annotations

from dataclasses import replace

from cxone_provider.archive.errors import (
    DeliveryFailed,
    DeliveryRefused,
    ObjectConflict,
    StoreRefused,
    StoreUnavailable,
    UploadVanished,
)
from tests.faults.classic_rows import ALWAYS as TENANT_ALWAYS
from tests.faults.row import DELIVERED, MULTIPART, ONE_SEGMENT, RIGHT, SINGLE_PUT, Row, named
from tests.servers.s3_faults import ALWAYS, S3Fault

_IMPATIENT_S = 1.0
_DONE_BUT_FAILED = S3Fault("answer", "CompleteMultipartUpload", forwarded=True)
_NO_SUCH_UPLOAD = S3Fault("answer", "CompleteMultipartUpload", status=404, code="NoSuchUpload")


def _busy(operation: str, *, at: int = 1, times: int = ALWAYS) -> S3Fault:
    return S3Fault("answer", operation, at=at, times=times, status=503, code="SlowDown")


def _denied(operation: str, folder: str = "", *, times: int = ALWAYS, forwarded: bool = False) -> S3Fault:
    return S3Fault("answer", operation, folder, times=times, status=403, code="AccessDenied", forwarded=forwarded)


STORE_ROWS = (
    Row(
        "s3-put-500", "500 to the object's Put, once", RIGHT, "store", sizes=SINGLE_PUT,
        store=(S3Fault("answer", "PutObject", "recordings"),),
    ),
    Row(
        "s3-put-lost", "the object's Put served, its answer lost", RIGHT, "store", sizes=SINGLE_PUT,
        store=(S3Fault("lose", "PutObject", "recordings"),),
    ),
    Row(
        "s3-put-flipped", "one bit of the object's Put flipped on its way, once", RIGHT, "store", sizes=SINGLE_PUT,
        store=(S3Fault("flip_sent", "PutObject", "recordings"),), digests=True,
    ),
    Row(
        "s3-put-cut", "connection reset in the object's Put, once", RIGHT, "store", sizes=SINGLE_PUT,
        store=(S3Fault("hang_up", "PutObject", "recordings"),),
    ),
    Row(
        "s3-put-denied", "403 to the object's Put", named(StoreRefused), "store", sizes=SINGLE_PUT,
        store=(_denied("PutObject", "recordings"),),
    ),
    Row(
        "s3-create-busy", "503 SlowDown to the upload's start, 3 times", RIGHT, "store", sizes=MULTIPART,
        store=(_busy("CreateMultipartUpload", times=3),),
    ),
    Row(
        "s3-part-busy", "503 SlowDown to parts, 3 times", RIGHT, "store", sizes=MULTIPART,
        store=(_busy("UploadPart", times=3),),
    ),
    Row(
        "s3-part-busy-always", "503 SlowDown to every part", named(StoreUnavailable), "store", sizes=MULTIPART,
        store=(_busy("UploadPart", at=2),),
    ),
    Row(
        "s3-part-denied", "403 to every part", named(StoreRefused), "store", sizes=MULTIPART,
        store=(_denied("UploadPart"),),
    ),
    Row(
        "s3-part-cut", "connection reset in a part", RIGHT, "store", sizes=MULTIPART,
        store=(S3Fault("hang_up", "UploadPart", at=2, after_bytes=500_000),),
    ),
    Row(
        "s3-part-stalled", "the server stops reading in a part, once", RIGHT, "store", sizes=MULTIPART,
        store=(S3Fault("stall", "UploadPart", at=2, after_bytes=100_000),), patience_s=_IMPATIENT_S,
    ),
    Row(
        "s3-part-lost", "part stored, answer lost", RIGHT, "store", sizes=MULTIPART,
        store=(S3Fault("lose", "UploadPart", at=2),),
    ),
    Row(
        "s3-part-flipped", "one bit of a part flipped on its way, once", RIGHT, "store", sizes=MULTIPART,
        store=(S3Fault("flip_sent", "UploadPart", at=2, after_bytes=70_000),), digests=True,
    ),
    Row(
        "s3-part-flipped-always", "one bit of every part flipped on its way", named(StoreRefused), "store",
        store=(S3Fault("flip_sent", "UploadPart", times=ALWAYS),), digests=True, sizes=MULTIPART,
    ),
    Row(
        "s3-upload-gone", "the upload vanishes under the transfer", named(UploadVanished), "store", sizes=MULTIPART,
        store=(S3Fault("answer", "UploadPart", at=2, times=ALWAYS, status=404, code="NoSuchUpload"),),
    ),
    Row(
        "s3-complete-error", "200 with an error document to Complete, once", RIGHT, "store", sizes=MULTIPART,
        store=(S3Fault("answer", "CompleteMultipartUpload", status=200),),
    ),
    Row(
        "s3-complete-error-always", "200 with an error document to every Complete", named(StoreUnavailable), "store",
        store=(S3Fault("answer", "CompleteMultipartUpload", status=200, times=ALWAYS),), sizes=MULTIPART,
    ),
    Row(
        "s3-complete-done-error", "Complete done, answered 200 with an error document", RIGHT, "store",
        store=(S3Fault("answer", "CompleteMultipartUpload", status=200, forwarded=True),), sizes=MULTIPART,
    ),
    Row(
        "s3-complete-lost", "Complete done, answer lost", RIGHT, "store", sizes=MULTIPART,
        store=(S3Fault("lose", "CompleteMultipartUpload"),),
    ),
    Row(
        "s3-complete-404", "Complete done, answered 500; the second one 404 NoSuchUpload", RIGHT, "store",
        store=(_DONE_BUT_FAILED, replace(_NO_SUCH_UPLOAD, at=2)),
        sizes=MULTIPART,
    ),
    Row(
        "s3-complete-vanished", "Complete answered 404 NoSuchUpload, nothing there; once", RIGHT, "store",
        store=(_NO_SUCH_UPLOAD,), sizes=MULTIPART,
    ),
    Row(
        "s3-complete-vanished-always", "every Complete answered 404 NoSuchUpload, nothing there",
        named(UploadVanished), "store", store=(replace(_NO_SUCH_UPLOAD, times=ALWAYS),), sizes=MULTIPART,
    ),
    Row(
        "s3-audit-500", "500 to every Put of the audit trail", named(StoreUnavailable), "store",
        store=(S3Fault("answer", "PutObject", "audit", times=ALWAYS),),
    ),
    Row(
        "s3-manifest-lost", "manifest stored, answer lost", RIGHT, "store",
        store=(S3Fault("lose", "PutObject", "manifests"),),
    ),
    Row(
        "s3-manifest-500", "500 to every Put of the manifest", named(StoreUnavailable), "store", left="media",
        store=(S3Fault("answer", "PutObject", "manifests", times=ALWAYS),),
    ),
    Row(
        "s3-head-500", "500 to the look at the finished object", named(StoreUnavailable), "store", left="media",
        store=(S3Fault("answer", "HeadObject", "recordings", times=ALWAYS),), sizes=MULTIPART,
    ),
    Row(
        "s3-abort-500", "403 to every part, and 500 to the cleaning up", named(StoreRefused), "store", left="upload",
        store=(_denied("UploadPart"),
               S3Fault("answer", "AbortMultipartUpload", times=ALWAYS)), sizes=MULTIPART,
    ),
    Row(
        "s3-no-bucket", "the bucket is gone", named(StoreRefused), "store",
        store=(S3Fault("answer", "HeadBucket", times=ALWAYS, status=404, code="NoSuchBucket", body=b""),),
    ),
    Row("s3-slow", "every answer 0.1 s late", RIGHT, "store", store=(S3Fault("slow", times=ALWAYS, seconds=0.1),)),
    Row(
        "s3-silent", "the media's first write swallowed without an answer", RIGHT, "store", patience_s=_IMPATIENT_S,
        store=(S3Fault("silent", "PutObject", "recordings"), S3Fault("silent", "UploadPart")),
    ),
    Row(
        "s3-not-http", "an answer that is not HTTP, once", RIGHT, "store",
        store=(S3Fault("answer", "GetObject", "manifests", status=0, body=b"220 mail.example ESMTP\r\n"),),
    ),
)  # fmt: skip

_PART_FAILS = (_busy("UploadPart", at=3),)
_DIES_AFTER_COMPLETE = (_denied("CompleteMultipartUpload", times=1, forwarded=True),)

SECOND_TRY_ROWS = (
    Row(
        "resume", "two parts stored, then 503; the next try goes on", RIGHT, "second try", sizes=MULTIPART,
        first_store=_PART_FAILS,
    ),
    Row(
        "resume-changed", "the recording is another one by the next try", RIGHT, "second try", sizes=MULTIPART,
        first_store=_PART_FAILS, tenant=({"fault": "change_entity"},),
    ),
    Row(
        "resume-swept", "the unfinished upload is removed before the next try", RIGHT, "second try", sizes=MULTIPART,
        first_store=_PART_FAILS, between="swept",
    ),
    Row(
        "resume-source", "the tenant fails with a part stored; the next try goes on", RIGHT, "second try",
        first_tenant=({"fault": "status", "status": 503, "at": 30, **TENANT_ALWAYS},), sizes=MULTIPART,
    ),
    Row(
        "resume-completed", "Complete done, then the try dies; the next one finds the object", RIGHT, "second try",
        first_store=_DIES_AFTER_COMPLETE, sizes=MULTIPART,
    ),
    Row(
        "resume-read-cut", "the finished object is read back over a connection that breaks", RIGHT, "second try",
        first_store=_PART_FAILS, store=(S3Fault("cut", "GetObject", "recordings", after_bytes=3_000_000),),
        sizes=MULTIPART,
    ),
    Row(
        "resume-read-flipped", "one bit flips while the finished object is read back", named(ObjectConflict),
        "second try", first_store=_DIES_AFTER_COMPLETE, sizes=MULTIPART, left="media",
        store=(S3Fault("flip_answer", "GetObject", "recordings", times=ALWAYS),),
    ),
)  # fmt: skip


def _webhook_row(name: str, what: str, announced: frozenset[str], *faults: dict[str, object]) -> Row:
    tenant = tuple({"on": "webhook", **fault} for fault in faults)
    return Row(
        name, what, RIGHT, "webhook", tenant, sizes=(ONE_SEGMENT,), announced=announced, peers=False,
        patience_s=_IMPATIENT_S,
    )  # fmt: skip


_REFUSED, _FAILED, _TAKEN = named(DeliveryRefused), named(DeliveryFailed), DELIVERED
_ELSEWHERE = "http://127.0.0.1:9/elsewhere"

WEBHOOK_ROWS = (
    _webhook_row("webhook-500-once", "webhook: 500, once", _TAKEN, {"fault": "status", "status": 500}),
    _webhook_row("webhook-500", "webhook: 500, always", _FAILED, {"fault": "status", "status": 500, **TENANT_ALWAYS}),
    _webhook_row("webhook-410", "webhook: 410 Gone", _REFUSED, {"fault": "status", "status": 410, **TENANT_ALWAYS}),
    _webhook_row("webhook-400", "webhook: 400", _REFUSED, {"fault": "status", "status": 400, **TENANT_ALWAYS}),
    _webhook_row(
        "webhook-redirect", "webhook: 302 to another host", _REFUSED,
        {"fault": "redirect", "location": _ELSEWHERE, **TENANT_ALWAYS},
    ),
    _webhook_row(
        "webhook-huge", "webhook: 400 with a body without end", _REFUSED,
        {"fault": "status", "status": 400, **TENANT_ALWAYS}, {"fault": "endless", **TENANT_ALWAYS},
    ),
    _webhook_row(
        "webhook-busy", "webhook: 429 with a hostile Retry-After, once", _TAKEN,
        {"fault": "status", "status": 429, "retry_after": "99999999999"},
    ),
    _webhook_row("webhook-no-answer", "webhook: no answer, once", _TAKEN, {"fault": "no_answer"}),
    _webhook_row("webhook-not-http", "webhook: not HTTP, once", _TAKEN, {"fault": "not_http"}),
    _webhook_row(
        "webhook-silent", "webhook: silent for longer than the limit, once", _TAKEN, {"fault": "delay", "seconds": 3.0}
    ),
    _webhook_row(
        "webhook-drip", "webhook: an answer that drips, always", _FAILED,
        {"fault": "slow_headers", "interval_s": 0.1, **TENANT_ALWAYS},
    ),
)  # fmt: skip
