"""Peers in Python that are not this project's dependencies: run by the peers' own interpreter."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.client import THREADS, Job, serve

_BLOCK_BYTES = 2**20
_PART_BYTES = 8 * _BLOCK_BYTES
_BEARER = {"Authorization": "Bearer benchmark"}


def smart_open(job: Job) -> None:
    """smart_open at both ends, several at a time."""
    opened, client = importlib.import_module("smart_open").open, _s3(job)

    def move(recording_id: str) -> None:
        writing = {"client": client}
        with (
            opened(job.media_url(recording_id), "rb", transport_params={"headers": dict(_BEARER)}) as source,
            opened(f"s3://{job.bucket}/{recording_id}", "wb", transport_params=writing) as sink,
        ):
            while block := source.read(_BLOCK_BYTES):
                sink.write(block)

    _several(move, job)


def obstore(job: Job) -> None:
    """Obstore at both ends: its HTTP store streams into its S3 store."""
    module, stores = importlib.import_module("obstore"), importlib.import_module("obstore.store")
    headers = {"default_headers": {"authorization": _BEARER["Authorization"]}, "allow_http": True}
    source = stores.HTTPStore.from_url(f"{job.source_url}/api/v2/recording/download", client_options=headers)
    sink = stores.S3Store(
        job.bucket,
        endpoint=job.s3_url,
        access_key_id=job.access_key,
        secret_access_key=job.secret_key,
        region="us-east-1",
        virtual_hosted_style_request=False,
        unsigned_payload=True,
        client_options={"allow_http": True},
    )

    async def move_all() -> None:
        limit = asyncio.Semaphore(THREADS)

        async def move(recording_id: str) -> None:
            async with limit:
                found = await module.get_async(source, recording_id)
                is_small = found.meta["size"] <= _PART_BYTES
                body = await found.bytes_async() if is_small else found.stream(min_chunk_size=_PART_BYTES)
                await module.put_async(sink, recording_id, body, chunk_size=_PART_BYTES, max_concurrency=THREADS)

        await asyncio.gather(*map(move, job.ids))

    asyncio.run(move_all())


def _s3(job: Job) -> Any:
    return importlib.import_module("boto3").client(
        "s3",
        endpoint_url=job.s3_url,
        aws_access_key_id=job.access_key,
        aws_secret_access_key=job.secret_key,
        region_name="us-east-1",
    )


def _several(move: Callable[[str], None], job: Job) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(move, job.ids))


CLIENTS: Mapping[str, Callable[[Job], None]] = {"smart_open": smart_open, "obstore": obstore}

if __name__ == "__main__":
    import sys

    for name in ("boto3", "smart_open") if sys.argv[1] == "smart_open" else ("obstore", "obstore.store"):
        importlib.import_module(name)
    serve(CLIENTS)
