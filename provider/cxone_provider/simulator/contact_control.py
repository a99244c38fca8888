"""The side of the simulator that tests of a real tenant's APIs steer: contacts, links, quota."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cxone_provider.simulator.apis import Apis
from cxone_provider.simulator.contacts.model import (
    INBOUND,
    UNTOLD_START,
    Contact,
    FaultDocuments,
    Interaction,
    Refusal,
)
from cxone_provider.simulator.playback import Quota
from cxone_provider.simulator.tenant import Tenant


class ContactControl:
    """What :class:`.Simulator` offers for contacts."""

    _tenant: Tenant
    _apis: Apis

    @property
    def quota(self) -> Quota:
        """The Media Playback quota: ``used``, ``refused``, ``most_in_window``, ``timeline``."""
        return self._apis.quota

    @property
    def download_quota(self) -> Quota:
        """The Media Download quota."""
        return self._apis.download_quota

    def downloaded(self, request_id: str) -> dict[str, bytes]:
        """Return the files of a download that has ended, by key, to put them where an ``s3://`` URI leads."""
        return self._apis.downloads.files(request_id)

    def add_contact(  # noqa: PLR0913  # one keyword for each field of a contact
        self,
        contact_id: str,
        interactions: Sequence[Interaction] = (),
        *,
        contact_ids: Sequence[str] = (),
        started_at: datetime = UNTOLD_START,
        duration_s: float | None = None,
        agent_id: str = "1001",
        agent_name: str = "Sam Agent",
        skill: str = "Support",
        direction: str = INBOUND,
        disposition: str = "",
        ani: str = "+15550100",
        dnis: str = "+15550199",
        is_logged: bool = True,
        listed_at: datetime | None = None,
        available_at: datetime | None = None,
        refusal: Refusal | None = None,
        faults: FaultDocuments = (),
    ) -> None:
        """Add a contact, or replace the one with its id; :class:`.Contact` says what each field means.

        Raises:
            ScenarioError: an id, a format, a state, a size or a fault that makes no sense.
        """
        contact = Contact(
            contact_id=contact_id,
            interactions=interactions,
            contact_ids=contact_ids,
            started_at=started_at,
            duration_s=duration_s,
            agent_id=agent_id,
            agent_name=agent_name,
            skill=skill,
            direction=direction,
            disposition=disposition,
            ani=ani,
            dnis=dnis,
            is_logged=is_logged,
            listed_at=listed_at,
            available_at=available_at,
            refusal=refusal,
            faults=faults,
        )
        self._tenant.contacts.add(contact)

    def expire_links(self) -> int:
        """Make every media link that was given out so far expire now; return how many there were."""
        return self._apis.links.expire_all()
