"""What must hold for any bytes at all: asked by the coverage-guided fuzzer, the mutation fuzzer and the kept corpus."""

from __future__ import annotations

import json
import math
import pickle
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import pendulum

from cxone_provider.adapters.cxone.claims import tenant_id_of
from cxone_provider.adapters.cxone.contact_rows import parse_leg, parse_page
from cxone_provider.adapters.cxone.data_extraction import parse_job_id, parse_status
from cxone_provider.adapters.cxone.discovery import checked_endpoint
from cxone_provider.adapters.cxone.documents import parse_description, parse_object
from cxone_provider.adapters.cxone.extraction_csv import merge_rows
from cxone_provider.adapters.cxone.legs import MergedLegs
from cxone_provider.adapters.cxone.links import checked_link
from cxone_provider.adapters.cxone.listing_settings import ListingSettings
from cxone_provider.adapters.cxone.playback_document import Interaction, parse_contact
from cxone_provider.adapters.cxone.ranges import (
    check_identity,
    check_media_type,
    parse_content_length,
    parse_content_range,
    parse_digests,
    parse_unsatisfied,
    strong_etag,
)
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.adapters.cxone.tokens import parse_token
from cxone_provider.adapters.retrying import parse_retry_after_s
from cxone_provider.archive.audio import AudioReport, AudioVerification, media_type_of
from cxone_provider.archive.contact import ContactManifest, StoredRecording, parse_archived
from cxone_provider.archive.errors import ArchiveError, AudioError
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.list_file import read_list
from cxone_provider.archive.manifest import Manifest, parse_manifest
from cxone_provider.archive.recording import RECORDING_ID_PATTERN, RecordingRef
from cxone_provider.archive.trail import verify_trail

MAX_ERROR_CHARACTERS = 1500
_NOW = pendulum.datetime(2026, 11, 23, 10)
_REF = RecordingRef("4711")
_KEY = {"access_key_id": "id====", "access_key_secret": "secret===="}
_TENANT = settings_of(None, None, None, {"api": "media-playback", **_KEY})
_LONGEST_WAIT_S = 10.0**12
_PIECE_SIZES = 251


def examine_audio(data: bytes) -> str:
    """Verify a file whole and in pieces, and return how it ended: a format, or an error's name.

    Raises:
        AssertionError: an answer that depends on the pieces, a report that cannot be, an error unfit for a log.
        Exception: anything but an AudioError came out of the verification.
    """
    whole = _outcome(data, max(1, len(data)))
    # A size of pieces that depends on nothing but the input: a finding can be repeated from its bytes alone.
    piece_bytes = 1 + zlib.crc32(data) % _PIECE_SIZES
    assert _outcome(data, piece_bytes) == whole, f"in pieces of {piece_bytes} bytes the answer is another"
    if isinstance(whole, AudioReport):
        _check_report(whole)
        return whole.format
    return whole[0]


def _outcome(data: bytes, piece_bytes: int) -> AudioReport | tuple[str, str]:
    verification = AudioVerification()
    try:
        for start in range(0, len(data), piece_bytes):
            verification.feed(memoryview(data)[start : start + piece_bytes])
        return verification.finish()
    except AudioError as error:
        check_error(error)
        assert _stays_refused(verification), "a file that was refused is accepted afterwards"
        return type(error).__name__, str(error)


def _stays_refused(verification: AudioVerification) -> bool:
    try:
        verification.finish()
    except AudioError:
        return True
    return False


def _check_report(report: AudioReport) -> None:
    assert media_type_of(report.format).startswith("audio/")
    assert report.duration_s is None or (math.isfinite(report.duration_s) and report.duration_s >= 0), report
    for count in (report.sample_rate_hz, report.channels):
        assert count is None or count > 0, report
    assert report.frames is None or report.frames >= 0, report
    assert report.codec.isprintable(), report


def check_error(error: ArchiveError) -> None:
    """Check that an error fits one line of a log and crosses a process border.

    Raises:
        AssertionError: it does not.
    """
    text = str(error)
    assert text.isprintable(), repr(text)
    assert len(text) <= MAX_ERROR_CHARACTERS, f"{len(text)} characters"
    assert str(pickle.loads(pickle.dumps(error))) == text


def _consume(values: Iterator[object]) -> None:
    for _ in values:
        pass


def _stored(found: Manifest | ContactManifest) -> Sequence[StoredRecording]:
    """Take what the audit log of an archived recording or contact is made of; written again, it is the same."""
    if isinstance(found, Manifest):
        return [StoredRecording.of(found, ArchiveLayout("archive"))]
    assert ContactManifest.from_document(found.to_document()) == found
    return found.recordings


def _kept(found: Sequence[Interaction]) -> None:
    """Check that every interaction has a name of its own, and that what is kept of it is JSON without a link."""
    assert len({one.identity for one in found}) == len(found)
    for one in found:
        kept = json.dumps(dict(one.metadata), allow_nan=False)
        assert "://" not in kept, kept


def _token(document: Mapping[str, object]) -> None:
    token = parse_token(document, "")
    assert 0 < token.usable_s <= token.lifetime_s, token
    tenant_id = tenant_id_of(document)
    assert tenant_id.isascii(), tenant_id
    assert tenant_id.isprintable(), tenant_id


def _listed_rows(rows: Sequence[object]) -> None:
    """Read each row of a page by itself, as a listing does: one that cannot be used must not hide the next one."""
    for row in rows:
        try:
            assert RECORDING_ID_PATTERN.fullmatch(parse_leg(row).recording_id)
        except ArchiveError as error:
            check_error(error)


_TEXT_PARSERS: Mapping[str, Callable[[str], object]] = {
    "Content-Range": parse_content_range,
    "Content-Range of a 416": parse_unsatisfied,
    "Content-Length": parse_content_length,
    "ETag": strong_etag,
    "Content-Encoding": check_identity,
    "Content-Type": check_media_type,
    "Content-Digest": lambda text: parse_digests("Content-Digest", text),
    "media link": lambda text: checked_link(text, _TENANT),
}
_BODY_PARSERS: Mapping[str, Callable[[bytes], object]] = {
    "metadata": lambda body: parse_description(parse_object(body, "metadata"), _REF),
    "playback": lambda body: _kept(parse_contact(parse_object(body, "playback answer", secret=True))),
    "token": lambda body: _token(parse_object(body, "token answer", secret=True)),
    "discovery": lambda body: checked_endpoint(parse_object(body, "discovery document"), "api_endpoint", _TENANT),
    "list": lambda body: _consume(read_list([body])),
    "manifest": lambda body: parse_manifest(body, "4711"),
    "contact manifest": lambda body: _stored(parse_archived(body, "4711")),
    "trail": lambda body: verify_trail("4711", body),
    "completed contacts": lambda body: _listed_rows(parse_page(parse_object(body, "page")).rows),
    "extraction": lambda body: merge_rows([body[:7], body[7:]], MergedLegs(), ListingSettings()),
    "listing job": lambda body: parse_status(parse_object(body, "job")),
    "job id": parse_job_id,
}


def examine_answers(data: bytes) -> None:
    """Give `data` to everything that reads what others wrote: headers, documents, lists, manifests, trails.

    Raises:
        AssertionError: a value that cannot be, or an error unfit for a log.
        Exception: anything but an ArchiveError came out of a parser.
    """
    text = data.decode("latin-1")  # as http.client decodes headers
    wait_s = parse_retry_after_s(text, _NOW)
    assert wait_s is None or wait_s >= 0, wait_s
    assert wait_s is None or wait_s == math.inf or wait_s < _LONGEST_WAIT_S, wait_s
    for parse_text in _TEXT_PARSERS.values():
        _examine_parser(parse_text, text)
    for parse_body in _BODY_PARSERS.values():
        _examine_parser(parse_body, data)


def _examine_parser(parse: Callable[..., object], value: object) -> None:
    try:
        parse(value)
    except ArchiveError as error:
        check_error(error)
