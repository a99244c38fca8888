"""Every call of the port, with arguments that do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from cxone_provider.adapters.s3 import S3Store
from cxone_provider.archive.ports import ObjectAttributes, Part

AUDIO = ObjectAttributes("audio/mpeg")
BODY = b"hello"
PART = Part(1, 5, "5d41402abc4b2a76b9719d911017c592")

Call = Callable[[S3Store], object]
CALLS: dict[str, Call] = {
    "check": lambda store: store.check(),
    "read": lambda store: store.read("k", max_bytes=10),
    "stat": lambda store: store.stat("k"),
    "stream": lambda store: store.stream("k").__enter__(),
    "list_keys": lambda store: list(store.list_keys("p/")),
    "list_objects": lambda store: list(store.list_objects("p/", after="p/a")),
    "put": lambda store: store.put("k", BODY, AUDIO),
    "create_upload": lambda store: store.create_upload("k", AUDIO),
    "put_part": lambda store: store.put_part("k", "u-1", 1, memoryview(BODY), hashlib.sha256(BODY).digest()),
    "complete_upload": lambda store: store.complete_upload("k", "u-1", [PART]),
    "abort_upload": lambda store: store.abort_upload("k", "u-1"),
    "uploads": lambda store: list(store.uploads("p/")),
    "parts": lambda store: store.parts("k", "u-1"),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
