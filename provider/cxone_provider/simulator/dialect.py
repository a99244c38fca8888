"""Where an API plugs in: a dialect maps requests to endpoints, an exchange is what endpoint and faults share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from cxone_provider.simulator.answer import Answer
from cxone_provider.simulator.request import Request

if TYPE_CHECKING:  # faults are written in terms of this module
    from cxone_provider.simulator.faults.fault import Fault


class Endpoint(StrEnum):
    """What a request is for; faults are aimed at these."""

    TOKEN = "token"  # noqa: S105  # the name of an endpoint
    METADATA = "metadata"
    MEDIA = "media"
    DISCOVERY = "discovery"
    LISTING = "listing"
    BULK = "bulk"
    WEBHOOK = "webhook"


class Changeable(Protocol):
    """The side of a recording that faults touch."""

    def change_entity(self, size_change_bytes: int) -> None:
        """Make the recording another version."""
        ...


class Subject(Changeable, Protocol):
    """What a request is about: a recording or a contact, with faults of its own."""

    def striking(self, endpoint: Endpoint, request: Request) -> list[Fault]:
        """Count the request and return the subject's faults that strike it."""
        ...


class Revocable(Protocol):
    """The side of the token desk that faults touch."""

    def revoke(self, authorization: str | None) -> None:
        """Make one token worthless."""
        ...

    def revoke_all(self) -> int:
        """Make every token worthless."""
        ...


@dataclass(slots=True)
class Exchange:
    """One request on its way through faults and endpoint.

    Attributes:
        request: as the endpoint will see it; faults replace it before the endpoint answers.
        recording: the recording it names, if there is one.
        received_at: by the simulator's clock.
    """

    request: Request
    endpoint: Endpoint
    recording: Changeable | None
    tokens: Revocable
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request leads.

    Attributes:
        recording_id: decoded, or None for endpoints without one.
        respond: makes the answer from the request as the faults left it.
        subject: whose faults strike; None is the recording with that id.
    """

    endpoint: Endpoint
    recording_id: str | None
    respond: Callable[[Request], Answer]
    subject: Subject | None = None


class Dialect(Protocol):
    """One way the tenant speaks. Another API is another class with this method, given to the application."""

    def route(self, request: Request) -> Route | None:
        """Return where the request leads, or None when it is not of this dialect."""
        ...
