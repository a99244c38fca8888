"""Which addresses an outgoing request may reach: the guard against server-side request forgery.

Public addresses over TLS may be called; anything else only where the connection's allow-list names the host or the
network. :mod:`cxone_provider.adapters.pinning` connects to what is checked here.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple, TypeAlias

from cxone_provider.archive.errors import ArchiveError, InvalidSetting, ReceiverForbidden, shown

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# IANA's special-purpose registries and the clouds' metadata services; the first match names an address. An allowed
# *name* opens the networks in capitals, which are what private archives live in; the others open only by address.
_SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), kind)
    for network, kind in (
        ("100.100.100.200/32", "cloud metadata"),
        ("168.63.129.16/32", "cloud metadata"),
        ("fd00:ec2::/32", "cloud metadata"),
        ("10.0.0.0/8", "PRIVATE"),
        ("172.16.0.0/12", "PRIVATE"),
        ("192.168.0.0/16", "PRIVATE"),
        ("fc00::/7", "PRIVATE"),
        ("100.64.0.0/10", "CARRIER-GRADE NAT"),
        ("127.0.0.0/8", "LOOPBACK"),
        ("::1/128", "LOOPBACK"),
        ("169.254.0.0/16", "link-local"),
        ("fe80::/10", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("ff00::/8", "multicast"),
        ("0.0.0.0/8", "unspecified"),
        ("::/128", "unspecified"),
        ("192.88.99.0/24", "6to4"),
        ("2002::/16", "6to4"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved"),
        ("198.18.0.0/15", "reserved"),
        ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"),
        ("240.0.0.0/4", "reserved"),
        ("2001::/23", "reserved"),  # Teredo, ORCHID and other protocol assignments
        ("2001:db8::/32", "reserved"),
        ("3fff::/20", "reserved"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_NUMERIC_TAIL = re.compile(r"(?:\A|\.)(?:0[xX][0-9a-fA-F]*|[0-9]+)\Z")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*", re.ASCII)


def special_kind(address: Address) -> str | None:
    """Return what is special about an address, e.g. ``PRIVATE``, or None for a public one.

    IPv6 addresses that carry an IPv4 address (mapped, NAT64) are judged by it: hosts without IPv4 reach public
    receivers through NAT64.
    """
    inner = _carried_ipv4(address) or address
    for network, kind in _SPECIAL:
        if inner in network:
            return kind
    return "reserved" if inner.version == 6 and inner not in _GLOBAL_UNICAST else None


def _carried_ipv4(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.ipv4_mapped


@dataclass(frozen=True, slots=True)
class AllowList:
    """Hosts and networks that may be called although they are not public, and without TLS.

    Attributes:
        hosts: exact names, lower case, without trailing dot.
        networks: addresses are networks of one.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, value: object) -> AllowList:
        """Read a list of names, addresses and CIDR networks, or a text with commas or spaces between them.

        Raises:
            InvalidSetting: an entry is none of these; wildcards, ports and URLs are not.
        """
        entries = value.replace(",", " ").split() if isinstance(value, str) else value
        if not isinstance(entries, (list, tuple)):
            raise InvalidSetting("unusable allowed_hosts", found=value, expected="a list of hosts, addresses or CIDRs")
        hosts: set[str] = set()
        networks: list[Network] = []
        for entry in entries:
            network = _network(entry)
            if network is None:
                hosts.add(_host_name(entry))
            else:
                networks.append(network)
        return cls(frozenset(hosts), tuple(networks))


def _network(entry: object) -> Network | None:
    if not isinstance(entry, str):
        return None
    try:
        return ip_network(entry.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _host_name(entry: object) -> str:
    name = _plain(entry.strip()) if isinstance(entry, str) else ""
    if _HOST.fullmatch(name) and not _NUMERIC_TAIL.search(name):
        return name
    raise InvalidSetting(
        "unusable entry of allowed_hosts", found=entry, expected="a host name, an address, or a CIDR without host bits",
        hint="International names are written in their xn-- form.",
    )  # fmt: skip


def _plain(host: str) -> str:
    return host.lower().removeprefix("[").removesuffix("]").removesuffix(".")


class Endpoint(NamedTuple):
    """One address of a resolver's answer, as sockets take it."""

    family: int
    sockaddr: tuple[Any, ...]

    @property
    def address(self) -> Address:
        """The address alone."""
        return ip_address(self.sockaddr[0])


Resolver: TypeAlias = Callable[[str, int], Sequence[Endpoint]]


def resolve(host: str, port: int) -> Sequence[Endpoint]:
    """Return every address the system's resolver knows for a name.

    Raises:
        socket.gaierror: it knows none.
    """
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [Endpoint(family, sockaddr) for family, _, _, _, sockaddr in answers]


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Decides which addresses may be called.

    Attributes:
        allowed: what may be called besides public addresses over TLS.
        refusal: error of a refused address.
        resolver: where names are looked up.
    """

    allowed: AllowList = field(default_factory=AllowList)
    refusal: type[ArchiveError] = ReceiverForbidden
    resolver: Resolver = resolve

    def endpoints(self, host: str, port: int, *, tls: bool) -> Sequence[Endpoint]:
        """Look `host` up once and return its addresses, every one of them checked.

        Raises:
            ArchiveError: of the type `refusal`, if any address may not be called.
            socket.gaierror: the name is not known.
        """
        spelled = self._check_spelling(host)
        if spelled is not None:
            self._check(host, spelled, tls=tls)
        endpoints = self.resolver(host, port)
        for endpoint in endpoints:
            self._check(host, endpoint.address, tls=tls)
        return endpoints

    def check_proxied(self, host: str, *, tls: bool) -> None:
        """Check what can be checked of a host whose name a proxy resolves.

        Raises:
            ArchiveError: of the type `refusal`.
        """
        address = self._check_spelling(host)
        name = _plain(host)
        if address is not None:
            self._check(host, address, tls=tls)
        elif name not in self.allowed.hosts and (name == "localhost" or name.endswith(".localhost")):
            raise self._refused(host, "loopback")
        elif name not in self.allowed.hosts and not tls:
            raise self._refused(host, "plain http")

    def _check_spelling(self, host: str) -> Address | None:
        """Return the address that `host` spells, None for a name."""
        name = _plain(host)
        try:
            return ip_address(name)
        except ValueError:
            # 127.1, 2130706433 and 0x7f.1 are 127.0.0.1 to some libraries and a name to others.
            if _HOST.fullmatch(name) and not _NUMERIC_TAIL.search(name):
                return None
        raise self._refused(host, "not a plain spelling of a name or an address")

    def _check(self, host: str, address: Address, *, tls: bool) -> None:
        inner = _carried_ipv4(address) or address
        if any(inner in network for network in self.allowed.networks):
            return
        named = _plain(host) in self.allowed.hosts
        kind = special_kind(address)
        if kind is not None and not (named and kind.isupper()):
            raise self._refused(host, f"{address}, {kind.lower()}")
        if not tls and not named:
            raise self._refused(host, "plain http")

    def _refused(self, host: str, reason: str) -> ArchiveError:
        return self.refusal(
            "this address may not be called", found=f"{shown(host, limit=100)} ({reason})",
            expected="https to a public address, or an entry in the connection's allow-list",
        )  # fmt: skip
