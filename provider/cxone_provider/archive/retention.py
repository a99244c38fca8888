"""How long a recording may not be removed: Object Lock by policy, for each recording by what is known of it.

A term is a moment, or a duration counted from the recording's own start. One term for everything, or one for each
value of a metadata field, e.g. ten years for complaints and seven for the rest. A recording that no term fits, or
whose term is over, is rejected: asked for a lock, the archive stores nothing without one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pendulum

from cxone_provider.archive.errors import InvalidInput, InvalidSetting, RecordingRejected
from cxone_provider.archive.policy import parse_retention
from cxone_provider.archive.recording import parse_time
from cxone_provider.archive.stored import ObjectLock

LOCK_MODES = frozenset({"GOVERNANCE", "COMPLIANCE"})
_KNOWN = frozenset({"field", "values", "default"})
_EXPECTED = (
    "ISO 8601: a time, or a duration such as P7Y from the recording's start; or "
    '{"field": …, "values": {value: time or duration}, "default": time or duration}'
)

Term = pendulum.DateTime | pendulum.Duration


@dataclass(frozen=True, slots=True)
class Retention:
    """Until when a recording is kept.

    Attributes:
        default: term of every recording that `values` does not name; None rejects those.
        by: name of the metadata field that decides; None where `default` does.
        values: terms by the field's value; what is no text there is compared as JSON writes it.
    """

    default: Term | None
    by: str | None = None
    values: Mapping[str, Term] = field(default_factory=dict)

    def end(
        self, recorded_at: pendulum.DateTime | None, metadata: Mapping[str, Any], now: pendulum.DateTime
    ) -> pendulum.DateTime:
        """Return the end of a recording's retention.

        Args:
            recorded_at: its start; None counts from `now`, which keeps it longer, never shorter.
            metadata: what source and listing know of it.
            now: the time at which it is archived.

        Raises:
            RecordingRejected: no term fits, or the term is over.
        """
        told = None if self.by is None else metadata.get(self.by)
        value = told if told is None or isinstance(told, str) else json.dumps(told)
        term = self.default if value is None else self.values.get(value, self.default)
        if term is None:
            raise RecordingRejected(
                f"no retention for this value of {self.by}", found=value, expected=", ".join(sorted(self.values)),
                hint="Name it under values, or give a default.",
            )  # fmt: skip
        end = term if isinstance(term, pendulum.DateTime) else (recorded_at or now) + term
        if end <= now:
            raise RecordingRejected(
                "the retention is over, so that no lock would hold", found=str(end), expected=f"later than {now}",
                hint="Archive it without Object Lock, or with a longer retention.",
            )  # fmt: skip
        return end


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """Which Object Lock each recording gets; :func:`lock_policy` makes checked ones.

    Attributes:
        mode: ``GOVERNANCE`` or ``COMPLIANCE``; None for a legal hold alone.
        retention: until when; set exactly when `mode` is.
        legal_hold: hold without an end.
    """

    mode: str | None = None
    retention: Retention | None = None
    legal_hold: bool = False

    def lock_of(
        self, recorded_at: pendulum.DateTime | None, metadata: Mapping[str, Any], now: pendulum.DateTime
    ) -> ObjectLock:
        """Return the lock of one recording's objects; arguments and errors are those of :meth:`Retention.end`."""
        until = None if self.retention is None else self.retention.end(recorded_at, metadata, now)
        return ObjectLock(self.mode, until, self.legal_hold)


def lock_policy(
    *, object_lock_mode: str | None, retain_until: object, legal_hold: bool, now: pendulum.DateTime
) -> LockPolicy | None:
    """Make a policy of what a person wrote; None where nothing is asked for.

    Args:
        object_lock_mode: ``GOVERNANCE`` or ``COMPLIANCE``; goes with `retain_until`.
        retain_until: see :func:`parse_retain_until`.
        legal_hold: hold without an end.
        now: a fixed end must lie after it.

    Raises:
        InvalidSetting: something that Object Lock cannot mean.
    """
    retention = parse_retain_until(retain_until)
    if object_lock_mode is not None and object_lock_mode not in LOCK_MODES:
        raise InvalidSetting("object_lock_mode", found=object_lock_mode, expected="GOVERNANCE or COMPLIANCE")
    if (object_lock_mode is None) != (retention is None):
        raise InvalidSetting(
            "object_lock_mode and retain_until go together",
            found={"object_lock_mode": object_lock_mode, "retain_until": str(retain_until)},
        )
    for term in () if retention is None else (retention.default, *retention.values.values()):
        if isinstance(term, pendulum.DateTime) and term <= now:
            raise InvalidSetting("retain_until is over already", found=str(term), expected="a time that lies ahead")
    if retention is None and not legal_hold:
        return None
    return LockPolicy(object_lock_mode, retention, legal_hold)


def parse_retain_until(value: object) -> Retention | None:
    """Return the retention that a setting means; None for None.

    Args:
        value: a time; a duration, counted from the recording's start; or a mapping with `field`, `values` (times or
            durations by the field's value) and `default` (one of them; without it, other values are rejected).

    Raises:
        InvalidSetting: none of these.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return Retention(_term(value))
    name, values = value.get("field"), value.get("values")
    if value.keys() - _KNOWN or not isinstance(name, str) or not name or not isinstance(values, Mapping) or not values:
        raise InvalidSetting("unusable retain_until", found=dict(value), expected=_EXPECTED)
    default = value.get("default")
    terms = {str(told): _term(term) for told, term in values.items()}
    return Retention(None if default is None else _term(default), name, terms)


def _term(value: object) -> Term:
    lasting = isinstance(value, timedelta) or (isinstance(value, str) and value.strip().startswith("P"))
    try:
        term = parse_retention(value) if lasting else parse_time(value, "retain_until")
    except InvalidInput as error:
        raise InvalidSetting("unusable retain_until", found=str(value), expected=_EXPECTED) from error
    if term is None:
        raise InvalidSetting("unusable retain_until", found=str(value), expected=_EXPECTED)
    return term
