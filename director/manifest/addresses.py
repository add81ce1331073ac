"""Addresses and ranges as operators write them: ``10.0.0.4``, ``10.0.0.4 - 10.0.0.9``, ``10.0.0.0/28``."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Cidr = IPv4Network | IPv6Network
Span = tuple[Address, Address]


def read_span(text: str) -> Span:
    """First and last address, inclusive. Raises ValueError with the reason."""
    text = text.strip()
    if "/" in text:
        cidr = read_cidr(text)
        return cidr[0], cidr[-1]
    if "-" in text:
        low, _, high = text.partition("-")
        first, last = ip_address(low.strip()), ip_address(high.strip())
        if first.version != last.version:
            raise ValueError("both ends must be of the same IP version")
        if int(first) > int(last):
            raise ValueError(f"{first} comes after {last}")
        return first, last
    one = ip_address(text)
    return one, one


def read_cidr(text: str) -> Cidr:
    """A network; host bits are dropped, as the stock director does. Raises ValueError."""
    return ip_network(text.strip(), strict=False)


def within(span: Span, cidr: Cidr) -> bool:
    return span[0].version == cidr.version and span[0] in cidr and span[1] in cidr


def meet(one: Span, other: Span) -> bool:
    """Whether two spans share an address."""
    if one[0].version != other[0].version:
        return False
    return int(one[0]) <= int(other[1]) and int(other[0]) <= int(one[1])


def expand(span: Span, limit: int) -> list[Address]:
    """Every address of the span; ValueError when there are more than ``limit``."""
    count = int(span[1]) - int(span[0]) + 1
    if count > limit:
        raise ValueError(f"{span[0]} - {span[1]} holds {count} addresses, more than {limit}")
    return [span[0] + step for step in range(count)]
