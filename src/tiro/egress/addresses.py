"""Which addresses are public, and which the operator allows besides.

``ipaddress.is_global`` is not enough: it takes the addresses of tunnels (6to4, Teredo, NAT64) for public ones
whatever they carry, multicast too, and knows nothing of what a cloud puts at public addresses for its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from tiro.egress.base import Address

_INSIDE_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this" network: Linux takes it for the machine itself
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT; Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, from every machine there
        "169.254.0.0/16",  # link-local; the metadata of nearly every cloud
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocols; Oracle's metadata
        "192.0.2.0/24",  # documentation, as the two below
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",  # measurements
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
"""All that is given out as global unicast. What lies outside (loopback, unique local, link-local, multicast,
IPv4 in its several disguises) is never public."""
_INSIDE_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocols, Teredo among them: it carries an IPv4 address
        "2001:db8::/32",  # documentation, as the last
        "2002::/16",  # 6to4: carries an IPv4 address
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def bare(address: Address) -> Address:
    """The IPv4 address that an IPv6 one only wraps, for that is where the packets go: mapped ones, and those
    of the well-known NAT64, by which a machine without IPv4 reaches public IPv4 servers."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether it is somewhere on the internet, and nowhere inside."""
    address = bare(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _INSIDE_4)
    return address in _PUBLIC_6 and not any(address in network for network in _INSIDE_6)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be called although it is inside: networks, and names wherever they lead."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, entries: Iterable[str]) -> Allowed:
        """From networks, addresses and names. Raises ValueError for what is none of them."""
        networks, hosts = [], set()
        for entry in entries:
            if "/" in entry or is_address(entry):
                networks.append(ip_network(entry, strict=False))
            else:
                hosts.add(entry.lower().rstrip("."))
        return cls(tuple(networks), frozenset(hosts))

    def address(self, address: Address) -> bool:
        plain = bare(address)
        return any(plain in network for network in self.networks if network.version == plain.version)

    def host(self, host: str) -> bool:
        return host in self.hosts


def is_address(text: str) -> bool:
    """Whether it is an address written in full, as ``ipaddress`` wants it."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
