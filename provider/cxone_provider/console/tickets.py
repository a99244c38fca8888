"""Signed, short-lived words between the console and its own pages: against forged posts, and for listening.

Signed with Airflow's ``[api] secret_key``, which all API servers of a deployment share; each kind has its own salt.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from itsdangerous import BadSignature, URLSafeTimedSerializer

CSRF_MAX_AGE_S = 12 * 3600
MEDIA_MAX_AGE_S = 15 * 60
_CSRF_SALT, _MEDIA_SALT = "cxone-console-csrf/1", "cxone-console-media/1"


@dataclass(frozen=True, slots=True)
class MediaTicket:
    """One person's leave to hear one version of one recording.

    Attributes:
        user: id of the person.
        recording_id, key, version_id, size_bytes, media_type: what may be heard.
    """

    user: str
    recording_id: str
    key: str
    version_id: str | None
    size_bytes: int
    media_type: str


class Tickets:
    """Signs and checks.

    Args:
        secret: the deployment's.
    """

    def __init__(self, secret: str) -> None:
        self._csrf = URLSafeTimedSerializer(secret, salt=_CSRF_SALT)
        self._media = URLSafeTimedSerializer(secret, salt=_MEDIA_SALT)

    def csrf(self, user: str) -> str:
        """Return what a page of `user` sends with every post."""
        return str(self._csrf.dumps(user))

    def is_csrf(self, token: str, user: str) -> bool:
        """Tell whether `token` was given to this very user, not too long ago."""
        try:
            return bool(self._csrf.loads(token, max_age=CSRF_MAX_AGE_S) == user)
        except BadSignature:
            return False

    def media(self, ticket: MediaTicket) -> str:
        """Return a ticket as it goes into an address."""
        return str(self._media.dumps(asdict(ticket)))

    def opened(self, text: str, user: str) -> MediaTicket | None:
        """Return a ticket that holds and is this user's own, else None."""
        try:
            ticket = MediaTicket(**self._media.loads(text, max_age=MEDIA_MAX_AGE_S))
        except (BadSignature, TypeError):
            return None
        return ticket if ticket.user == user else None
