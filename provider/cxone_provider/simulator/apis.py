"""All that the tenant speaks besides ``recording-v2``, put together: what they share, their dialects, one reset."""

from __future__ import annotations

from cxone_provider.simulator.access import AccessDesk, AccessKeys
from cxone_provider.simulator.bulk import Downloads, MediaDownload
from cxone_provider.simulator.dialect import Dialect
from cxone_provider.simulator.listing import CompletedContacts, DataExtraction, ExtractionJobs
from cxone_provider.simulator.playback import LinkDesk, MediaPlayback, MediaStore, Quota, StoredObject
from cxone_provider.simulator.settings import ApiSettings
from cxone_provider.simulator.tenant import Tenant


class Apis:
    """What the APIs of a real tenant keep while they run."""

    def __init__(self, settings: ApiSettings, tenant: Tenant) -> None:
        self._settings = settings
        self._tenant = tenant
        self.access = AccessDesk(settings, tenant.tokens, tenant.clock)
        self.links = LinkDesk(tenant.clock, settings.link_ttl_s, settings.link_origin)
        self.quota = self._quota(settings.quota_requests)
        self.download_quota = self._quota(settings.download_requests)
        self.jobs = ExtractionJobs(settings, tenant.contacts, tenant.clock)
        self.downloads = Downloads(settings, tenant.contacts, tenant.clock)

    def dialects(self) -> list[Dialect]:
        """Return the dialects in the order in which they are asked."""
        settings, tokens, contacts = self._settings, self._tenant.tokens, self._tenant.contacts
        return [
            AccessKeys(self.access),
            MediaPlayback(settings, tokens, contacts, self.links, self.quota),
            CompletedContacts(settings, tokens, contacts),
            DataExtraction(settings, tokens, self.jobs, self.links),
            MediaDownload(settings, tokens, self.downloads, self.links, self.download_quota),
            MediaStore(contacts, self.links, self._tenant.clock, self._stored),
        ]

    def reset(self) -> None:
        """Forget refresh tokens, links, jobs, downloads and counters."""
        for part in (self.access, self.links, self.quota, self.download_quota, self.jobs, self.downloads):
            part.reset()

    def as_json(self) -> dict[str, object]:
        """Return what ``GET /_simulator/health`` says of the APIs."""
        return {
            "contacts": len(self._tenant.contacts.contacts()),
            "quota": self.quota.as_json(),
            "download_quota": self.download_quota.as_json(),
            "extraction_jobs": self.jobs.posted,
        }

    def _stored(self, key: str) -> StoredObject | None:
        return self.jobs.stored(key) or self.downloads.stored(key)

    def _quota(self, limit: int) -> Quota:
        return Quota(
            self._tenant.clock,
            limit,
            self._settings.quota_period_s,
            enforced=self._settings.quota_enforced,
            retry_after=self._settings.quota_retry_after,
        )
