"""Settings: what a person may write, and what is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pendulum
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.s3 import StoreSettings, store_settings, tuned_client_config
from cxone_provider.adapters.s3.settings import MAX_METADATA_BYTES, checked_metadata
from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.ports import ObjectLock

UNTIL = pendulum.datetime(2033, 1, 1)


def test_the_default_asks_for_nothing_but_checksums_and_conditions() -> None:
    assert store_settings() == StoreSettings()
    assert store_settings(encryption="", object_lock_mode="", retain_until="", storage_class="") == StoreSettings()


@pytest.mark.parametrize(
    ("given_settings", "expected"),
    [
        ({"encryption": "SSE-S3"}, StoreSettings(encryption="SSE-S3")),
        ({"encryption": {"type": "SSE-S3"}}, StoreSettings(encryption="SSE-S3")),
        ({"encryption": "SSE-KMS"}, StoreSettings(encryption="SSE-KMS")),
        (
            {"encryption": {"type": "SSE-KMS", "key_id": "arn:aws:kms:eu-west-1:1:key/a", "bucket_key": True}},
            StoreSettings(encryption="SSE-KMS", kms_key_id="arn:aws:kms:eu-west-1:1:key/a", bucket_key=True),
        ),
        ({"legal_hold": True}, StoreSettings(lock=ObjectLock(legal_hold=True))),
        (
            {"object_lock_mode": "GOVERNANCE", "retain_until": "2033-01-01T00:00:00Z"},
            StoreSettings(lock=ObjectLock("GOVERNANCE", UNTIL)),
        ),
        (
            {"object_lock_mode": "COMPLIANCE", "retain_until": UNTIL, "legal_hold": True},
            StoreSettings(lock=ObjectLock("COMPLIANCE", UNTIL, legal_hold=True)),
        ),
        (
            {"checksum": "none", "conditional_writes": "emulated"},
            StoreSettings(None, checksum="none", conditional_writes="emulated"),
        ),
        ({"storage_class": "GLACIER_IR"}, StoreSettings(storage_class="GLACIER_IR")),
        ({"expected_bucket_owner": "123456789012"}, StoreSettings(expected_bucket_owner="123456789012")),
        ({"tags": {"retain": "7 y", "a:b/c@d": ""}}, StoreSettings(tags={"retain": "7 y", "a:b/c@d": ""})),
    ],
)
def test_what_a_person_may_write(given_settings: dict[str, Any], expected: StoreSettings) -> None:
    assert store_settings(**given_settings) == expected


@pytest.mark.parametrize(
    "unusable",
    [
        {"encryption": "AES256"},
        {"encryption": "sse-s3"},
        {"encryption": {"key_id": "a"}},
        {"encryption": {"type": "SSE-S3", "key_id": "a"}},
        {"encryption": {"type": "SSE-S3", "bucket_key": True}},
        {"encryption": {"type": "SSE-KMS", "keyid": "a"}},
        {"encryption": {"type": "SSE-KMS", "key_id": "a\r\nb"}},
        {"encryption": {"type": "SSE-KMS", "key_id": 7}},
        {"encryption": {"type": "SSE-KMS", "bucket_key": "yes"}},
        {"object_lock_mode": "GOVERNANCE"},
        {"retain_until": "2033-01-01"},
        {"object_lock_mode": "governance", "retain_until": "2033-01-01"},
        {"object_lock_mode": "COMPLIANCE", "retain_until": "never"},
        {"object_lock_mode": "COMPLIANCE", "retain_until": 2033},
        {"checksum": "crc32"},
        {"conditional_writes": "yes"},
        {"storage_class": "GLACIER"},
        {"storage_class": "DEEP_ARCHIVE"},
        {"storage_class": "standard"},
        {"expected_bucket_owner": "12345678901"},
        {"expected_bucket_owner": "\u0661" * 12},
        {"tags": {f"t{n}": "v" for n in range(11)}},
        {"tags": {"": "v"}},
        {"tags": {"n" * 129: "v"}},
        {"tags": {"n": "v" * 257}},
        {"tags": {"aws:x": "v"}},
        {"tags": {"n": "a&b=c"}},
        {"tags": {"n": "line\nbreak"}},
        {"tags": {"n": 7}},
    ],
    ids=str,
)
def test_what_is_refused(unusable: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        store_settings(**unusable)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=12))
def test_metadata_that_passes_can_travel_in_headers(metadata: dict[str, str]) -> None:
    try:
        checked = checked_metadata(metadata)
    except InvalidSetting:
        return
    assert list(checked.values()) == list(metadata.values())
    for name, value in checked.items():
        line = f"x-amz-meta-{name}: {value}"
        assert line.isascii()
        assert line.isprintable()
        assert value == value.strip()
    assert sum(map(len, [*checked, *checked.values()])) <= MAX_METADATA_BYTES


@pytest.mark.parametrize(
    "metadata", [{"a b": "c"}, {"": "c"}, {"a": " c"}, {"a": "c\t"}, {"a": "v" * 2048}, {"é": "c"}]
)
def test_metadata_that_cannot_travel_is_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(InvalidSetting):
        checked_metadata(metadata)


def option(config: Config, name: str) -> Any:
    return getattr(config, name)


def test_the_client_has_a_connection_for_every_worker_and_leaves_checksums_alone() -> None:
    config = tuned_client_config(concurrency=16)

    assert option(config, "max_pool_connections") >= 16
    assert option(config, "request_checksum_calculation") == "when_required"
    assert option(config, "response_checksum_validation") == "when_required"
    assert option(config, "s3") == {"payload_signing_enabled": False}
    assert option(config, "retries")["total_max_attempts"] == 1


def test_what_the_user_configured_wins_and_the_rest_stays() -> None:
    user = Config(read_timeout=5, s3={"addressing_style": "path"}, proxies={"https": "http://proxy:3128"})

    config = tuned_client_config(user=user)

    assert option(config, "read_timeout") == 5
    assert option(config, "proxies") == {"https": "http://proxy:3128"}
    assert option(config, "s3") == {"payload_signing_enabled": False, "addressing_style": "path"}
    assert option(config, "request_checksum_calculation") == "when_required"


def test_a_user_can_have_payloads_signed() -> None:
    config = tuned_client_config(user=Config(s3={"payload_signing_enabled": True}))

    assert option(config, "s3") == {"payload_signing_enabled": True}


def test_without_checksums_signing_is_left_to_botocore() -> None:
    assert option(tuned_client_config(checksum="none"), "s3") is None
