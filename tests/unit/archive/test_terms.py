from __future__ import annotations

from typing import Any

import pytest

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.terms import MEDIA_PLAYBACK, RECORDING_V2, Allowance, Terms, terms_of


def test_the_vendor_s_quota_is_43_200_a_day() -> None:
    assert Allowance().per_day == 43_200
    assert Allowance().hours(1800) == 1.0


@pytest.mark.parametrize(
    ("extra", "terms"),
    [
        ({}, Terms(RECORDING_V2, None)),
        ({"api": None, "period_s": ""}, Terms(RECORDING_V2, None)),
        ({"requests_per_period": 10}, Terms(RECORDING_V2, Allowance(10, 300))),
        ({"api": "media-playback"}, Terms(MEDIA_PLAYBACK, Allowance(150, 300))),
        ({"api": "secure-external-access", "requests_per_period": 5}, Terms("secure-external-access", None)),
        (
            {"api": "media-playback", "requests_per_period": "600", "period_s": "60"},
            Terms(MEDIA_PLAYBACK, Allowance(600, 60)),
        ),
    ],
)
def test_a_connection_states_its_terms(extra: dict[str, Any], terms: Terms) -> None:
    assert terms_of(extra) == terms


def test_media_of_media_playback_come_past_the_quota() -> None:
    assert Terms(RECORDING_V2).every_request_counts
    assert not Terms(MEDIA_PLAYBACK).every_request_counts


@pytest.mark.parametrize(
    ("extra", "cause"),
    [
        ({"api": "soap"}, "connection field api"),
        ({"requests_per_period": 0}, "requests_per_period"),
        ({"requests_per_period": 1.5}, "requests_per_period"),
        ({"requests_per_period": True}, "requests_per_period"),
        ({"requests_per_period": "many"}, "requests_per_period"),
        ({"requests_per_period": "[" * 100_000}, "requests_per_period"),
        ({"requests_per_period": 10, "period_s": 0}, "period_s"),
        ({"requests_per_period": 10, "period_s": "NaN"}, "period_s"),
        ({"requests_per_period": 10, "period_s": 90_000}, "period_s"),
    ],
)
def test_terms_that_make_no_sense_are_refused(extra: dict[str, Any], cause: str) -> None:
    with pytest.raises(InvalidSetting, match=cause):
        terms_of(extra)
