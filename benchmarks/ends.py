"""The two ends of a benchmark, started for it: where recordings come from, and where they go."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.equipment import SERVERS
from tools.servers.leash import Leashed, leashed
from tools.servers.ports import free_ports
from tools.servers.seaweedfs import seaweedfs

BUCKET = "bucket"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Ends:
    """Addresses, and who answers there.

    Attributes:
        source_url, s3_url: where they are.
        source, sink: what they are, for the report.
        access_key, secret_key: of the sink.
    """

    source_url: str
    s3_url: str
    source: str
    sink: str
    access_key: str = "bench"
    secret_key: str = field(default="bench-secret", repr=False)
    _before: dict[str, int] = field(default_factory=dict, repr=False)

    def reset(self) -> None:
        """Forget what was counted and stored, where the end is one of ours; nginx only ever counts on."""
        for url in self._counting():
            _get(f"{url}/-/reset")
        self._before["source"] = self._nginx_requests()

    def counts(self) -> dict[str, Any]:
        """Return the requests by kind and the most that were open at once, of the ends that count."""
        told = [json.loads(_get(f"{url}/-/counts")) for url in self._counting()]
        requests = {kind: count for one in told for kind, count in one["requests"].items()}
        if self.source == "nginx":
            # One of them is this question.
            requests["source"] = self._nginx_requests() - self._before.get("source", 0) - 1
        return {"requests": requests, "peak": max((one["peak"] for one in told), default=0)}

    def _counting(self) -> list[str]:
        urls = {self.source_url: self.source, self.s3_url: self.sink}
        return [url for url, what in urls.items() if what == "compiled"]

    def _nginx_requests(self) -> int:
        if self.source != "nginx":
            return 0
        # "server accepts handled requests", and in the line below it the three numbers.
        return int(_get(f"{self.source_url}/-/status").split(b"requests")[1].split()[2])


def _get(url: str) -> bytes:
    with _OPENER.open(url, timeout=10) as answer:
        body: bytes = answer.read()
    return body


@contextmanager
def ends(folder: Path, scratch: Path, *, delay_ms: int = 0, nginx: bool = True) -> Iterator[Ends]:
    """Start source and discarding sink; nginx is the source where it is installed and nothing is to be delayed."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") if nginx and not delay_ms else None
    delay = [f"{delay_ms}ms"] if delay_ms else []
    with compiled(scratch / "sink.log", "sink", *delay) as s3_url:
        if program is None:
            with compiled(scratch / "source.log", "source", str(folder), *delay) as source_url:
                yield Ends(source_url, s3_url, "compiled", "compiled")
        else:
            with _nginx(program, folder, scratch) as source_url:
                yield Ends(source_url, s3_url, "nginx", "compiled")


@contextmanager
def real_store(folder: Path, scratch: Path) -> Iterator[Ends]:
    """Start the compiled source and SeaweedFS."""
    with (
        compiled(scratch / "source.log", "source", str(folder)) as source_url,
        seaweedfs(scratch / "seaweedfs", buckets=[BUCKET]) as server,
    ):
        yield Ends(source_url, server.endpoint, "compiled", "SeaweedFS", server.access_key, server.secret_key)


@contextmanager
def compiled(log_path: Path, *words: str) -> Iterator[str]:
    """Run one of the project's own servers and yield its base URL."""
    with leashed([SERVERS, *words], log_path=log_path, env=os.environ) as server:
        while not log_path.read_text().strip():
            _insist(server)
        yield f"http://127.0.0.1:{log_path.read_text().split()[0]}"


@contextmanager
def _nginx(program: str, folder: Path, scratch: Path) -> Iterator[str]:
    (port,) = free_ports(1)
    config = scratch / "nginx.conf"
    config.write_text(_nginx_config(folder, scratch, port))
    log_path = scratch / "nginx.log"
    with leashed([program, "-c", config, "-p", scratch, "-e", log_path], log_path=log_path, env=os.environ) as server:
        url = f"http://127.0.0.1:{port}"
        while not _is_up(url):
            _insist(server)
        yield url


def _is_up(url: str) -> bool:
    try:
        return bool(_get(f"{url}/oauth/token"))
    except OSError:
        return False


def _insist(server: Leashed) -> None:
    if not server.pause_s(0.05):
        raise SystemExit(server.log_tail())


def _nginx_config(folder: Path, scratch: Path, port: int) -> str:
    """Return a tenant as an nginx configuration: token and metadata are fixed texts, media are files."""
    medias = {path.stem: path.read_text().strip() for path in sorted(folder.glob("*.json"))}
    locations = "\n".join(_locations(name, metadata, folder) for name, metadata in medias.items())
    signatures = "\n".join(line for name in medias for line in _signatures(folder / name))
    temporary = " ".join(
        f"{kind}_temp_path {scratch}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    token = json.dumps({"access_token": "benchmark", "token_type": "bearer", "expires_in": 3600})
    return f"""daemon off; worker_processes 2; pid {scratch}/nginx.pid; user root;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; etag on; {temporary}
  map_hash_max_size 65536; map_hash_bucket_size 256; types {{}}
  map "$media $http_range" $signature {{ default ""; {signatures} }}
  server {{
    listen 127.0.0.1:{port}; set $media "";
    location = /-/status {{ stub_status; }}
    location = /oauth/token {{ default_type application/json; return 200 '{token}'; }}
    {locations}
  }}
}}
"""


def _locations(name: str, metadata: str, folder: Path) -> str:
    kind = "audio/mpeg" if '"mp3"' in metadata else "audio/wav"
    return f"""location ~ ^/api/v2/recording/(?<id>{name}_[0-9]+)$ {{
      default_type application/json; return 200 '{{"id": "$id", {metadata[1:]}'; }}
    location ~ ^/api/v2/recording/download/{name}_[0-9]+$ {{
      set $media {name}; default_type {kind}; alias {folder / name}; add_header X-Chunk-HMAC-SHA256 $signature; }}"""


def _signatures(path: Path) -> Iterator[str]:
    for line in Path(f"{path}.signatures").read_text().splitlines():
        span, signature = line.split()
        yield f'"{path.name} bytes={span}" {signature};'


def environment_of(ends_: Ends) -> Mapping[str, str]:
    """Return the variables by which peers reach the sink, without what the user's own would change."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
    return {
        **kept,
        "AWS_ACCESS_KEY_ID": ends_.access_key,
        "AWS_SECRET_ACCESS_KEY": ends_.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": ends_.s3_url,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
