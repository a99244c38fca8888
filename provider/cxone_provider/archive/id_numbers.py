"""A number for each id of a long list: some thirty bytes an id, however long it is. A dictionary takes five times that.

An id stands there as 128 bits of a digest. That two of a hundred million ids share them has a chance below 1e-22.
"""

from __future__ import annotations

from collections import defaultdict
from hashlib import blake2b
from struct import Struct

_DIGEST_BYTES = 16
_NUMBER = Struct("<q")
_RECORD_BYTES = _DIGEST_BYTES + _NUMBER.size
_BUCKETS = 4096  # so that looking through one is a step: at a million ids 6 KiB


class IdNumbers:
    """Numbers by id; can tell whether an id is known, and not which ids are."""

    def __init__(self) -> None:
        self._buckets: defaultdict[int, bytearray] = defaultdict(bytearray)
        self._count = 0

    def __len__(self) -> int:
        """Return how many ids have a number."""
        return self._count

    def __contains__(self, name: str) -> bool:
        """Tell whether an id has a number."""
        return self.get(name) is not None

    def get(self, name: str) -> int | None:
        """Return the number of an id; None where it has none."""
        bucket, place, _ = self._found(name)
        return None if place < 0 else self._number(bucket, place)

    def put(self, name: str, number: int) -> bool:
        """Give an id a number of 64 bits unless it has one; return whether it had none."""
        bucket, place, digest = self._found(name)
        if place >= 0:
            return False
        self._add(bucket, digest, number)
        return True

    def swap(self, name: str, number: int) -> int | None:
        """Give an id a number of 64 bits; return which it had, None for none."""
        bucket, place, digest = self._found(name)
        if place < 0:
            self._add(bucket, digest, number)
            return None
        before = self._number(bucket, place)
        _NUMBER.pack_into(bucket, place + _DIGEST_BYTES, number)
        return before

    def count(self, name: str) -> int:
        """Add one to the number of an id, which begins with 0; return it."""
        bucket, place, digest = self._found(name)
        if place < 0:
            self._add(bucket, digest, 1)
            return 1
        number = self._number(bucket, place) + 1
        _NUMBER.pack_into(bucket, place + _DIGEST_BYTES, number)
        return number

    def _add(self, bucket: bytearray, digest: bytes, number: int) -> None:
        bucket += digest + _NUMBER.pack(number)
        self._count += 1

    @staticmethod
    def _number(bucket: bytearray, place: int) -> int:
        number: int = _NUMBER.unpack_from(bucket, place + _DIGEST_BYTES)[0]
        return number

    def _found(self, name: str) -> tuple[bytearray, int, bytes]:
        """Return the bucket of an id, where in it its record begins, below 0 for nowhere, and its digest."""
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
        bucket = self._buckets[int.from_bytes(digest[:2], "little") % _BUCKETS]
        place = bucket.find(digest)
        while place >= 0 and place % _RECORD_BYTES:  # across two records
            place = bucket.find(digest, place + 1)
        return bucket, place, digest
