"""Keys: inside the prefix, injective, dated by the recording's own start."""

from __future__ import annotations

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.errors import InvalidInput, InvalidSetting
from cxone_provider.archive.keys import ArchiveLayout, object_name, recording_id_of, split_uri

LAYOUT = ArchiveLayout("archive", "cxone")


def test_keys_lie_where_the_contract_says() -> None:
    at = pendulum.datetime(2026, 11, 22, 23, 30, tz="America/New_York")
    assert LAYOUT.media_key("a.1", at, "mp3") == "cxone/recordings/date=2026-11-23/a.1.mp3"
    assert LAYOUT.media_key("a", None, "wav") == "cxone/recordings/date=unknown/a.wav"
    assert LAYOUT.audit_key("a") == "cxone/audit/a.jsonl"
    assert LAYOUT.manifest_key("a") == "cxone/manifests/a.json"
    assert LAYOUT.receipt_key("a") == "cxone/receipts/a.json"
    assert LAYOUT.run_key(pendulum.date(2026, 11, 22), "manual__2026-11-22T00:00:00+00:00") == (
        "cxone/runs/date=2026-11-22/manual__2026-11-22T00%3A00%3A00%2B00%3A00.jsonl"
    )
    assert ArchiveLayout("archive").manifest_key("a") == "manifests/a.json"


@given(
    st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=24), min_size=2, max_size=2, unique=True)
)
def test_two_recordings_never_share_a_key(ids: list[str]) -> None:
    one, other = ids
    assert object_name(one) != object_name(other)
    assert f"{object_name(one)}.mp3" != f"{object_name(other)}.wav"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_a_key_stays_under_the_prefix_whatever_the_id(recording_id: str) -> None:
    key = LAYOUT.manifest_key(recording_id)
    assert key.startswith("cxone/manifests/")
    assert key.count("/") == 2
    assert key.split("/")[-1] not in {".", ".."}
    assert key.isascii()
    assert len(key) <= 1024
    assert recording_id_of(object_name(recording_id)) == recording_id


@pytest.mark.parametrize("prefix", ["../x", "a/../b", "a//b", ".", "a\nb", "x" * 600, "a\\b"])
def test_a_prefix_that_could_escape_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidSetting, match="s3_prefix"):
        ArchiveLayout("archive", prefix)


@pytest.mark.parametrize("bucket", ["", "a/b", "a\n"])
def test_a_bucket_is_a_name_alone(bucket: str) -> None:
    with pytest.raises(InvalidSetting, match="s3_bucket"):
        ArchiveLayout(bucket)


def test_an_uri_splits_at_the_bucket_whatever_the_key_holds() -> None:
    assert split_uri("s3://b/k/a?x#y%2E") == ("b", "k/a?x#y%2E")


@pytest.mark.parametrize("uri", ["", "s3://", "s3://b", "s3://b/", "https://b/k", "b/k"])
def test_what_is_no_s3_uri_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput, match="S3 URI"):
        split_uri(uri)
