"""Patterns of hosts: what they let through, and what only looks as if they did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.cxone.media_hosts import DEFAULT_MEDIA_HOSTS, VENDOR_HOSTS, MediaHosts
from cxone_provider.adapters.cxone.origins import BaseUrl, HostPatterns, parse_base_url

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("pattern", "host", "through"),
    [
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "A.Example.COM.", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", ".example.com", False),
        ("*.example.com", "a..example.com", False),
        ("*.example.com", ".a.example.com", False),
        ("*.example.com", "aexample.com", False),
        ("*.example.com", "example.com.evil", False),
        ("*.example.com", "a.example.com.evil.net", False),
        ("*.example.com", "", False),
        ("a.example.com", "a.example.com", True),
        ("a.example.com", "b.a.example.com", False),
        ("s3.*.amazonaws.com", "s3.eu-west-1.amazonaws.com", True),
        ("s3.*.amazonaws.com", "s3.a.b.amazonaws.com", False),
        ("s3.*.amazonaws.com", "evil.s3.eu-west-1.amazonaws.com", False),
        ("*.s3.*.amazonaws.com", "bucket.s3.eu-west-1.amazonaws.com", True),
        ("*.s3.*.amazonaws.com", "a.dotted.bucket.s3.eu-west-1.amazonaws.com", True),
        ("*.s3.*.amazonaws.com", "s3.eu-west-1.amazonaws.com", False),
        ("localhost", "localhost", True),
    ],
)
def test_a_pattern_lets_through_what_it_says(pattern: str, host: str, through: bool) -> None:
    assert HostPatterns.parse([pattern], "x").match(host) is through


@given(st.lists(LABEL, min_size=1, max_size=4), st.lists(LABEL, min_size=2, max_size=4))
def test_a_leading_star_is_every_name_below(below: list[str], suffix: list[str]) -> None:
    patterns = HostPatterns.parse([".".join(["*", *suffix])], "x")
    assert patterns.match(".".join([*below, *suffix]))
    assert not patterns.match("".join(below) + ".".join(suffix)) or len(suffix) > 2


@pytest.mark.parametrize(
    "host",
    [
        "bucket.s3.amazonaws.com", "bucket.s3.us-west-2.amazonaws.com", "s3.us-west-2.amazonaws.com",
        "bucket.s3.dualstack.eu-west-1.amazonaws.com", "bucket.s3-accelerate.amazonaws.com", "s3.amazonaws.com",
        "api-na1.niceincontact.com", "media.eu1.nice-incontact.com",
    ],
)  # fmt: skip
def test_the_default_lets_the_vendor_and_its_object_store_through(host: str) -> None:
    assert MediaHosts.parse(DEFAULT_MEDIA_HOSTS).match(host)


@pytest.mark.parametrize(
    "host",
    [
        "ec2-1-2-3-4.compute.amazonaws.com", "x.execute-api.us-east-1.amazonaws.com", "amazonaws.com",
        "s3.amazonaws.com.evil.example", "localhost", "127.0.0.1", "169.254.169.254", "::1", "metadata.google.internal",
        "niceincontact.com.evil.example", "evilniceincontact.com",
    ],
)  # fmt: skip
def test_the_default_lets_nothing_else_through(host: str) -> None:
    assert not MediaHosts.parse(DEFAULT_MEDIA_HOSTS).match(host)
    assert not HostPatterns(VENDOR_HOSTS).match(host)


def test_addresses_are_let_through_by_network_and_names_by_pattern() -> None:
    hosts = MediaHosts.parse(["*.example", "media.internal", "10.0.0.0/8", "127.0.0.1", "fd00::/8"])
    assert all(hosts.match(host) for host in ("10.1.2.3", "127.0.0.1", "fd00::7", "a.example", "media.internal"))
    assert not any(hosts.match(host) for host in ("11.0.0.1", "127.0.0.2", "fe80::1", "internal", "x.media.internal"))
    assert hosts.allowed.hosts == {"media.internal"}, "a pattern opens no private address"


def test_networks_alone_are_enough() -> None:
    assert MediaHosts.parse(["127.0.0.1"]).match("127.0.0.1")
    assert not MediaHosts.parse(["127.0.0.1"]).match("localhost")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://A.example/b/", BaseUrl("https://a.example/b", "a.example", tls=True)),
        ("http://[::1]:80", BaseUrl("http://[::1]:80", "::1", tls=False)),
        ("https://a.example?b", None),
        ("https://u@a.example", None),
    ],
)
def test_a_base_url_is_taken_apart(text: str, url: BaseUrl | None) -> None:
    assert parse_base_url(text) == url
