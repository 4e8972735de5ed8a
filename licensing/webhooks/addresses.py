"""Which addresses may be sent to: public ones only, so that no host reads from inside the network through us.

A URL is checked when it is registered and again at each sending, for names change their addresses; whoever sends
connects to the very addresses that were checked, and follows no redirect.
"""

import asyncio
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from ledger.refusals import storable
from licensing.errors import InvalidEndpoint

LONGEST = 2000
_RESOLVING_S = 5.0
_HOST = re.compile(rb"[A-Za-z0-9._:-]{1,253}")
_NAT64 = ip_network("64:ff9b::/96")
_METADATA = frozenset({ip_address("168.63.129.16")})
"""Addresses that look public and answer only inside a cloud, with what belongs to the machine: Azure's."""


@dataclass(frozen=True)
class Target:
    """A URL, and the addresses that its host had when it was checked."""

    url: httpx.URL
    addresses: Sequence[str]


async def target_of(url: str, *, allow_private: bool) -> Target:
    """Check a URL and resolve its host; `allow_private` is for tests and demonstrations, and allows http as well.

    Raises:
        InvalidEndpoint: no such URL, a name without an address, or an address that is not public.
    """
    parsed = _parsed(url, ("https", "http") if allow_private else ("https",))
    addresses = await _resolved(parsed)
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise InvalidEndpoint("url", url, "its host has an address which is not public")
    return Target(parsed, addresses)


def is_public(address: str) -> bool:
    """Whether an address may be sent to; one that wraps another counts as that one."""
    plain = _unwrapped(ip_address(address.partition("%")[0]))
    return plain.is_global and not plain.is_multicast and not plain.is_reserved and plain not in _METADATA


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if wrapped is None and isinstance(_NAT64, IPv6Network) and address in _NAT64:
        wrapped = IPv4Address(int(address) & 0xFFFF_FFFF)
    return wrapped or address


def _parsed(url: str, schemes: Sequence[str]) -> httpx.URL:
    """By the same parser by which it is sent to later, so that both see the same host."""
    rule = f"{' or '.join(schemes)}://host[:port]/path, at most {LONGEST} characters, without user and fragment"
    if len(url) > LONGEST or not storable(url) or not url.isprintable() or " " in url:
        raise InvalidEndpoint("url", url, rule)
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise InvalidEndpoint("url", url, rule) from None
    named = bool(_HOST.fullmatch(parsed.raw_host)) and (parsed.port is None or 0 < parsed.port < 65536)
    if parsed.scheme not in schemes or not named or parsed.userinfo or parsed.fragment:
        raise InvalidEndpoint("url", url, rule)
    return parsed


async def _resolved(url: httpx.URL) -> Sequence[str]:
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_RESOLVING_S):
            return await resolve(url.raw_host.decode("ascii"), port)
    except (OSError, UnicodeError, TimeoutError):
        raise InvalidEndpoint("url", str(url), "its host has no address") from None


async def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, each once. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
