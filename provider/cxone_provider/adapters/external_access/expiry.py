"""When the vendor deletes an object. No I/O."""

from __future__ import annotations

import pendulum

from cxone_provider.adapters.external_access.settings import ExternalAccessSettings


def expiry_of(settings: ExternalAccessSettings, modified_at: pendulum.DateTime) -> pendulum.DateTime:
    """Return when an object that was put there at `modified_at` is deleted."""
    return modified_at.add(seconds=int(settings.expires_after.total_seconds()))
