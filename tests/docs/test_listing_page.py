"""The page on listings tells the truth: its code runs, its table of settings has them all, with their defaults."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from cxone_provider.adapters.cxone.listing_settings import ListingSettings
from cxone_provider.simulator import ApiSettings, Simulator
from tests.docs.snippets import ROOT, snippet

PAGE = (ROOT / "docs" / "listing.md").read_text(encoding="utf-8")


@pytest.mark.server
def test_the_plain_python_of_the_page_lists_a_day() -> None:
    namespace: dict[str, Any] = {}
    exec(snippet("docs/listing.md", "listing"), namespace)  # the document's own code is what is tested
    with Simulator(apis=ApiSettings(access_key_secret="a&b====")) as tenant:  # the simulator's
        tenant.add_contact("4711", started_at=datetime(2026, 11, 22, 8, tzinfo=UTC), contact_ids=["4711", "4712"])
        tenant.add_contact("4713", started_at=datetime(2026, 11, 23, 8, tzinfo=UTC))
        listed = namespace["recordings_of"](
            "2026-11-22",
            issuer=tenant.base_url,
            client_id=tenant.client_id,
            client_secret=tenant.client_secret,
            access_key_id=tenant.apis.access_key_id,
            access_key_secret="a&b====",  # the simulator's
        )
    assert [ref["recording_id"] for ref in listed] == ["4711"]


def test_the_page_has_every_setting() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named >= {one.name for one in fields(ListingSettings)}


def test_the_defaults_of_the_page_are_those_of_the_code() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]+)`? \|", PAGE, re.MULTILINE))
    settings = ListingSettings()
    for name in ("contacts_version", "page_size", "media_type_id", "order_by", "time_zone"):
        assert told[name].strip() == str(getattr(settings, name))
    for name in ("recorded_statuses", "unrecorded_statuses"):
        assert {word.lower() for word in json.loads(told[name])} == getattr(settings, name)
    assert (told["check_total"], told["whole_days"]) == ("true", "true")
