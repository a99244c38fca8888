"""Keys to recordings and back: no two keys become one recording unseen, and hostile keys are typed errors."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.external_access.key_mapping import KeyMapping
from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.recording import checked_recording_id

TEMPLATES = (
    "{contact_id}.{ext}",
    "{contact_id}_{n}.mp4",
    "{contact_id}-{n}.{ext}",
    "{year}/{month}/{day}/{contact_id}.{n}.wav",
    "{any}/{year}{month}{day}/voice-{contact_id}_{n}.{ext}",
    "calls (EU)/{contact_id}/{n}/audio.mp4",
)
WHOLE_IN_ID = ("{contact_id}.mp4", "{contact_id}_{n}.mp4", "{contact_id}-{n}.wav", "calls/{contact_id}/{n}/audio.mp4")
PREFIXES = ("", "tenant/", "a.b[c]*/")
# What keys are made of, and what mischief is made of.
PIECES = st.text("aZ09-_./ ", max_size=12) | st.sampled_from(["..", "/", ".mp4", ".wav", "\x00", "é", "%2e", "4711"])
KEYS = st.lists(PIECES, max_size=8).map("".join)
WORDS = st.text("abcXYZ0123456789-", min_size=1, max_size=12)


@given(st.sampled_from(TEMPLATES), st.sampled_from(PREFIXES), KEYS)
def test_every_key_is_a_usable_recording_or_a_typed_error(template: str, prefix: str, key: str) -> None:
    mapping = KeyMapping(prefix, template)
    for tried in (key, prefix + key):
        with contextlib.suppress(InvalidDocument):
            mapped = mapping.parse(tried)
            assert checked_recording_id(mapped.recording_id) == mapped.recording_id
            assert tried.startswith(mapping.search_prefix(mapped.recording_id))


@given(st.sampled_from(WHOLE_IN_ID), st.sampled_from(PREFIXES), st.tuples(WORDS, WORDS), st.tuples(WORDS, WORDS))
def test_two_keys_are_two_recordings(template: str, prefix: str, one: tuple[str, str], other: tuple[str, str]) -> None:
    mapping = KeyMapping(prefix, template)
    keys = [prefix + template.replace("{contact_id}", c).replace("{n}", n) for c, n in (one, other)]
    ids = [mapping.parse(key).recording_id for key in keys]
    assert (ids[0] == ids[1]) == (keys[0] == keys[1])


@given(st.sampled_from(WHOLE_IN_ID), WORDS, WORDS)
def test_the_id_alone_leads_back_to_the_key(template: str, contact_id: str, n: str) -> None:
    mapping = KeyMapping("p/", template)
    key = "p/" + template.replace("{contact_id}", contact_id).replace("{n}", n)
    assert key.startswith(mapping.search_prefix(mapping.parse(key).recording_id))


FRAGMENTS = st.lists(st.sampled_from(["{contact_id}", "{n}", "{any}", "{x}", "{", "/", "a"])).map("".join)


@given(st.text(max_size=40) | FRAGMENTS)
def test_a_template_is_usable_or_a_typed_error(template: str) -> None:
    with contextlib.suppress(InvalidSetting):
        mapping = KeyMapping("", template)
        assert "{contact_id}" in mapping.template
        with contextlib.suppress(InvalidDocument):
            mapping.parse(template)


@pytest.mark.parametrize(
    "key",
    [
        "", "/", "..", "../4711.mp4", "a/../4711.mp4", "./4711.mp4", "4711.mp4/", "4711.mp4\n", "4711\x00.mp4",
        "4711.exe", "4711", f"{'9' * 65}.mp4", "\uff14\uff17.mp4", "4711.mp4" * 200, "\ud800.mp4",
    ],
)  # fmt: skip
def test_a_hostile_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidDocument):
        KeyMapping().parse(key)
    with pytest.raises(InvalidDocument):
        KeyMapping("", "{any}/{contact_id}.{ext}").parse(f"../{key}")


@pytest.mark.parametrize(
    ("template", "key", "recording_id", "day", "audio_format"),
    [
        ("{contact_id}.{ext}", "4711.MP4", "4711", None, "mp4"),
        ("{contact_id}.m4a", "4711.m4a", "4711", None, "mp4"),
        ("{contact_id}_{n}.{ext}", "4711_0a-1.wav", "4711.0a-1", None, "wav"),
        ("{year}/{month}/{day}/{contact_id}.{ext}", "2026/02/28/4711.mp3", "4711", "2026-02-28", "mp3"),
        ("{any}/{contact_id}.bin", "x y/4711.bin", "4711", None, None),
    ],
)
def test_a_key_says_which_recording_day_and_format(
    template: str, key: str, recording_id: str, day: str | None, audio_format: str | None
) -> None:
    mapped = KeyMapping("", template).parse(key)
    found = None if mapped.day is None else mapped.day.to_date_string()
    assert (mapped.recording_id, found, mapped.format) == (recording_id, day, audio_format)


def test_a_day_that_no_calendar_has_is_no_key() -> None:
    with pytest.raises(InvalidDocument):
        KeyMapping("", "{year}{month}{day}_{contact_id}.{ext}").parse("20260230_1.mp4")


@pytest.mark.parametrize(
    "template",
    [
        "", "4711.mp4", "{contact_id}{n}.mp4", "{contact_id}{ext}", "{contact_id}_{contact_id}", "{contact}.mp4",
        "{year}/{contact_id}.mp4", "/{contact_id}.mp4", "a//{contact_id}", "../{contact_id}",
        "{any}_{any}_{contact_id}",
        "{contact_id}.mp4\n", "{contact_id}[0-9]*", "{}_{contact_id}", "x" * 600 + "{contact_id}",
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_read_both_ways_is_refused(template: str) -> None:
    with pytest.raises(InvalidSetting):
        KeyMapping("", template)
