from __future__ import annotations

import pytest

from cxone_provider.links.archive import Endpoint

pytestmark = pytest.mark.airflow
OBJECT_OF_ARCHIVE = "https://console.aws.amazon.com/s3/object/archive"
ONE = ["s3://archive/p/recordings/date=2026-11-22/call 1+2.mp3"]
TWO = ["s3://archive/p/recordings/date=2026-11-22/a.mp3", "s3://archive/p/recordings/date=2026-11-21/b.mp3"]


@pytest.mark.parametrize(
    ("endpoint", "uris", "address"),
    [
        (
            Endpoint("https://s3.eu-west-3.amazonaws.com", "eu-west-3"),
            ONE,
            f"{OBJECT_OF_ARCHIVE}?region=eu-west-3&prefix=p%2Frecordings%2Fdate%3D2026-11-22%2Fcall+1%2B2.mp3",
        ),
        (
            Endpoint("https://s3.eu-west-3.amazonaws.com", "eu-west-3"),
            TWO,
            "https://console.aws.amazon.com/s3/buckets/archive?region=eu-west-3&prefix=p%2Frecordings%2F",
        ),
        (
            Endpoint("https://s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ["s3://archive/a"],
            "https://console.amazonaws.cn/s3/object/archive?region=cn-north-1&prefix=a",
        ),
        (
            Endpoint("https://s3.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ["s3://archive/a"],
            "https://console.amazonaws-us-gov.com/s3/object/archive?region=us-gov-west-1&prefix=a",
        ),
        (
            Endpoint("http://10.0.0.5:8333/", None),
            ONE,
            "http://10.0.0.5:8333/archive/p/recordings/date%3D2026-11-22/call%201%2B2.mp3",
        ),
        (Endpoint("https://amazonaws.com.example", None), ["s3://b/k"], "https://amazonaws.com.example/b/k"),
        (Endpoint("http://10.0.0.5:8333", None), TWO, "http://10.0.0.5:8333/archive/?prefix=p%2Frecordings%2F"),
        (Endpoint("http://10.0.0.5:8333", None), [], ""),
    ],
)
def test_a_link_leads_to_the_console_or_to_the_server(endpoint: Endpoint, uris: list[str], address: str) -> None:
    assert endpoint.address_of(uris) == address
