"""From a recording to its object: by the key that its ref carries, or by a search below what its id tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cxone_provider.adapters.external_access.key_mapping import KeyMapping
from cxone_provider.adapters.external_access.listing import KEY_FIELD
from cxone_provider.adapters.external_access.objects import SourceObjects
from cxone_provider.archive.errors import InvalidDocument, RecordingNotFound, UnexpectedAnswer

_MAX_SEARCHED = 10_000


def key_of(objects: SourceObjects, mapping: KeyMapping, recording_id: str, metadata: Mapping[str, Any]) -> str:
    """Return the key of a recording's object; costs no request where its metadata holds the key.

    Raises:
        RecordingNotFound: there is none.
        UnexpectedAnswer: there are several, or too many to search.
        AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable.
    """
    listed = metadata.get(KEY_FIELD)
    # Text of a ref is bounded and masked: a key that suffered is no key of this recording any more.
    if isinstance(listed, str) and _is_key_of(mapping, listed, recording_id):
        return listed
    found = list(_searched(objects, mapping, recording_id))
    if not found:
        raise RecordingNotFound("no object for the recording", found=recording_id)
    if len(found) > 1:
        raise UnexpectedAnswer(
            f"several objects are recording {recording_id}", found=found, expected="one",
            hint="Let key_template tell them apart by {n}.",
        )  # fmt: skip
    return found[0]


def contact_keys(objects: SourceObjects, mapping: KeyMapping, contact_id: str) -> list[str]:
    """Return the keys of every object of a contact, in their order.

    Raises:
        AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
    """
    below = objects.list(mapping.search_prefix(contact_id))
    return [one.key for one in below if _contact_of(mapping, one.key) == contact_id]


def _searched(objects: SourceObjects, mapping: KeyMapping, recording_id: str) -> Iterator[str]:
    prefix = mapping.search_prefix(recording_id)
    for number, listed in enumerate(objects.list(prefix)):
        if number >= _MAX_SEARCHED:
            raise UnexpectedAnswer(
                f"too many objects to search for {recording_id}", found=f"more than {_MAX_SEARCHED} below {prefix}",
                hint="Take refs from the listing of the bucket: they carry their keys.",
            )  # fmt: skip
        if _is_key_of(mapping, listed.key, recording_id):
            yield listed.key


def _is_key_of(mapping: KeyMapping, key: str, recording_id: str) -> bool:
    try:
        return mapping.parse(key).recording_id == recording_id
    except InvalidDocument:
        return False


def _contact_of(mapping: KeyMapping, key: str) -> str | None:
    try:
        return mapping.parse(key).contact_id
    except InvalidDocument:
        return None
