"""The pages of real-world set-ups: what they tell people to type is taken."""

from __future__ import annotations

import json

from cxone_provider.adapters.cxone.settings import Api, settings_of
from tests.docs.snippets import snippet


def test_the_connection_of_a_real_tenant_is_one_that_is_taken() -> None:
    extra = json.loads(snippet("docs/setups/media-playback.md", "extra"))
    settings = settings_of("", "client", "secret", extra)
    assert (settings.api, settings.quota.task_requests) == (Api.MEDIA_PLAYBACK, 37)
    assert settings.base_url == "https://cxone.niceincontact.com"
