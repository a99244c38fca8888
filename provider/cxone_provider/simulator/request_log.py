"""What was asked and what was answered, for tests and for people who wonder what their client does."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from cxone_provider.simulator.request import Headers, Request, header_value

# Whoever reads the log must not be able to use a link; the same link still looks the same.
_SIGNATURE = re.compile(r"(?<=X-Amz-Signature=)[^&]+")
_REDACTED = frozenset({"authorization", "proxy-authorization", "cookie"})
_SETTLE_S = 1.0
_KEPT_RECORDS = 100_000


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request and its answer.

    Attributes:
        number: counts from 1 in the order of arrival.
        at: when the request had arrived, timezone-aware.
        connection: number of the connection; requests with the same one shared it.
        path: not decoded, without the query.
        query: not decoded; the signature of a link replaced by a short hash.
        headers: as sent, credentials replaced by a short hash.
        endpoint: ``token``, ``metadata``, ``media``, ``webhook``, or None for an unknown path.
        bytes_sent: body bytes handed to the network; None while the answer is on its way.
        faults: names of the faults that struck.
    """

    number: int
    at: datetime
    connection: int
    method: str
    path: str
    query: str
    headers: Headers
    endpoint: str | None
    recording_id: str | None
    status: int
    bytes_sent: int | None
    faults: tuple[str, ...]

    def header(self, name: str) -> str | None:
        """Return the first value of a request header, or None."""
        return header_value(self.headers, name)

    def as_json(self) -> dict[str, object]:
        """Return the record as a JSON object; headers are a list of pairs."""
        return {**asdict(self), "at": self.at.isoformat()}


class RequestLog:
    """Keeps the latest hundred thousand records, and writes each to a file if asked. Safe under threads.

    Args:
        path: JSON Lines are appended there, one when each answer has ended.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file: io.TextIOWrapper | None = path.open("a", encoding="utf-8", buffering=1) if path else None
        self._settled = threading.Condition()
        self._records: dict[int, RequestRecord] = {}
        self._order: deque[int] = deque()
        self._open: set[int] = set()
        self._count = 0

    def begin(
        self,
        request: Request,
        *,
        at: datetime,
        status: int,
        target: tuple[str | None, str | None] = (None, None),
        faults: Sequence[str] = (),
    ) -> int:
        """Record a request whose answer is about to be sent; return its number. `target` is endpoint and recording."""
        with self._settled:
            self._count += 1
            self._records[self._count] = RequestRecord(
                number=self._count,
                at=at,
                connection=request.connection_number,
                method=request.method,
                path=request.path,
                query=_SIGNATURE.sub(lambda match: _hashed(match[0]), request.query),
                headers=redacted(request.headers),
                endpoint=target[0],
                recording_id=target[1],
                status=status,
                bytes_sent=None,
                faults=tuple(faults),
            )
            self._order.append(self._count)
            self._open.add(self._count)
            if len(self._order) > _KEPT_RECORDS:
                self._records.pop(self._order.popleft(), None)
            return self._count

    def end(self, number: int, bytes_sent: int) -> None:
        """Complete a record."""
        with self._settled:
            self._open.discard(number)
            record = self._records.get(number)
            if record is not None:
                self._records[number] = completed = replace(record, bytes_sent=bytes_sent)
                self._write(completed)
            self._settled.notify_all()

    def records(self) -> list[RequestRecord]:
        """Return what is kept, in the order of arrival.

        Answers that are just being sent get up to a second to end, so that a client that has read its answer finds it
        complete here.
        """
        with self._settled:
            self._settled.wait_for(lambda: not self._open, timeout=_SETTLE_S)
            return list(self._records.values())

    def clear(self) -> None:
        """Forget everything that is kept; numbers go on."""
        with self._settled:
            self._records.clear()
            self._order.clear()
            self._open.clear()
            self._settled.notify_all()

    def close(self) -> None:
        """Close the file."""
        with self._settled:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _write(self, record: RequestRecord) -> None:
        if self._file is not None:
            self._file.write(json.dumps(record.as_json()) + "\n")


def redacted(headers: Headers) -> Headers:
    """Return headers with credentials replaced by a hash: equal tokens still look equal."""
    return tuple((name, _hashed(value) if name.lower() in _REDACTED else value) for name, value in headers)


def _hashed(value: str) -> str:
    kind, _, credential = value.partition(" ")
    digest = hashlib.sha256((credential or kind).encode()).hexdigest()[:12]
    return f"{kind} sha256:{digest}" if credential else f"sha256:{digest}"
