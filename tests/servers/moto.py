"""moto as an S3 server inside this process: for what needs an answer of S3's shape, not for integrity or locks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from moto.s3.exceptions import NoSuchUpload
from moto.s3.models import S3Backend
from moto.server import ThreadedMotoServer

from tools.servers.ports import LOOPBACK
from tools.servers.seaweedfs import S3Server, make_bucket


def _as_s3_answers(method: Callable[..., Any]) -> Callable[..., Any]:
    """Answer NoSuchUpload where moto 5.2.5 fails with 500: for an upload that another worker completed or removed."""

    @wraps(method)
    def answered(backend: S3Backend, bucket_name: str, multipart_id: str, *args: Any, **options: Any) -> Any:
        try:
            return method(backend, bucket_name, multipart_id, *args, **options)
        except KeyError:
            raise NoSuchUpload(upload_id=multipart_id) from None

    return answered


# moto makes its backends itself, so its class is what can be mended.
for _name in ("upload_part", "complete_multipart_upload"):
    setattr(S3Backend, _name, _as_s3_answers(getattr(S3Backend, _name)))


@contextmanager
def moto(*, buckets: Sequence[str] = (), locked_buckets: Sequence[str] = ()) -> Iterator[S3Server]:
    """Run moto until the block ends."""
    # It logs every request, and the trace of its own failures, to the tests' standard error.
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        reached = S3Server(f"http://{LOOPBACK}:{port}", "moto", "moto")
        client = reached.client()
        for name in buckets:
            make_bucket(client, name, locked=False)
        for name in locked_buckets:
            make_bucket(client, name, locked=True)
        client.close()
        yield reached
    finally:
        server.stop()
