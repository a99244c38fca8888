"""What a connection may say of the vendor's bucket, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pendulum
import pytest

from cxone_provider.adapters.external_access.key_mapping import KeyMapping
from cxone_provider.adapters.external_access.settings import external_access_settings
from cxone_provider.archive.errors import InvalidSetting


def test_a_bucket_is_enough() -> None:
    settings = external_access_settings({"bucket": "vendor"})
    assert settings.mapping == KeyMapping("", "{contact_id}.{ext}")
    assert (settings.aws_conn_id, settings.report_unmatched, settings.denied_means_empty) == (
        "aws_default",
        True,
        False,
    )
    assert (settings.expires_after, settings.warn_before) == (pendulum.duration(days=30), pendulum.duration(days=5))
    assert settings.sidecar is None


def test_everything_can_be_said() -> None:
    settings = external_access_settings(
        {
            "bucket": "vendor", "prefix": "tenant 7/", "aws_conn_id": "vendor_aws",
            "key_template": "{contact_id}_{n}.wav",
            "unmatched": "ignore", "expires_after_days": 14, "warn_before_days": 2, "denied_means_empty": True,
            "sidecar": "{stem}_meta.csv", "sidecar_recorded_at": "start", "sidecar_duration_s": "length",
        }
    )  # fmt: skip
    assert settings.mapping == KeyMapping("tenant 7/", "{contact_id}_{n}.wav")
    assert (settings.aws_conn_id, settings.report_unmatched, settings.denied_means_empty) == ("vendor_aws", False, True)
    assert (settings.expires_after.in_days(), settings.warn_before.in_days()) == (14, 2)
    assert (settings.sidecar, settings.sidecar_recorded_at, settings.sidecar_duration_s) == (
        "{stem}_meta.csv", "start", "length",
    )  # fmt: skip


@pytest.mark.parametrize("empty", [None, ""])
def test_no_connection_leaves_credentials_to_boto3_and_other_empty_fields_are_absent(empty: str | None) -> None:
    settings = external_access_settings({"bucket": "vendor", "aws_conn_id": empty, "prefix": empty, "sidecar": empty})
    assert (settings.aws_conn_id, settings.mapping.prefix, settings.sidecar) == (None, "", None)


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({}, "bucket"),
        ({"bucket": "s3://vendor"}, "bucket"),
        ({"bucket": 7}, "bucket"),
        ({"bucket": "vendor", "prefx": "a"}, "unknown field"),
        ({"bucket": "vendor", "prefix": "/a"}, "prefix"),
        ({"bucket": "vendor", "prefix": "a\n"}, "prefix"),
        ({"bucket": "vendor", "prefix": "a" * 600}, "prefix"),
        ({"bucket": "vendor", "key_template": "{n}.mp4"}, "key_template"),
        ({"bucket": "vendor", "unmatched": "drop"}, "unmatched"),
        ({"bucket": "vendor", "expires_after_days": -1}, "expires_after_days"),
        ({"bucket": "vendor", "expires_after_days": True}, "expires_after_days"),
        ({"bucket": "vendor", "warn_before_days": "5"}, "warn_before_days"),
        ({"bucket": "vendor", "denied_means_empty": "yes"}, "denied_means_empty"),
        ({"bucket": "vendor", "sidecar": "metadata.json"}, "sidecar"),
        ({"bucket": "vendor", "sidecar": "{stem}.xml"}, "sidecar"),
        ({"bucket": "vendor", "sidecar": "{stem}/../x.json"}, "sidecar"),
        ({"bucket": "vendor", "sidecar_recorded_at": 7}, "sidecar_recorded_at"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(document: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidSetting, match=named):
        external_access_settings(document)
