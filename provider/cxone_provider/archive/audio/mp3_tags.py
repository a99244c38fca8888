"""The tags around the frames of an MP3: ID3v2, ID3v1, APEv2, Lyrics3v2, and zero padding.

Sizes that tags declare are counted off, never allocated.
"""

from __future__ import annotations

from collections.abc import Callable

from cxone_provider.archive.audio.reader import ByteReader, Steps
from cxone_provider.archive.errors import CorruptAudio

MAX_PADDING_BYTES = 4096
"""Zero bytes that writers leave behind a tag or at the end; a longer run is a hole in the file."""

_MAX_TAGS = 64  # in a row
_ID3V1_BYTES = 128
_APE_HEADER_BYTES = 32
_APE_IS_HEADER = 1 << 29
_LYRICS_BEGIN = b"LYRICSBEGIN"
_LYRICS_END = b"LYRICS200"
_SIGNATURE_BYTES = 3


def pass_tags(reader: ByteReader) -> Steps[int]:
    """Pass over tags and zero padding; return how many tags there were.

    Raises:
        CorruptAudio: a tag that breaks its own rules, or too much padding.
        TruncatedAudio: the file ends inside a tag.
    """
    for tags in range(_MAX_TAGS):
        if (yield from reader.peek(1)) == b"\0":
            yield from _pass_zeros(reader)
        pass_tag = _TAGS.get((yield from reader.peek(_SIGNATURE_BYTES)))
        if pass_tag is None:
            return tags
        yield from pass_tag(reader)
    raise CorruptAudio("an MP3 of nothing but tags", found=f"{_MAX_TAGS} of them by offset {reader.offset_bytes}")


def _pass_zeros(reader: ByteReader) -> Steps[None]:
    start = reader.offset_bytes
    while piece := (yield from reader.take(64)):
        rest = piece.lstrip(b"\0")
        reader.unread(rest)
        if reader.offset_bytes - start > MAX_PADDING_BYTES:
            raise CorruptAudio(
                "zero bytes where MP3 frames should be",
                found=f"more than {MAX_PADDING_BYTES} from offset {start}",
            )
        if rest:
            return


def _pass_id3v2(reader: ByteReader) -> Steps[None]:
    start = reader.offset_bytes
    header = yield from reader.take_exactly(10, "the header of an ID3v2 tag")
    major, flags, size = header[3], header[5], header[6:]
    if major not in (2, 3, 4) or max(size) > 0x7F:
        raise CorruptAudio("an ID3v2 tag with an impossible header", found=f"{header.hex()} at offset {start}")
    size_bytes = size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3]
    has_footer = major == 4 and flags & 0x10
    yield from reader.skip_exactly(size_bytes + (10 if has_footer else 0), "an ID3v2 tag")


def _pass_id3v1(reader: ByteReader) -> Steps[None]:
    yield from reader.skip_exactly(_ID3V1_BYTES, "an ID3v1 tag")


def _pass_apev2(reader: ByteReader) -> Steps[None]:
    start = reader.offset_bytes
    header = yield from reader.take_exactly(_APE_HEADER_BYTES, "the header of an APE tag")
    flags = int.from_bytes(header[20:24], "little")
    if not header.startswith(b"APETAGEX") or not flags & _APE_IS_HEADER:
        raise CorruptAudio("an APE tag with an impossible header", found=f"{header.hex()} at offset {start}")
    items_and_footer_bytes = int.from_bytes(header[12:16], "little")
    yield from reader.skip_exactly(items_and_footer_bytes, "an APE tag")


def _pass_lyrics3v2(reader: ByteReader) -> Steps[None]:
    start = reader.offset_bytes
    begin = yield from reader.take_exactly(len(_LYRICS_BEGIN), "a Lyrics3 tag")
    field = yield from reader.take_exactly(8, "a Lyrics3 tag")
    while begin == _LYRICS_BEGIN and field[:3].isalnum() and not field[:6].isdigit() and field[3:].isdigit():
        yield from reader.skip_exactly(int(field[3:]), "a field of a Lyrics3 tag")
        field = yield from reader.take_exactly(8, "a Lyrics3 tag")
    end = field + (yield from reader.take_exactly(7, "a Lyrics3 tag"))  # six digits of size, then the signature
    if begin != _LYRICS_BEGIN or not end[:6].isdigit() or end[6:] != _LYRICS_END:
        raise CorruptAudio("a Lyrics3 tag that breaks its own rules", found=f"{end!r} in the tag at offset {start}")


_TAGS: dict[bytes, Callable[[ByteReader], Steps[None]]] = {
    b"ID3": _pass_id3v2,
    b"TAG": _pass_id3v1,
    b"APE": _pass_apev2,
    _LYRICS_BEGIN[:_SIGNATURE_BYTES]: _pass_lyrics3v2,
}
