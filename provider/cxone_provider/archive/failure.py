"""The root of the error tree: what happened, what was met, what would have been right, and whether to try again."""

from __future__ import annotations

from typing import ClassVar

from cxone_provider.archive.escaping import shown


class ArchiveError(Exception):
    """Anything that keeps a recording from being archived.

    Args:
        what: what happened, a short sentence without a full stop.
        found: the value that was met; shown escaped and bounded.
        expected: what would have been right.
        hint: what a person can do about it.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, what: str, *, found: object = None, expected: object = None, hint: str | None = None) -> None:
        self.what = what
        self.found = found
        self.expected = expected
        self.hint = hint
        super().__init__(self._message())

    def _message(self) -> str:
        named = (("found", self.found), ("expected", self.expected))
        details = [f"{name} {shown(value)}" for name, value in named if value is not None]
        text = f"{self.what}: {', '.join(details)}" if details else self.what
        return f"{text}. {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling of exceptions, and task runners pickle them.
        return (_rebuild, (type(self), self.what, self.found, self.expected, self.hint))


def _rebuild(kind: type[ArchiveError], what: str, found: object, expected: object, hint: str | None) -> ArchiveError:
    return kind(what, found=found, expected=expected, hint=hint)
