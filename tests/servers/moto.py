"""moto as an S3 server inside this process: for what needs an answer of S3's shape, not for integrity or locks."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from moto.server import ThreadedMotoServer

from tools.servers.ports import LOOPBACK
from tools.servers.seaweedfs import S3Server, make_bucket


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
