"""Signatures are the ones that botocore makes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.s3.signing import Signer, query_text

AT = datetime(2026, 11, 23, 6, 0, 1, tzinfo=UTC)
PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)


def by_botocore(method: str, path: str, query: dict[str, str], headers: dict[str, str], keys: Any) -> str:
    url = f"https://{headers['host']}{path}" + (f"?{query_text(query)}" if query else "")
    request = AWSRequest(method, url, {name: value for name, value in headers.items() if name != "host"})
    request.context["client_config"] = type("Config", (), {"s3": {"payload_signing_enabled": False}})
    with patch("botocore.auth.get_current_datetime", lambda **_: AT.replace(tzinfo=None)):
        S3SigV4Auth(keys, "s3", "eu-central-1").add_auth(request)
    return str(request.headers["Authorization"])


@given(
    method=st.sampled_from(["GET", "PUT"]),
    key=st.text(min_size=1, max_size=30),
    query=st.dictionaries(PRINTABLE, PRINTABLE, max_size=3),
    headers=st.dictionaries(st.from_regex(r"x-amz-[a-z]{1,8}", fullmatch=True), PRINTABLE, max_size=4),
    secret=PRINTABLE,
    token=st.none() | PRINTABLE,
)
def test_a_signature_is_the_one_that_botocore_makes(
    method: str, key: str, query: dict[str, str], headers: dict[str, str], secret: str, token: str | None
) -> None:
    path = "/bucket/" + quote(key.encode("utf-8", "replace"), safe="/-_.~")
    told = {**headers, "host": "s3.example.com:8443", "content-type": "audio/mpeg"}
    keys: Any = ReadOnlyCredentials("AKIDEXAMPLE", secret, token)

    signed = Signer("eu-central-1").signed(method, path, query, told, keys, AT)

    assert signed["authorization"] == by_botocore(method, path, query, told, keys)


def test_the_day_and_the_secret_decide_the_key() -> None:
    signer = Signer("eu-central-1")
    keys: Any = ReadOnlyCredentials("AKIDEXAMPLE", "one", None)
    others: Any = ReadOnlyCredentials("AKIDEXAMPLE", "two", None)
    headers = {"host": "s3.example.com"}

    def signature(keys: Any, at: datetime) -> str:
        return signer.signed("GET", "/b/k", {}, headers, keys, at)["authorization"].rpartition("=")[2]

    made = [signature(keys, AT), signature(others, AT), signature(keys, AT.replace(day=24)), signature(keys, AT)]
    assert len(set(made)) == 3
    assert made[0] == made[3]


@pytest.mark.parametrize("secret", ["kept", "a/b+c="])
def test_the_key_is_not_shown(secret: str) -> None:
    signer = Signer("eu-central-1")
    keys: Any = ReadOnlyCredentials("AKIDEXAMPLE", secret, None)
    signer.signed("GET", "/b/k", {}, {"host": "h"}, keys, AT)
    assert secret not in repr(signer)
