"""Which recording an object is, by its key: a template with named fields, read in both directions. No I/O.

How the vendor names the objects is not published, so the template is a setting. Two keys that give one recording id
differ in nothing but fields that are no part of it: date, extension, and what ``{any}`` stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import pendulum

from cxone_provider.archive.audio import canonical_format
from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.keys import MAX_KEY_BYTES

DEFAULT_KEY_TEMPLATE = "{contact_id}.{ext}"
_FIELDS: Mapping[str, str] = {
    # No dot, which joins both in the id.
    "contact_id": "[A-Za-z0-9-]{1,64}",
    "n": "[A-Za-z0-9-]{1,48}",
    "year": "[0-9]{4}",
    "month": "[0-9]{2}",
    "day": "[0-9]{2}",
    "ext": "(?i:mp4|m4a|wav|wave|mp3|ogg|oga|opus|flac|amr)",
    "any": r"[^/\x00-\x1f\x7f]{1,200}",
}
_DATE = ("year", "month", "day")
_FIELD = re.compile(r"\{([a-z_]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9!_.*'() @=+,:;&$~/-]*", re.ASCII)
_MAX_TEMPLATE = 512
_MAX_ANY_IN_SEGMENT = 1
_EXPECTED = "text and {contact_id}, once each {n}, {year}, {month}, {day}, {ext}, and {any}"


@dataclass(frozen=True, slots=True)
class MappedKey:
    """What a key says of its object.

    Attributes:
        recording_id: ``contact_id``, or ``contact_id.n`` where the template tells a contact's recordings apart.
        contact_id: the contact.
        day: day in the key, or None.
        format: audio format by the key's extension, or None where it is no known one.
    """

    recording_id: str
    contact_id: str
    day: pendulum.Date | None
    format: str | None


@dataclass(frozen=True, slots=True)
class KeyMapping:
    """Keys below a prefix, read and searched by a template such as ``{year}/{month}/{day}/{contact_id}_{n}.{ext}``.

    Fields take as much as fits, from left to right. ``{contact_id}`` and ``{n}`` are letters, digits and hyphens;
    ``{n}`` tells a contact's recordings apart; ``{any}`` is part of one path segment and says nothing.

    Args:
        prefix: what every key starts with, taken literally; may be empty.
        template: the rest of a key.

    Raises:
        InvalidSetting: the template cannot be read in both directions.
    """

    prefix: str = ""
    template: str = DEFAULT_KEY_TEMPLATE

    def __post_init__(self) -> None:
        pieces = list(_pieces(self.template))
        fields = [text for is_field, text in pieces if is_field]
        if not _is_usable(self.template, fields) or not all(_FIELDS.get(name) for name in fields):
            raise InvalidSetting("unusable key_template", found=self.template, expected=_EXPECTED)
        if "}{" in re.sub(r"\{(?:year|month|day)\}", "", self.template):
            raise InvalidSetting(
                "fields of key_template touch", found=self.template, expected="text between two fields of any length"
            )

    def parse(self, key: str) -> MappedKey:
        """Return what `key` says.

        Raises:
            InvalidDocument: it does not fit prefix and template.
        """
        below = key.removeprefix(self.prefix)
        match = _pattern_of(self.template).fullmatch(below) if key.startswith(self.prefix) else None
        if match is None or len(key.encode("utf-8", "replace")) > MAX_KEY_BYTES or not _has_plain_path(key):
            raise self._misfit(key)
        fields = match.groupdict()
        contact_id, n = match["contact_id"], fields.get("n")
        return MappedKey(
            recording_id=contact_id if n is None else f"{contact_id}.{n}",
            contact_id=contact_id,
            day=self._day(key, fields),
            format=_format_of(key),
        )

    def search_prefix(self, recording_id: str) -> str:
        """Return what every key of a recording starts with, as far as its id tells; a date it does not tell."""
        contact_id, dot, n = recording_id.partition(".")
        known = {"contact_id": contact_id} | ({"n": n} if dot else {})
        searched = self.prefix
        for is_field, text in _pieces(self.template):
            if is_field and text not in known:
                break
            searched += known[text] if is_field else text
        return searched

    def _day(self, key: str, fields: Mapping[str, str]) -> pendulum.Date | None:
        if "year" not in fields:
            return None
        try:
            day = date(*(int(fields[name]) for name in _DATE))
        except ValueError as error:
            raise self._misfit(key) from error
        return pendulum.Date(day.year, day.month, day.day)

    def _misfit(self, key: str) -> InvalidDocument:
        return InvalidDocument(
            "the key does not fit key_template", found=key, expected=f"{self.prefix}{self.template}",
            hint="Set key_template to how the bucket's objects are named.",
        )  # fmt: skip


def _is_usable(template: str, fields: list[str]) -> bool:
    literal = _FIELD.sub("", template)
    once = all(fields.count(name) <= 1 for name in _FIELDS if name != "any")
    dated = {name for name in _DATE if name in fields}
    segments = template.split("/")
    return (
        0 < len(template) <= _MAX_TEMPLATE
        and _LITERAL.fullmatch(literal) is not None
        and not any(segment in {"", ".", ".."} for segment in segments)
        and all(segment.count("{any}") <= _MAX_ANY_IN_SEGMENT for segment in segments)
        and "contact_id" in fields
        and once
        and dated in (set(), set(_DATE))
    )


def _pieces(template: str) -> Iterator[tuple[bool, str]]:
    """Yield the template's pieces in order: whether each is a field, and its name or text."""
    for index, text in enumerate(_FIELD.split(template)):
        if index % 2 or text:
            yield bool(index % 2), text


@lru_cache(maxsize=16)
def _pattern_of(template: str) -> re.Pattern[str]:
    return re.compile("".join(_regex(is_field, text) for is_field, text in _pieces(template)), re.ASCII)


def _regex(is_field: bool, text: str) -> str:  # noqa: FBT001  # what _pieces yields
    if not is_field:
        return re.escape(text)
    return f"(?:{_FIELDS[text]})" if text == "any" else f"(?P<{text}>{_FIELDS[text]})"


def _has_plain_path(key: str) -> bool:
    # HTTP clients fold dot segments away, and then ask for another object.
    return not any(segment in {".", ".."} for segment in key.split("/"))


def _format_of(key: str) -> str | None:
    try:
        return canonical_format(key.rpartition(".")[2])
    except InvalidSetting:
        return None
