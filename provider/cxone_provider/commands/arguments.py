"""What the commands share: how arguments are read, how the store is reached, what the exit status says."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

import pendulum

from cxone_provider.adapters.s3 import S3Store, default_client
from cxone_provider.archive.errors import ArchiveError, InvalidSetting
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.recording import parse_time

IN_ORDER, NOT_IN_ORDER, NO_ANSWER = 0, 1, 2
_SCHEME = "s3://"
_T = TypeVar("_T")


def argument(parse: Callable[[str], _T]) -> Callable[[str], _T]:
    """Return `parse` as argparse wants it: its errors, in its own words, become usage errors."""

    def parsed(text: str) -> _T:
        try:
            return parse(text)
        except ArchiveError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parsed


def layout_of(uri: str) -> ArchiveLayout:
    """Return the archive of ``s3://BUCKET/PREFIX``.

    Raises:
        InvalidSetting: it is none.
    """
    bucket, _, prefix = uri.removeprefix(_SCHEME).partition("/")
    return ArchiveLayout(bucket if uri.startswith(_SCHEME) else "", prefix)


def moment(text: str) -> pendulum.DateTime:
    """Return a time in UTC.

    Raises:
        InvalidDocument, InvalidSetting: it is none, or nothing.
    """
    parsed = parse_time(text, "a time")
    if parsed is None:
        raise InvalidSetting("a time is missing", expected="ISO 8601, e.g. 2026-11-22")
    return parsed


def add_endpoint(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names another S3 server than AWS's."""
    parser.add_argument("--endpoint-url", metavar="URL", help="S3 server; AWS's own by default")


def store_of(options: argparse.Namespace, concurrency: int) -> S3Store:
    """Return the bucket that the arguments name, once it was found to be there.

    Raises:
        StoreError: it is not, or may not be used.
    """
    store = bucket_of(options, options.archive.bucket, concurrency)
    store.check()
    return store


def bucket_of(options: argparse.Namespace, bucket: str, concurrency: int = 1) -> S3Store:
    """Return a bucket of the server that the arguments name; sends nothing."""
    return S3Store(default_client(endpoint_url=options.endpoint_url, concurrency=concurrency), bucket)
