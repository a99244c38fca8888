"""What a connection may say of Media Download, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from cxone_provider.adapters.cxone.quota import Quota
from cxone_provider.adapters.external_access.key_mapping import KeyMapping
from cxone_provider.adapters.media_download.settings import LinkFields, Location, media_download_settings
from cxone_provider.archive.errors import InvalidSetting


def test_nothing_said_is_fifteen_requests_in_five_minutes_and_no_place_to_read_from() -> None:
    settings = media_download_settings({})
    assert settings.quota == Quota(15, 300.0, 1)
    assert settings.status_counts
    assert (settings.location, settings.bucket) == (Location.S3, None)


def test_a_bucket_is_read_by_a_key_template_of_its_own() -> None:
    settings = media_download_settings({"bucket": "exports", "aws_conn_id": "vendor", "location": "s3"})
    assert settings.bucket is not None
    assert (settings.bucket.bucket, settings.bucket.aws_conn_id) == ("exports", "vendor")
    assert settings.bucket.mapping == KeyMapping("", "{contact_id}/{any}.{ext}")


def test_everything_else_can_be_said() -> None:
    settings = media_download_settings(
        {
            "requests_per_period": 30, "period_s": 60, "parallel_tasks": 2, "status_counts": False, "location": "links",
            "files_field": "media", "entity_field": "id", "name_field": "file", "url_field": "href",
            "request_fields": {"mediaType": "voice"},
        }
    )  # fmt: skip
    assert (settings.quota, settings.status_counts) == (Quota(30, 60, 2), False)
    assert (settings.location, settings.links) == (Location.LINKS, LinkFields("media", "id", "file", "href"))
    assert settings.request_fields == {"mediaType": "voice"}


@pytest.mark.parametrize(
    "document",
    [
        {"buckets": "x"}, {"requests_per_period": 0}, {"requests_per_period": "15"}, {"period_s": 0},
        {"period_s": True},
        {"parallel_tasks": 16}, {"status_counts": "perhaps"}, {"location": "ftp"}, {"bucket": "s3://x"},
        {"bucket": "exports", "key_template": "{any}"}, {"url_field": 7}, {"failure_reasons": {"X": "ARCHIVED"}},
        {"failure_reasons": "X"}, {"request_fields": {"entityIds": []}}, {"request_fields": {"a b": 1}},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        media_download_settings(document)
