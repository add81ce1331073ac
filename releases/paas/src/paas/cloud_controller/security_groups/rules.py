"""Rules of security groups as the API has them, and which of them hold for a space."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from paas.cloud_controller.api.body import Body
from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.schema import security_groups, security_groups_spaces
from paas.database.transaction import Transaction

MOST = 1000
_PORTS = re.compile(r"^\s*\d+\s*(-\s*\d+\s*)?(,\s*\d+\s*(-\s*\d+\s*)?)*$")


class Rule(Body, frozen=True, kw_only=True):
    """Whereto apps may connect: `destination` as address, CIDR, range ``A-B``, or several with commas."""

    protocol: Literal["tcp", "udp", "icmp", "icmpv6", "all"]
    destination: str
    ports: str | None = None
    type: Annotated[int, Meta(ge=-1, le=255)] | None = None
    code: Annotated[int, Meta(ge=-1, le=255)] | None = None
    description: str | None = None
    log: bool | None = None


def checked(rules: list[Rule]) -> list[dict[str, Any]]:
    """As kept; 422 with the rule's place."""
    if len(rules) > MOST:
        raise unprocessable(f"Rules can be {MOST} at most")
    return [_checked(rule, index) for index, rule in enumerate(rules)]


def _checked(rule: Rule, index: int) -> dict[str, Any]:
    place = f"Rules[{index}]:"
    for destination in rule.destination.split(","):
        if not _is_destination(destination.strip()):
            raise unprocessable(f"{place} destination must be a valid CIDR, IP address, or IP address range")
    if rule.protocol in ("tcp", "udp"):
        if rule.ports is None:
            raise unprocessable(f"{place} ports are required for protocols of type TCP and UDP")
        if not _are_ports(rule.ports):
            raise unprocessable(
                f"{place} ports must be a valid single port, comma separated list of ports, or range of ports"
            )
    elif rule.ports is not None:
        raise unprocessable(f"{place} ports are not allowed for protocols of type {rule.protocol}")
    if rule.protocol.startswith("icmp"):
        if rule.type is None or rule.code is None:
            raise unprocessable(f"{place} type and code are required for protocols of type ICMP")
    elif rule.type is not None or rule.code is not None:
        raise unprocessable(f"{place} type and code are allowed for protocols of type ICMP only")
    return {name: value for name, value in msgspec.to_builtins(rule).items() if value is not None}


def _is_destination(text: str) -> bool:
    try:
        if "-" in text:
            first, last = (ipaddress.ip_address(one.strip()) for one in text.split("-", 1))
            return first.version == last.version and int(first) <= int(last)
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "%" not in text


def _are_ports(text: str) -> bool:
    if not _PORTS.match(text):
        return False
    for part in text.split(","):
        ends = [int(one) for one in part.split("-")]
        if not all(1 <= one <= 65535 for one in ends) or ends[0] > ends[-1]:
            return False
    return True


async def egress_rules(
    db: Transaction, space: str, phase: Literal["running", "staging"] = "running"
) -> list[dict[str, Any]]:
    """What holds for apps of a space: of the groups bound to it, and of those that are on everywhere."""
    everywhere = security_groups.c.running_default if phase == "running" else security_groups.c.staging_default
    bound = sa.select(security_groups_spaces.c.security_group_guid).where(
        security_groups_spaces.c.space_guid == space, security_groups_spaces.c.phase == phase
    )
    select = (
        sa.select(security_groups.c.rules)
        .where(sa.or_(everywhere, security_groups.c.guid.in_(bound)))
        .order_by(security_groups.c.name)
    )
    return [one for rules in await db.scalars(select) for rule in rules for one in _plain(rule)]


def _plain(rule: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """With one destination each; containers have IPv4 only, so that rules for IPv6 allow nothing there."""
    if rule["protocol"] == "icmpv6":
        return
    for destination in rule["destination"].split(","):
        if ":" not in destination:
            yield {**rule, "destination": destination.strip()}
