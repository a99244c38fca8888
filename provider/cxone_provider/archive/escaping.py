"""Values from outside, made fit for a log line, an error or a document."""

from __future__ import annotations

import re

_SHOWN_CHARACTERS = 200
_DIGEST_CHARACTERS = 32
# Digits as cards have them, in one run or in the groups that are printed on them; not those of hexadecimal digests,
# which are passed over first, nor those behind a decimal point.
_CARD_NUMBER = re.compile(
    rf"[0-9A-Fa-f]{{{_DIGEST_CHARACTERS},}}|(?<!\d)(?<!\d\.)"
    r"(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5})(?!\d)"
)
_DIGIT = re.compile(r"\d")
_KEPT_DIGITS = 4
_LONGEST_NUMBER = 64  # its groups, and enough behind it to tell that no digit follows


def shown(value: object, *, limit: int = _SHOWN_CHARACTERS) -> str:
    """Return `value` fit for one line of a log: card numbers masked, control characters escaped, bounded to `limit`."""
    text = value if isinstance(value, str) else repr(value)
    # A number that the limit would cut in two has to be seen whole to be masked.
    return _bounded(masked(text[: limit + _LONGEST_NUMBER]), len(text), limit)


def escaped(value: object, *, limit: int = _SHOWN_CHARACTERS) -> str:
    """Return an id fit for one line of a log: as :func:`shown`, but nothing is masked, so that two ids stay two."""
    text = value if isinstance(value, str) else repr(value)
    return _bounded(text, len(text), limit)


def masked(text: str) -> str:
    """Return `text` with every number that could be a payment card's (13 to 19 digits, Luhn) but for its last four.

    One in ten numbers of that length that is no card's passes the Luhn check too, and is masked as well.
    """
    return _CARD_NUMBER.sub(_masked_number, text)


def _masked_number(match: re.Match[str]) -> str:
    number, groups = match[0], match[0].rsplit(match[1] or " ", 1)
    if len(number) >= _DIGEST_CHARACTERS:
        return number
    if _passes_luhn(number):
        return _DIGIT.sub("*", number[:-_KEPT_DIGITS]) + number[-_KEPT_DIGITS:]
    # Behind sixteen digits in groups of four, what looks like a fifth group may be a number of its own.
    if match[1] and _passes_luhn(groups[0]):
        return number.replace(groups[0], masked(groups[0]), 1)
    return number


def _passes_luhn(number: str) -> bool:
    digits = [int(digit) for digit in _DIGIT.findall(number)]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _bounded(text: str, characters: int, limit: int) -> str:
    line = text[:limit]
    if not line.isprintable():
        line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
    return line if characters <= limit else f"{line}… ({characters} characters)"
