"""The guard against server-side request forgery: forms of addresses, answers of resolvers, lists of exceptions."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request
from requests.exceptions import InvalidURL

from cxone_provider.adapters.addresses import Address, AddressGuard, AllowList, Endpoint, resolve, special_kind
from cxone_provider.adapters.pinning import PinningAdapter
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.adapters.webhook import WebhookNotifier
from cxone_provider.adapters.webhook_settings import WebhookSettings, webhook_settings
from cxone_provider.archive.errors import DeliveryFailed, InvalidSetting, ReceiverForbidden, UnexpectedAnswer
from tests.fakes.clock import FakeClock
from tests.fakes.sockets import watched_sockets

PUBLIC = "1.1.1.1"

SPELLED = [
    # loopback
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.0.0.1.", "127.1", "127.0.1", "2130706433", "017700000001",
    "0x7f000001", "0x7f.1", "0x7F.0x0.0x0.0x1", "0177.0.0.1", "0177.1", "127.0.0.0x1", "00127.0.0.1", "0", "0.0.0.0",
    # the same for other readers: full-width and circled digits, ideographic full stops, percent-encoding
    "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    "%31%32%37.0.0.1", "127.0.0.1%00.example.com",
    # this machine's name
    "localhost", "LOCALHOST", "localhost.", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
    # IPv6: loopback, unspecified, mapped, compatible, NAT64, 6to4, Teredo, link-local, unique local, site-local
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]",
    "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::169.254.169.254]", "[64:ff9b:1::1]", "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[fe80::1]", "[fe80::1%25lo]", "[fd00::1]",
    "[fc00::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[100::1]", "[fd00:ec2::254]",
    # metadata services, private networks, and what is nobody's
    "169.254.169.254", "2852039166", "0xa9fea9fe", "100.100.100.200", "168.63.129.16", "10.0.0.1", "172.16.0.1",
    "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.254", "192.0.0.1", "198.18.0.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    # who is called is what stands behind the @
    "hooks.example.com@127.0.0.1", "hooks.example.com:443@127.0.0.1", "a@b@127.0.0.1",
]  # fmt: skip
# One bad address among good ones is enough, wherever it stands.
RESOLVED = ["loopback", "metadata", "private", "mixed", "mixed-last", "mapped", "v6"]
FORBIDDEN = [*SPELLED, *(f"{name}.example" for name in RESOLVED)]

_ANSWERS = {
    "localhost": ["127.0.0.1", "::1"],
    "loopback.example": ["127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "private.example": ["10.1.2.3"],
    "mixed.example": ["10.1.2.3", PUBLIC],
    "mixed-last.example": [PUBLIC, "2606:4700:4700::1111", "127.0.0.1"],
    "mapped.example": ["::ffff:10.1.2.3"],
    "v6.example": ["fd12:3456::1"],
    "hooks.example.com": [PUBLIC],
    "nat64.example": ["64:ff9b::101:101"],
    "sub.private.example": ["10.1.2.3"],
}


def endpoint(address: str, port: int) -> Endpoint:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return Endpoint(family, (address, port, 0, 0) if ":" in address else (address, port))


def scripted(host: str, port: int) -> Sequence[Endpoint]:
    """Answer the names above from a table and leave the rest to the system, which reads numbers in every form."""
    addresses = _ANSWERS.get(host.lower().removesuffix("."))
    return resolve(host, port) if addresses is None else [endpoint(address, port) for address in addresses]


def deliver(url: str) -> None:
    settings = webhook_settings(url, None, None, None, "secret", {"endpoint": "/hook"})
    WebhookNotifier(settings, FakeClock(), resolver=scripted).deliver("msg_1", b"{}")


def test_the_set_of_forms_is_as_large_as_promised() -> None:
    assert len(set(FORBIDDEN)) >= 70


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", FORBIDDEN)
def test_no_form_of_a_forbidden_address_is_connected_to(host: str, scheme: str) -> None:
    with watched_sockets() as events, pytest.raises((ReceiverForbidden, InvalidSetting)):
        deliver(f"{scheme}://{host}")
    assert events.connects == []


@pytest.mark.parametrize("url", ["https://hooks.example.com\\@127.0.0.1", "https://hooks.example.com@private.example"])
def test_urls_that_two_readers_read_differently_are_refused(url: str) -> None:
    with pytest.raises(InvalidSetting):
        deliver(url)


@pytest.mark.parametrize("host", FORBIDDEN)
def test_the_transport_alone_refuses_them_too(host: str) -> None:
    with watched_sockets() as events, closing(PinningAdapter(AddressGuard(resolver=scripted))) as transport:
        with pytest.raises((ReceiverForbidden, InvalidURL)):
            transport.send(Request("GET", f"https://{host}/").prepare(), timeout=5)
        assert events.connects == []


@pytest.mark.parametrize("host", SPELLED)
def test_no_proxy_is_asked_for_them(host: str) -> None:
    with watched_sockets() as events, closing(PinningAdapter(AddressGuard(resolver=scripted))) as transport:
        with pytest.raises((ReceiverForbidden, InvalidURL)):
            transport.send(
                Request("GET", f"https://{host}/").prepare(), timeout=5, proxies={"https": "http://127.0.0.1:9"}
            )
        assert events.connects == []


@pytest.mark.parametrize("host", ["hooks.example.com", "HOOKS.example.COM.", "nat64.example", PUBLIC, "[2606:4700::1]"])
def test_public_addresses_may_be_called_over_tls_only(host: str) -> None:
    guard = AddressGuard(resolver=scripted)
    assert guard.endpoints(host.strip("[]"), 443, tls=True)
    with pytest.raises(ReceiverForbidden, match="plain http"):
        guard.endpoints(host.strip("[]"), 80, tls=False)


@pytest.mark.parametrize(
    ("entries", "host", "passes"),
    [
        ("private.example", "private.example", True),
        ("private.example", "PRIVATE.example.", True),
        ("private.example", "mixed.example", False),
        ("private.example", "sub.private.example", False),
        ("hooks.example.com", "hooks.example.com", True),
        ("10.0.0.0/8", "private.example", True),
        ("10.1.2.3", "private.example", True),
        ("10.1.2.4", "private.example", False),
        ("10.0.0.0/8", "10.9.9.9", True),
        ("10.0.0.0/8", "mapped.example", True),
        ("10.0.0.0/8", "mixed.example", False),  # plain http: its public address is not on the list
        ("10.0.0.0/8, 1.1.1.1", "mixed.example", True),
        ("fd00::/8", "v6.example", True),
        ("[::1] 127.0.0.1", "localhost", True),
        ("127.0.0.0/8", "localhost", False),
        ("metadata.example", "metadata.example", False),  # a name opens private networks, not link-local ones
        ("169.254.169.254", "metadata.example", True),
        ("0.0.0.0/0", "127.1", False),
    ],
)
def test_the_allow_list_opens_exactly_what_it_names(entries: str, host: str, *, passes: bool) -> None:
    guard = AddressGuard(AllowList.parse(entries), resolver=scripted)
    if passes:
        assert guard.endpoints(host, 80, tls=False)
    else:
        with pytest.raises(ReceiverForbidden):
            guard.endpoints(host, 80, tls=False)


@pytest.mark.parametrize(
    ("entries", "host", "passes"),
    [
        ("", "private.example", False),
        ("private.example", "private.example", True),
        ("10.0.0.0/8", "10.1.1.1", True),
        ("10.0.0.0/8", "private.example", False),  # only the proxy knows its address
        ("localhost", "localhost", True),
    ],
)
def test_behind_a_proxy_plain_http_needs_the_name(entries: str, host: str, *, passes: bool) -> None:
    guard = AddressGuard(AllowList.parse(entries), resolver=scripted)
    if passes:
        guard.check_proxied(host, tls=False)
    else:
        with pytest.raises(ReceiverForbidden):
            guard.check_proxied(host, tls=False)
    guard.check_proxied("hooks.example.com", tls=True)


@pytest.mark.parametrize(
    "entries",
    [
        ["*.example.com"], ["https://hooks.example.com"], ["hooks.example.com:8443"], ["10.0.0.1/8"], ["127.1"],
        ["2130706433"], [""], [7], [None], ["bücher.example"], ["a b"], ["-x.example"], ["10.0.0.0/33"], {"a": 1}, 7,
    ],
)  # fmt: skip
def test_entries_that_could_be_misread_are_refused(entries: object) -> None:
    with pytest.raises(InvalidSetting, match="allowed_hosts"):
        AllowList.parse(entries)


def test_an_allow_list_reads_lists_and_text_alike() -> None:
    listed = AllowList.parse(["Archive.Internal.", "10.0.0.0/8", "[fd00::1]"])
    assert listed == AllowList.parse("archive.internal, 10.0.0.0/8 fd00::1")
    assert listed.hosts == {"archive.internal"}
    assert AllowList.parse("") == AllowList.parse(()) == AllowList()


def test_the_refusal_says_what_was_found_and_is_of_the_callers_kind() -> None:
    guard = AddressGuard(refusal=UnexpectedAnswer, resolver=scripted)
    with pytest.raises(UnexpectedAnswer, match=r"private\.example \(10\.1\.2\.3, private\)"):
        guard.endpoints("private.example", 443, tls=True)


def test_a_name_that_nobody_knows_is_not_a_refusal() -> None:
    guard = AddressGuard(resolver=lambda _host, _port: [])
    assert guard.endpoints("nobody.example", 443, tls=True) == []


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6), st.ip_addresses(v=6, network="64:ff9b::/96"))


@given(addresses)
def test_what_is_taken_for_public_is_global_for_the_standard_library_too(address: Address) -> None:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if special_kind(address) is None:
        assert (mapped or address).is_global
        assert not address.is_multicast
        assert not (mapped or address).is_reserved or int(address) >> 32 == int(ip_address("64:ff9b::")) >> 32


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_inside_ipv6(address: IPv4Address) -> None:
    mapped = IPv6Address(int(ip_address("::ffff:0:0")) + int(address))
    translated = IPv6Address(int(ip_address("64:ff9b::")) + int(address))
    assert special_kind(mapped) == special_kind(translated) == special_kind(address)


class Flipping:
    """A resolver that answers differently each time, as rebinding attackers do."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.calls = 0

    def __call__(self, host: str, port: int) -> Sequence[Endpoint]:
        self.calls += 1
        return [endpoint(self.answers[min(self.calls, len(self.answers)) - 1], port)]


def test_a_name_is_looked_up_once_per_connection_and_never_again_by_the_system() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        flipping = Flipping("127.0.0.1", "127.0.0.2")
        settings = WebhookSettings(
            f"http://rebind.example:{port}/", allowed=AllowList.parse("127.0.0.1"), timeout_s=1.0,
            retry=RetryPolicy(attempts=1),
        )  # fmt: skip
        notifier = WebhookNotifier(settings, FakeClock(), resolver=flipping)
        with watched_sockets() as events:
            with pytest.raises(DeliveryFailed, match=r"no answer within 1 s"):
                notifier.deliver("msg_1", b"{}")
            assert (flipping.calls, events.connects, events.lookups) == (1, [("127.0.0.1", port)], [])
            with pytest.raises(ReceiverForbidden, match=r"127\.0\.0\.2"):
                notifier.deliver("msg_1", b"{}")
            assert (flipping.calls, events.connects, events.lookups) == (2, [("127.0.0.1", port)], [])
