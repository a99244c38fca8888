"""Every error of this provider, named by what happened.

::

    ArchiveError
    ├── InvalidInput                      what the caller gave; never sent anywhere
    │   ├── InvalidRecordingId
    │   ├── InvalidSetting
    │   └── InvalidDocument               a ref, plan, audit log, manifest or metadata document
    ├── SourceError                       what CXone answered
    │   ├── AuthenticationFailed          credentials refused (401, or the token endpoint's 4xx)
    │   ├── AccessDenied                  403: scope or permission
    │   ├── RecordingNotFound             404 or 410
    │   ├── MediaWithheld                 known, but no way to its media is given now
    │   ├── RangeNotSatisfiable           416: size and storage disagree
    │   ├── RateLimited                 + 429 for longer than the retry budget
    │   ├── SourceUnavailable           + 5xx, broken or refused connections, time-outs
    │   ├── TransferStalled             + bytes come slower than the limit
    │   ├── ListingFailed               + no telling which recordings there are: :mod:`.listing_errors`
    │   └── UnexpectedAnswer              a status, header or document outside the API's contract
    ├── IntegrityError                    bytes that must not be archived
    │   ├── ShortBody                   + fewer bytes than declared or agreed
    │   ├── ExcessBody                    more bytes than agreed
    │   ├── WrongRange                    Content-Range is missing or names other bytes
    │   ├── RangeIgnored                  200 to a ranged request
    │   ├── EncodedBody                   Content-Encoding other than identity
    │   ├── WrongContentType              a page or document where audio was asked for
    │   ├── RecordingChanged            + ETag, size or 412 tell of another entity
    │   ├── SizeDisagrees                 the media's size is not the metadata's
    │   ├── SignatureMissing              no chunk signature although a stream secret is set
    │   ├── SignatureMismatch             the chunk signature is not ours
    │   ├── DigestMismatch                SHA-256 differs from the expected one
    │   ├── AuditBroken                   the hash chain of an audit trail does not hold
    │   ├── IdentityConflict              a contact's archived recording is another interaction than the one resolved
    │   └── ContactDisagrees              a contact's manifest and those of its recordings tell of different things
    ├── AudioError                        the bytes are not the audio they should be
    │   ├── UnknownAudio                  no known signature
    │   ├── WrongFormat                   a known format, but another one
    │   ├── CorruptAudio                  the structure breaks inside the file
    │   ├── TruncatedAudio                the file ends early
    │   └── DurationDisagrees             measured against the metadata
    ├── StoreError                        what S3 answered
    │   ├── StoreUnavailable            + 5xx, slow down, broken connections
    │   ├── StoreRefused                  permission, bucket, key or setting refused
    │   ├── ObjectExists                  a conditional write lost: something is there
    │   ├── ObjectConflict                an object without a manifest that is not this recording
    │   ├── UploadVanished              + the multipart upload is gone
    │   └── LockUnsupported               Object Lock asked for, bucket without it
    ├── NotificationError                 what the webhook's receiver answered
    │   ├── DeliveryRefused               a final status
    │   ├── DeliveryFailed              + no 2xx within the bounds
    │   └── ReceiverForbidden             an address that may not be called
    ├── RecordingRejected                 policy, found out when the media told its size
    └── TransferCancelled               + stopped by a kill or a shutdown

``+`` marks what another try can mend (:attr:`ArchiveError.retryable`). Nothing decides by an error's text.
"""

from __future__ import annotations

from cxone_provider.archive.escaping import shown as shown  # noqa: PLC0414  # a re-export, for mypy
from cxone_provider.archive.failure import ArchiveError as ArchiveError  # noqa: PLC0414  # a re-export, for mypy


class InvalidInput(ArchiveError):
    """The caller gave something that cannot be used."""


class InvalidRecordingId(InvalidInput):
    """An id outside the allowed characters or length."""


class InvalidSetting(InvalidInput):
    """An operator argument, connection field or limit that makes no sense."""


class InvalidDocument(InvalidInput):
    """A JSON document that does not have the shape its schema names."""


class SourceError(ArchiveError):
    """CXone did not give what was asked for."""


class AuthenticationFailed(SourceError):
    """Credentials were refused, also with a new token."""


class AccessDenied(SourceError):
    """403: a missing scope, or no access to this recording."""


class RecordingNotFound(SourceError):
    """404 or 410: no such recording."""


class MediaWithheld(SourceError):
    """The source names the recording and gives no way to its media now: it is archived, locked, or not ready yet."""


class RangeNotSatisfiable(SourceError):
    """416: the range lies outside the stored media.

    Attributes:
        actual_size_bytes: the size the server names in ``Content-Range: bytes */N``, or None.
    """

    actual_size_bytes: int | None = None


class RateLimited(SourceError):
    """429 outlasted the retry budget; `retry_after_s` is the wait that the last answer asked for, or None."""

    retryable = True
    retry_after_s: float | None = None


class SourceUnavailable(SourceError):
    """5xx, a refused or broken connection, or a time-out outlasted the retry budget."""

    retryable = True


class TransferStalled(SourceError):
    """Bytes arrive slower than the minimum throughput, or past the deadline."""

    retryable = True


class UnexpectedAnswer(SourceError):
    """A status, header or document that the API's contract does not have."""


class IntegrityError(ArchiveError):
    """Bytes that must not be archived as this recording."""


class ShortBody(IntegrityError):
    """Fewer bytes than the answer declared or the plan agreed."""

    retryable = True


class ExcessBody(IntegrityError):
    """More bytes than agreed."""


class WrongRange(IntegrityError):
    """Content-Range is missing, malformed, or names other bytes than were asked for."""


class RangeIgnored(IntegrityError):
    """200 to a ranged request: the body is the whole recording."""


class EncodedBody(IntegrityError):
    """Content-Encoding other than identity: ranges would count encoded bytes."""


class WrongContentType(IntegrityError):
    """A page or a document arrived where audio was asked for."""


class RecordingChanged(IntegrityError):
    """The recording is another entity than at the start of this transfer."""

    retryable = True


class SizeDisagrees(IntegrityError):
    """The size of the media is not the size in the metadata."""


class SignatureMissing(IntegrityError):
    """A stream secret is set, and the chunk carries no signature."""


class SignatureMismatch(IntegrityError):
    """The chunk's signature does not fit its bytes and offset."""


class DigestMismatch(IntegrityError):
    """SHA-256 of the bytes is not the expected one."""


class AuditBroken(IntegrityError):
    """A line of an audit trail was changed, dropped, doubled or moved."""


class IdentityConflict(IntegrityError):
    """What is archived as ``{contact_id}.{n}`` is another interaction than the one the source now numbers so."""


class ContactDisagrees(IntegrityError):
    """A contact's manifest names recordings that have no manifest, or another digest in it."""


class AudioError(ArchiveError):
    """The bytes are not the audio they are said to be."""


class UnknownAudio(AudioError):
    """No known audio signature at the start."""


class WrongFormat(AudioError):
    """Audio of another format than was asked for."""


class CorruptAudio(AudioError):
    """The structure of the audio breaks inside the file."""


class TruncatedAudio(AudioError):
    """The audio ends before its own structure says."""


class DurationDisagrees(AudioError):
    """The measured duration is not the one in the metadata."""


class StoreError(ArchiveError):
    """S3 did not do what was asked."""


class StoreUnavailable(StoreError):
    """5xx, SlowDown or a broken connection outlasted the retry budget."""

    retryable = True


class StoreRefused(StoreError):
    """S3 refused the request for good: permission, bucket, key or setting."""


class ObjectExists(StoreError):
    """A conditional write found an object in its place."""


class ObjectConflict(StoreError):
    """The final key holds an object that has no manifest and is not this recording."""


class UploadVanished(StoreError):
    """The multipart upload does not exist any more."""

    retryable = True


class LockUnsupported(StoreError):
    """Object Lock was asked for, and the bucket does not have it."""


class NotificationError(ArchiveError):
    """The archive's webhook was not delivered."""


class DeliveryRefused(NotificationError):
    """The receiver answered with a final status."""


class DeliveryFailed(NotificationError):
    """No 2xx within the bounds of tries and time."""

    retryable = True


class ReceiverForbidden(NotificationError):
    """The webhook's address may not be called from here."""


class RecordingRejected(ArchiveError):
    """Policy forbids this recording, as the media itself showed; its metadata had not told."""


class TransferCancelled(ArchiveError):
    """The transfer was stopped by a kill or a shutdown; nothing is published."""

    retryable = True
