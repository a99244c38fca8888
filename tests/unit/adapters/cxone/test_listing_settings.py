from __future__ import annotations

from typing import Any

import pytest

from cxone_provider.adapters.cxone.listing_settings import ListingSettings
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.archive.errors import InvalidSetting


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"contacts_version": "v31.0"}, {"contacts_version": "31.0"}),
        ({"contacts_version": 31}, {"contacts_version": "31.0"}),
        ({"contacts_version": 24.0}, {"contacts_version": "24.0"}),
        ({"page_size": "500"}, {"page_size": 500}),
        ({"media_type_id": 3}, {"media_type_id": "3"}),
        ({"media_type_id": "All"}, {"media_type_id": None}),
        ({"order_by": "lastUpdateTime asc"}, {"order_by": "lastUpdateTime asc"}),
        ({"order_by": "none"}, {"order_by": None}),
        ({"check_total": "False"}, {"check_total": False}),
        ({"entity_version": 12}, {"entity_version": "12"}),
        ({"whole_days": False}, {"whole_days": False}),
        ({"recorded_statuses": ["OK ", "Done"]}, {"recorded_statuses": frozenset({"ok", "done"})}),
        ({"unrecorded_statuses": "No media"}, {"unrecorded_statuses": frozenset({"no media"})}),
        ({"time_zone": "America/Denver"}, {"time_zone": "America/Denver"}),
        ({"time_format": "%d.%m.%Y"}, {"time_format": "%d.%m.%Y"}),
        ({"page_size": None, "time_format": ""}, {}),
    ],
)
def test_what_a_tenant_wants_is_read(given: dict[str, Any], read: dict[str, Any]) -> None:
    settings = ListingSettings().changed(given)
    defaults = ListingSettings()
    names = [name for name in ListingSettings.__slots__ if getattr(settings, name) != getattr(defaults, name)]
    assert {name: getattr(settings, name) for name in names} == read


@pytest.mark.parametrize(
    "given",
    [
        {"contacts_version": "newest"}, {"contacts_version": "27.0/../x"}, {"contacts_version": True},
        {"contacts_version": []}, {"page_size": 0}, {"page_size": 1}, {"page_size": 10_001}, {"page_size": "many"},
        {"page_size": True}, {"page_size": 2.5}, {"media_type_id": "voice"}, {"media_type_id": True},
        {"order_by": "a; drop"}, {"order_by": "a b c"}, {"check_total": "maybe"}, {"check_total": 1},
        {"entity_name": "a/b"}, {"entity_name": True}, {"entity_version": "7&x=1"}, {"entity_version": [7]},
        {"whole_days": "yes"}, {"recorded_statuses": [1]}, {"recorded_statuses": {"a": 1}}, {"recorded_statuses": [""]},
        {"unrecorded_statuses": ["x" * 101]}, {"time_zone": "Mars/Olympus"}, {"time_zone": "../etc"},
        {"time_format": "ISO"}, {"time_format": 5}, {"time_format": "%d\n"}, {"pagesize": 5},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match="listing") as caught:
        ListingSettings().changed(given)
    assert next(iter(given)) in str(caught.value)


def test_a_connection_has_them_and_an_operator_changes_some() -> None:
    extra = {"listing": {"contacts_version": "31.0", "page_size": 50}}
    listing = settings_of("https://api.example.com", "id", "secret", extra).listing
    assert (listing.contacts_version, listing.page_size) == ("31.0", 50)
    assert listing.changed({"page_size": "70"}) == ListingSettings(contacts_version="31.0", page_size=70)


def test_a_connection_whose_listing_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="page_size"):
        settings_of("https://api.example.com", "id", "secret", {"listing": '{"page_size": 0}'})
