"""Incremental verification of recorded audio: is this file whole, and how long does it play?

Bytes go in as they arrive, in pieces of any size; what comes out is an :class:`AudioReport` or an
:class:`~cxone_provider.archive.errors.AudioError`. Nothing is decoded and nothing but a few headers is kept::

    verification = AudioVerification(expected_format="mp3")
    for chunk in chunks:
        verification.feed(chunk)
    report = verification.finish()
    check_duration(report.duration_s, declared_s)

What the structure of a format can prove, and what only the duration or the total size can:

=====  ============================================  ===================================================
mp3    damage between frames, a cut inside a frame;  a cut or a hole exactly between frames of a file
       with a Xing, Info or VBRI frame every lost    that has no such frame
       or doubled frame
wav    any missing byte                              missing bytes of a stream of undeclared length
mp4    any missing byte                              missing whole fragments of a fragmented file
ogg    any missing, changed or swapped byte          nothing
flac   every lost frame                              a hole inside a frame, a cut inside the last one;
                                                     missing frames of a stream of undeclared length
amr    damage between frames, a cut inside a frame   a cut or a hole exactly between frames
=====  ============================================  ===================================================

A changed byte inside a frame or a sample is seen by no format but Ogg: digests are there for that.
"""

from __future__ import annotations

from cxone_provider.archive.audio.report import (
    AudioReport,
    canonical_format,
    check_duration,
    extension_of,
    media_type_of,
)
from cxone_provider.archive.audio.verification import AudioVerification

__all__ = ["AudioReport", "AudioVerification", "canonical_format", "check_duration", "extension_of", "media_type_of"]
