"""All that the tenant speaks besides ``recording-v2``, put together: what they share, their dialects, one reset."""

from __future__ import annotations

from cxone_provider.simulator.access import AccessDesk, AccessKeys
from cxone_provider.simulator.dialect import Dialect
from cxone_provider.simulator.media import Media
from cxone_provider.simulator.playback import LinkDesk, MediaPlayback, MediaStore, Quota
from cxone_provider.simulator.settings import ApiSettings
from cxone_provider.simulator.tenant import Tenant


class Apis:
    """What the APIs of a real tenant keep while they run."""

    def __init__(self, settings: ApiSettings, tenant: Tenant) -> None:
        self._tenant = tenant
        self.access = AccessDesk(settings, tenant.tokens, tenant.clock)
        self.links = LinkDesk(tenant.clock, settings.link_ttl_s, settings.link_origin)
        self.quota = Quota(
            tenant.clock,
            settings.quota_requests,
            settings.quota_period_s,
            enforced=settings.quota_enforced,
            retry_after=settings.quota_retry_after,
        )
        self._playback = MediaPlayback(settings, tenant.tokens, tenant.contacts, self.links, self.quota)

    def dialects(self) -> list[Dialect]:
        """Return the dialects in the order in which they are asked."""
        store = MediaStore(self._tenant.contacts, self.links, self._tenant.clock, self._object)
        return [AccessKeys(self.access), self._playback, store]

    def reset(self) -> None:
        """Forget refresh tokens, links and counters."""
        self.access.reset()
        self.links.reset()
        self.quota.reset()

    def as_json(self) -> dict[str, object]:
        """Return what ``GET /_simulator/health`` says of the APIs."""
        return {"contacts": len(self._tenant.contacts.contacts()), "quota": self.quota.as_json()}

    def _object(self, key: str) -> tuple[str, Media] | None:
        """Return an object of the store that is no contact's media."""
        del key
        return None
