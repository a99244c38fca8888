"""``python -m tests.faults.peer_worker NAME``: fetches recordings with one Python tool, an order per line of JSON.

A process of its own, because some of these calls never return.
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import resource
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Order = Mapping[str, str]
Fetch = Callable[[Order], None]
_READ_TIMEOUT_S = 30
# What goes past these is no recording any more: some decoders never come to an end.
_MAX_FILE_BYTES = 2**28
_MAX_MEMORY_BYTES = 4 * 2**30
WITHOUT_END = "without end"


def _prepared(name: str, setup: Mapping[str, Any]) -> Fetch:
    if name.startswith("requests"):
        return _requests_iter if name.endswith("iter") else _requests_raw
    if name == "HttpToS3Operator":
        return _http_to_s3_operator(setup)
    return lambda order: _tutorial_loop(order, int(setup["segment_size_bytes"]))


def _requests_iter(order: Order) -> None:
    import requests

    headers = {"Authorization": f"Bearer {order['token']}"}
    with requests.get(order["url"], headers=headers, stream=True, timeout=_READ_TIMEOUT_S) as answer:
        answer.raise_for_status()
        with Path(order["target"]).open("wb") as file:
            file.writelines(answer.iter_content(2**20))


def _requests_raw(order: Order) -> None:
    import requests

    headers = {"Authorization": f"Bearer {order['token']}"}
    with requests.get(order["url"], headers=headers, stream=True, timeout=_READ_TIMEOUT_S) as answer:
        answer.raise_for_status()
        with Path(order["target"]).open("wb") as file:
            shutil.copyfileobj(answer.raw, file)


def _http_to_s3_operator(setup: Mapping[str, Any]) -> Fetch:
    """Return the operator's own ``execute``, with connections from the environment and no metadata database."""
    os.environ["AIRFLOW_HOME"] = f"{setup['home']}/airflow"
    os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "True"
    connection = {
        "conn_type": "aws", "login": setup["access_key"], "password": setup["secret_key"],
        "extra": {"endpoint_url": setup["endpoint"], "region_name": "us-east-1"},
    }  # fmt: skip
    os.environ["AIRFLOW_CONN_STORE"] = json.dumps(connection)
    from airflow.providers.amazon.aws.transfers.http_to_s3 import HttpToS3Operator

    def fetch(order: Order) -> None:
        parts = urlsplit(order["url"])
        os.environ["AIRFLOW_CONN_TENANT"] = json.dumps({"conn_type": "http", "host": f"http://{parts.netloc}"})
        HttpToS3Operator(
            task_id="fetch", http_conn_id="tenant", endpoint=parts.path, s3_bucket=order["bucket"],
            headers={"Authorization": f"Bearer {order['token']}"}, s3_key=order["s3_key"], aws_conn_id="store",
            replace=True,
        ).execute({})  # fmt: skip

    return fetch


def _tutorial_loop(order: Order, segment_size_bytes: int) -> None:
    """Fetch range by range as a Go tutorial for this task does, with its tolerance for ends of files.

    Its check of every chunk's first bytes is left out: it refuses every second chunk of a WAV, and the first of an MP3
    with tags. Its chunks are written to a file here; the tutorial drops them.
    """
    size_bytes = _tutorial_size(order)
    with Path(order["target"]).open("wb") as file:
        for start in range(0, size_bytes, segment_size_bytes):
            stop = min(start + segment_size_bytes, size_bytes)
            answer = _get(order["url"], {**_bearer(order), "Range": f"bytes={start}-{stop - 1}"})
            if answer.status == 429:
                _go_sleep(answer.headers.get("Retry-After"))
                continue
            if answer.status not in {200, 206}:
                raise OSError(f"chunk failed with status {answer.status}")
            file.write(_read_full(answer, stop - start))


def _tutorial_size(order: Order) -> int:
    answer = _get(order["url"].replace("/download/", "/"), _bearer(order))
    return int(json.loads(answer.read())["size"])


def _bearer(order: Order) -> dict[str, str]:
    return {"Authorization": f"Bearer {order['token']}"}


def _get(url: str, headers: Mapping[str, str], redirects_left: int = 10) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_READ_TIMEOUT_S)
    connection.request("GET", parts.path, headers=dict(headers))
    answer = connection.getresponse()
    location = answer.headers.get("Location")
    if answer.status in {301, 302, 303, 307, 308} and location and redirects_left:
        return _get(location, headers, redirects_left - 1)
    return answer


def _read_full(answer: http.client.HTTPResponse, size_bytes: int) -> bytes:
    """Read as Go's ``io.ReadFull`` where an early end is no error."""
    try:
        return answer.read(size_bytes)
    except http.client.IncompleteRead as error:
        return error.partial


def _go_sleep(retry_after: str | None) -> None:
    """Sleep as ``time.Duration(n) * time.Second`` does: in 64 bits that overflow; what is no number leaves 5."""
    digits = (retry_after or "").strip()
    seconds = int(digits) if digits.lstrip("-").isdigit() else 5
    nanoseconds = (seconds * 10**9 + 2**63) % 2**64 - 2**63
    threading.Event().wait(max(0, nanoseconds) / 10**9)


def _limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MAX_FILE_BYTES, _MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))


def _told(error: Exception) -> str:
    endless = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.EFBIG)
    return WITHOUT_END if endless else f"{type(error).__name__}: {error}"


def main() -> None:
    """Answer every order with ``{"error": null}`` or what went wrong."""
    _limit_resources()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    sys.stdout = sys.stderr  # Airflow logs to standard output
    fetch = _prepared(sys.argv[1], json.loads(sys.stdin.readline()))
    answers.write('{"error": null}\n')
    for line in sys.stdin:
        try:
            fetch(json.loads(line))
        except Exception as error:  # noqa: BLE001  # whatever a tool raises is its way to say that it failed
            answers.write(json.dumps({"error": _told(error)}) + "\n")
        else:
            answers.write('{"error": null}\n')


if __name__ == "__main__":
    main()
