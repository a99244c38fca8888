"""What can go wrong between the archive and its S3 server, as data; :mod:`tests.servers.s3_proxy` makes it happen."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

# answer: something else than the server says (the request reaches it only if `forwarded`) · lose: the request is
# served, its answer never arrives · hang_up: reset while the request is sent · flip_sent, flip_answer: one bit of the
# body on its way there or back · slow: served after a while · silent: swallowed without an answer · stall: not read on
# · cut: the answer's body ends early
S3FaultKind = Literal["answer", "lose", "hang_up", "flip_sent", "flip_answer", "slow", "silent", "stall", "cut"]

ALWAYS = 10**6


@dataclass(frozen=True, slots=True)
class S3Fault:
    """One thing that goes wrong.

    Attributes:
        kind: what happens.
        operation: S3's name of the requests it strikes; empty for any.
        folder: only keys of this folder of the archive: ``recordings``, ``audit``, ``manifests``, ``receipts``.
        at: the first such request that is struck, from 1.
        times: how many are struck.
        status, code: of the answer; 0 sends `body` as it is, which need not be HTTP.
        headers: of the answer.
        body: of the answer in place of S3's error document.
        forwarded: the server gets the request all the same.
        after_bytes: of the body, before what happens happens.
        seconds: how slow.
    """

    kind: S3FaultKind
    operation: str = ""
    folder: str = ""
    at: int = 1
    times: int = 1
    status: int = 500
    code: str = "InternalError"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    forwarded: bool = False
    after_bytes: int = 1000
    seconds: float = 0.2

    @property
    def name(self) -> str:
        """How a fault is counted, e.g. ``answer 503 SlowDown``."""
        return f"{self.kind} {self.status} {self.code}".rstrip() if self.kind == "answer" else self.kind

    def answer(self) -> bytes:
        """Return the scripted answer, head and body."""
        if self.status == 0:
            return self.body or b""
        document = f"<Error><Code>{self.code}</Code><Message>scripted</Message></Error>".encode()
        body = document if self.body is None else self.body
        fields = {"Content-Type": "application/xml", "Content-Length": len(body), **self.headers}
        lines = [f"HTTP/1.1 {self.status} Scripted", *(f"{name}: {value}" for name, value in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True, slots=True)
class S3Call:
    """What a request asks of S3."""

    operation: str
    key: str

    @property
    def folder(self) -> str:
        """The archive's folder that the key lies in, or the empty text."""
        found = [name for name in ("recordings", "audit", "manifests", "receipts") if f"/{name}/" in f"/{self.key}"]
        return found[0] if found else ""


def s3_call(method: str, target: str) -> S3Call:
    """Return the operation and key of a path-style request."""
    parts = urlsplit(target)
    key = unquote(parts.path.lstrip("/").partition("/")[2])
    query = parse_qs(parts.query, keep_blank_values=True)
    return S3Call(_operation(method, query, has_key=bool(key)), key)


def _operation(method: str, query: Mapping[str, list[str]], *, has_key: bool) -> str:
    by_upload = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
    if "uploadId" in query:
        return by_upload.get(method, "ListParts")
    if "uploads" in query:
        return "CreateMultipartUpload" if method == "POST" else "ListMultipartUploads"
    if not has_key:
        return {"HEAD": "HeadBucket", "PUT": "CreateBucket"}.get(method, "ListObjects")
    return {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(method, "")


class S3Script:
    """The faults of a run and how far each has counted. Safe under threads.

    Attributes:
        injected: how often each kind of fault struck.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: Sequence[S3Fault] = ()
        self._seen: list[int] = []
        self.injected: Counter[str] = Counter()

    def replace(self, faults: Sequence[S3Fault]) -> None:
        """Take other faults; all counting starts again."""
        with self._lock:
            self._faults = tuple(faults)
            self._seen = [0] * len(self._faults)
            self.injected = Counter()

    def striking(self, call: S3Call) -> S3Fault | None:
        """Count a request and return the first fault that strikes it."""
        struck: S3Fault | None = None
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.operation in {"", call.operation} and fault.folder in {"", call.folder}:
                    self._seen[index] += 1
                    if struck is None and 0 <= self._seen[index] - fault.at < fault.times:
                        struck = fault
            if struck is not None:
                self.injected[struck.name] += 1
        return struck
