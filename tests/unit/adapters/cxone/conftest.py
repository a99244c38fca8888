"""A scripted tenant on a free port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.cxone_tenant import ScriptedTenant


@pytest.fixture
def tenant() -> Iterator[ScriptedTenant]:
    """Return a tenant that is stopped after the test."""
    scripted = ScriptedTenant()
    with scripted.server:
        yield scripted
