"""What a source hands out, as values: the files behind a plan, and what a request for a part of one brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pendulum


@dataclass(frozen=True, slots=True)
class Media:
    """One file to fetch: what a plan resolves to.

    Attributes:
        recording_id: id the file is archived under: the plan's own, or `{contact_id}.{n}` of a contact's plan.
        requested_format: value for the source's format query; None for native.
        size_bytes: agreed size, or None while only the media can tell.
        etag: strong entity tag every answer must carry, or None before the first answer.
        locator: where the bytes are, in the source's own terms; may be a secret link, so never shown.
        recorded_at: start of this file, timezone-aware; None where the source tells no more than the plan.
        duration_s: seconds by the source's times, compared with the audio's own; None where the source does not tell.
        duration_tolerance_s: how far the audio's own duration may be from `duration_s`, seconds; counts where wider
            than usual.
        metadata: what else the source tells of this file and is worth keeping in the manifest, JSON values only:
            participants, channels, direction, skill, disposition, MASK and HOLD stages. Never a link, token or secret.
        identity: stable name of this interaction inside its contact, whatever else the answer holds and in which order:
            equal in two answers exactly when they mean the same interaction. None where `recording_id` is the plan's.
        single_request: True where the whole is to come in one GET, and ranges only after it broke off: each request has
            its price. A source that is asked for parallel ranges says False. Signed chunks are always read by ranges.
        sha256: hexadecimal digest of the whole that the source vouches for; other bytes are not archived. None where it
            keeps none.
    """

    recording_id: str
    requested_format: str | None = None
    size_bytes: int | None = None
    etag: str | None = None
    locator: str = field(default="", repr=False)
    recorded_at: pendulum.DateTime | None = None
    duration_s: float | None = None
    duration_tolerance_s: float = 0.0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    identity: str | None = None
    single_request: bool = False
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class SegmentRead:
    """What one ranged request brought.

    Attributes:
        bytes_read: bytes written to the buffer, from its start.
        total_bytes: size of the whole media by Content-Range, or None where the source does not say (``*``).
        etag: strong entity tag of the answer, or None (absent or weak).
        attempts: requests it took.
        signature: chunk signature as sent, or None.
    """

    bytes_read: int
    total_bytes: int | None
    etag: str | None
    attempts: int
    signature: str | None
