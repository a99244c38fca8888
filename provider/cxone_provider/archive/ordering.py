"""Bytes that arrive in any order, shown to the witness in theirs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cxone_provider.archive.errors import TransferCancelled
from cxone_provider.archive.integrity import Witness

if TYPE_CHECKING:
    from hashlib import _Hash


class ReaderStopped(TransferCancelled):
    """This reader stopped because another one failed; the other one's error is the cause."""


class InOrder:
    """Lets several readers show their bytes to one witness, each when its turn has come.

    Args:
        witness: sees every byte once, from the first to the last.
    """

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self._turn = threading.Condition()
        self._failed = False

    @property
    def shown_bytes(self) -> int:
        """How far the witness has come."""
        return self.witness.size_bytes

    def show(self, start: int, view: memoryview, hashed: _Hash | None = None) -> None:
        """Wait until the witness has come to `start`, then show `view`, whose SHA-256 may be known.

        Raises:
            ReaderStopped: a reader whose bytes come earlier failed.
            AudioError: the audio breaks in these bytes.
        """
        with self._turn:
            while self.witness.size_bytes != start:
                self.check()
                self._turn.wait()
            self.witness.see(view, hashed)
            self._turn.notify_all()

    def check(self) -> None:
        """Raise ReaderStopped when another reader failed."""
        if self._failed:
            raise ReaderStopped("another reader failed")

    def fail(self) -> None:
        """Stop every reader that waits or asks."""
        with self._turn:
            self._failed = True
            self._turn.notify_all()

    @contextmanager
    def stopping_all(self) -> Iterator[None]:
        """Stop every reader when the block is left by an error, whichever it is."""
        done = False
        try:
            yield
            done = True
        finally:
            if not done:
                self.fail()

    def recover(self) -> None:
        """Take readers again after a failure that is dealt with."""
        self._failed = False
