"""Which hosts a media link may point to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from cxone_provider.adapters.addresses import AllowList
from cxone_provider.adapters.cxone.origins import HostPatterns

VENDOR_HOSTS = ("*.niceincontact.com", "*.nice-incontact.com", "*.nicecxone.com", "*.incontact.com")
# every spelling of an S3 bucket's host, by region or without, with the bucket in front or in the path
DEFAULT_MEDIA_HOSTS = (
    *VENDOR_HOSTS,
    "s3.amazonaws.com",
    "*.s3.amazonaws.com",
    "s3.*.amazonaws.com",
    "*.s3.*.amazonaws.com",
    "s3.dualstack.*.amazonaws.com",
    "*.s3.dualstack.*.amazonaws.com",
    "*.s3-accelerate.amazonaws.com",
)


@dataclass(frozen=True, slots=True)
class MediaHosts:
    """Hosts and addresses that media links may point to.

    Attributes:
        patterns: names.
        allowed: what may be called besides public addresses over TLS: names without ``*``, and networks.
    """

    patterns: HostPatterns
    allowed: AllowList

    @classmethod
    def parse(cls, values: Sequence[str]) -> MediaHosts:
        """Read host patterns, addresses and CIDR networks.

        A pattern lets names through. A name without ``*`` may also lead to private addresses. A network lets its
        addresses through, as a link's host and as what an allowed name leads to, e.g. that of a VPC endpoint.

        Raises:
            InvalidSetting: an entry is none of these.
        """
        networks = [value for value in values if _is_network(value)]
        names = [value for value in values if value not in networks]
        exact = [value for value in names if "*" not in value]
        patterns = HostPatterns.parse(names, "media_hosts")
        return cls(patterns, AllowList.parse([*networks, *exact]))

    def match(self, host: str) -> bool:
        """Return whether a link may name this host, a name or an address without brackets."""
        try:
            address = ip_address(host)
        except ValueError:
            return self.patterns.match(host)
        return any(address in network for network in self.allowed.networks)


def _is_network(value: str) -> bool:
    try:
        ip_network(value)
    except ValueError:
        return False
    return True
