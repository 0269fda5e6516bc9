"""Who is at the other end: the connection's own address, or what a proxy of ours says of it.

`X-Forwarded-For` is a list that grows at its end, and anybody may send one to begin with. So it is believed
from its end only, and only as far as each entry was written by a proxy that the owner named.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

MAX_HOPS: Final = 16


def sender_of(peer: str, forwarded: Iterable[str], proxies: Networks) -> Address | None:
    """Who sent the request; `forwarded` is each `X-Forwarded-For` it came with. None: nobody can tell."""
    sender = _address(peer)
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    for hop in reversed(hops[-MAX_HOPS:]):
        if sender is None or not is_among(sender, proxies):
            return sender
        sender = _address(hop)
    return sender


def is_among(address: Address, networks: Networks) -> bool:
    """Whether the address is in one of the networks."""
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
