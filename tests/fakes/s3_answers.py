"""Answers of an S3 server, byte for byte as the API writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

from tests.fakes.http_server import Answer, WireRequest, answer, head

XML = {"Content-Type": "application/xml"}
ETAG = "5d41402abc4b2a76b9719d911017c592"
Step = Answer | Callable[[WireRequest], Answer]


class Script:
    """A handler for a ScriptedServer: one step per request, in order; the last step answers what comes after it."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)

    def __call__(self, request: WireRequest) -> Answer:
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        return step(request) if callable(step) else step


def ok(headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
    """Return a 200 with an entity tag."""
    return answer(200, body, {"ETag": f'"{ETAG}"', **(headers or {})})


def described(size_bytes: int, headers: Mapping[str, str] | None = None) -> Answer:
    """Return the answer to a HEAD."""
    fields = {"Content-Length": str(size_bytes), "ETag": f'"{ETAG}"', **(headers or {})}
    return Answer([head(200, fields.items())])


def refusal(status: int, code: str, **more: str) -> Answer:
    """Return an error document; further elements by name."""
    elements = {"Code": code, "Message": f"the text of {code}", **more}
    return answer(status, document("Error", elements), XML)


def nothing(status: int) -> Answer:
    """Return a status without a body, as answers to HEAD are."""
    return answer(status)


def document(root: str, elements: Mapping[str, str], inner: str = "") -> bytes:
    """Return an XML document with one level of elements, and `inner` as it is."""
    fields = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in elements.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{fields}{inner}</{root}>'.encode()


def opened(upload_id: str = "u-1", headers: Mapping[str, str] | None = None) -> Answer:
    """Return the answer to CreateMultipartUpload."""
    body = document("InitiateMultipartUploadResult", {"UploadId": upload_id})
    return answer(200, body, {**XML, **(headers or {})})


def completed(**elements: str) -> Answer:
    """Return the answer to CompleteMultipartUpload."""
    return answer(200, document("CompleteMultipartUploadResult", {"ETag": f'"{ETAG}-1"', **elements}), XML)


def listed_part(number: int, sha256: str | None = None, size_bytes: int = 5) -> str:
    """Return one part of :func:`parts_page`."""
    digest = f"<ChecksumSHA256>{sha256}</ChecksumSHA256>" if sha256 else ""
    return (
        f'<Part><PartNumber>{number}</PartNumber><ETag>"{ETAG}"</ETag><Size>{size_bytes}</Size>'
        f"<LastModified>2026-11-23T10:00:00.000Z</LastModified>{digest}</Part>"
    )


def parts_page(*parts: str, **elements: str) -> Answer:
    """Return one page of ListParts."""
    return answer(200, document("ListPartsResult", {"IsTruncated": "false", **elements}, "".join(parts)), XML)


def uploads_page(*keys: str, **elements: str) -> Answer:
    """Return one page of ListMultipartUploads."""
    found = "".join(
        f"<Upload><Key>{escape(key)}</Key><UploadId>id of {escape(key)}</UploadId>"
        "<Initiated>2026-11-23T10:00:00.000Z</Initiated></Upload>"
        for key in keys
    )
    return answer(200, document("ListMultipartUploadsResult", {"IsTruncated": "false", **elements}, found), XML)


def retained(mode: str, until: str) -> Answer:
    """Return the answer to GetObjectRetention."""
    return answer(200, document("Retention", {"Mode": mode, "RetainUntilDate": until}), XML)
