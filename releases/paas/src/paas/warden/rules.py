"""The packet rules of all containers as text for ``iptables-restore --noflush``: pure, made anew from what is known.

All chains carry the prefix of the links; a chain that is declared is emptied, so one call puts everything in place at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from paas.containers.protocol import Egress, Port
from paas.warden.addresses import Link

MULTIPORT_MOST = 15


class RuleError(Exception):
    """An egress rule that cannot be understood; says which part."""


@dataclass(frozen=True)
class Guarded:
    """A container as the rules see it."""

    slot: int
    link: Link
    egress: list[Egress]
    ports: list[Port]
    closed: bool = False


@dataclass(frozen=True)
class Policy:
    """What holds for all containers."""

    prefix: str
    pool: str
    allow: list[Egress]
    deny: list[Egress]
    accept: bool


def jumps(prefix: str) -> list[tuple[str, str, list[str]]]:
    """(table, chain, rule) of what leads into the warden's chains."""
    local = ["-m", "addrtype", "--dst-type", "LOCAL"]
    return [
        ("filter", "FORWARD", ["-j", f"{prefix}-forward"]),
        ("filter", "INPUT", ["-i", f"{prefix}+", "-j", f"{prefix}-input"]),
        ("nat", "PREROUTING", [*local, "-j", f"{prefix}-in"]),
        ("nat", "OUTPUT", ["!", "-d", "127.0.0.0/8", *local, "-j", f"{prefix}-in"]),
        ("nat", "POSTROUTING", ["-j", f"{prefix}-out"]),
    ]


def rules(policy: Policy, containers: list[Guarded], stale: list[int]) -> str:
    """All of it; chains of the slots in `stale` are removed."""
    p = policy.prefix
    chains = ["forward", "input", "allow", "default", *(f"c{one.slot}" for one in containers)]
    lines = ["*filter", *(f":{p}-{name} - [0:0]" for name in chains), *(f":{p}-c{slot} - [0:0]" for slot in stale)]
    established = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    for one in containers:
        lines += [f"-A {p}-c{one.slot} {match} -j ACCEPT" for rule in one.egress for match in matches(rule)]
        lines += [f"-A {p}-c{one.slot} -j REJECT"] * one.closed
    lines += [f"-A {p}-allow {match} -j ACCEPT" for rule in policy.allow for match in matches(rule)]

    for chain in ("forward", "input"):
        lines += [f"-A {p}-{chain} -i {one.link.name} ! -s {one.link.container_ip} -j DROP" for one in containers]
        lines.append(f"-A {p}-{chain} {established}")
    # from one container to another there is no way, whatever a rule says; from outside only by a port that was opened
    lines += [
        f"-A {p}-forward -i {p}+ -d {policy.pool} -j REJECT",
        f"-A {p}-forward -o {p}+ -m conntrack --ctstate DNAT -j ACCEPT",
        f"-A {p}-forward -o {p}+ -j REJECT",
    ]
    for chain in ("forward", "input"):
        lines += [f"-A {p}-{chain} -i {one.link.name} -j {p}-c{one.slot}" for one in containers]
    lines += [
        f"-A {p}-forward -i {p}+ -j {p}-default",
        f"-A {p}-input -j {p}-allow",
        f"-A {p}-input -j REJECT",
        f"-A {p}-default -j {p}-allow",
        *(f"-A {p}-default {match} -j REJECT" for rule in policy.deny for match in matches(rule)),
        f"-A {p}-default -j {'ACCEPT' if policy.accept else 'REJECT'}",
        *(f"-X {p}-c{slot}" for slot in stale),
        "COMMIT",
        "*nat",
        f":{p}-in - [0:0]",
        f":{p}-out - [0:0]",
    ]
    lines += [
        f"-A {p}-in -p tcp --dport {port.host_port} -j DNAT --to-destination {one.link.container_ip}:{port.container_port}"
        for one in containers
        for port in one.ports
    ]
    lines += [f"-A {p}-out -s {policy.pool} ! -d {policy.pool} -j MASQUERADE", "COMMIT", ""]
    return "\n".join(lines)


def matches(rule: Egress) -> list[str]:
    """The match part of the rules for one egress rule; RuleError where it cannot be understood."""
    where = _destination(rule.destination)
    if rule.protocol in ("tcp", "udp") and rule.ports:
        groups = _ports(rule.ports)
        return [f"{where} -p {rule.protocol} -m multiport --dports {','.join(group)}" for group in groups]
    if rule.ports:
        raise RuleError(f"egress to {rule.destination}: ports go with tcp and udp only")
    return [where if rule.protocol == "all" else f"{where} -p {rule.protocol}"]


def _destination(text: str) -> str:
    try:
        if "-" in text:
            first, last = text.split("-", 1)
            return f"-m iprange --dst-range {ip_network(first.strip())[0]}-{ip_network(last.strip())[0]}"
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise RuleError(f"egress: {text!r} is no address, no CIDR and no range FIRST-LAST") from None
    if network.version != 4:
        raise RuleError(f"egress: {text!r}: containers have IPv4 only")
    return f"-d {network}"


def _ports(text: str) -> list[list[str]]:
    """Ports as iptables wants them, in groups of at most fifteen (a range counts as two)."""
    groups: list[list[str]] = [[]]
    weight = 0
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or (last and not last.isdigit()) or int(first) > 65535 or int(last or 0) > 65535:
            raise RuleError(f"egress: {text!r} is no list of ports as 80,8000-8010")
        cost = 2 if last else 1
        if weight + cost > MULTIPORT_MOST:
            groups.append([])
            weight = 0
        groups[-1].append(f"{first}:{last}" if last else first)
        weight += cost
    return groups
