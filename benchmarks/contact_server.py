"""``python -m benchmarks.contact_server COUNT``: a tenant whose day has COUNT contacts, made up page by page.

Prints its port. Asked for its counts at ``/-/counts``, like the compiled ends.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from benchmarks.generated import DAY, id_of
from tools.servers.ports import LOOPBACK


def row_of(number: int) -> dict[str, Any]:
    """Return one completed contact."""
    return {
        "contactId": id_of(number), "masterContactId": id_of(number), "isLogged": True, "isOutbound": False,
        "contactStartDate": DAY.add(seconds=number % 86_400).to_iso8601_string(), "totalDurationSeconds": 61.5,
        "agentId": "417", "firstName": "Ada", "lastName": "Park", "skillName": "Claims EU",
        "fromAddress": "+15550100", "toAddress": "+15550199",
    }  # fmt: skip


class _Tenant(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    count = 0
    asked: ClassVar[Counter[str]] = Counter()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked["token"] += 1
        self._answer({"access_token": "benchmark", "token_type": "bearer", "expires_in": 3600})

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/-/counts":
            self._answer({"requests": self.asked})
            return
        self.asked["listing"] += 1
        query = parse_qs(url.query)
        skip, top = int(query["skip"][0]), int(query["top"][0])
        rows = [row_of(number) for number in range(skip, min(self.count, skip + top))]
        self._answer({"totalRecords": self.count, "completedContacts": rows})

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(count: int) -> Iterator[str]:
    """Serve a day of so many contacts from this process; yield the base URL."""
    _Tenant.count = count
    _Tenant.asked.clear()
    with ThreadingHTTPServer((LOOPBACK, 0), _Tenant) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    """Serve until killed."""
    _Tenant.count = int(sys.argv[1])
    server = ThreadingHTTPServer((LOOPBACK, 0), _Tenant)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
