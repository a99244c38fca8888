"""What can go wrong while a tenant is asked which recordings it has; a branch of the tree in :mod:`.errors`.

::

    SourceError
    └── ListingFailed
        ├── ListingUnstable             + pages did not add up to what the tenant counted
        ├── JobRefused                  + every post of it was refused, too early or for good
        ├── JobFailed                   + the tenant could not make the listing
        ├── JobCancelled                + somebody stopped it
        ├── JobExpired                  + its result is gone
        ├── JobUnknown                  + the tenant does not know the job
        └── JobOverdue                  + it still runs when the wait is over

``+`` marks what another try can mend: it goes on with a job that runs, and asks for another one where it ended.
"""

from __future__ import annotations

from cxone_provider.archive.errors import SourceError


class ListingFailed(SourceError):
    """A tenant did not say which recordings there are."""

    retryable = True


class ListingUnstable(ListingFailed):
    """The pages of a listing hold fewer contacts than the tenant counted, also when it was read again."""


class JobRefused(ListingFailed):
    """403 to every post of a job: others post all the time, or this user may not; the tenant does not say which."""


class JobFailed(ListingFailed):
    """The tenant says that the job failed; `found` is its reason."""


class JobCancelled(ListingFailed):
    """The tenant says that the job was cancelled."""


class JobExpired(ListingFailed):
    """The tenant says that the job's result is not kept any more."""


class JobUnknown(ListingFailed):
    """The tenant has no job of this id."""


class JobOverdue(ListingFailed):
    """The job still ran when the wait for it was over."""
