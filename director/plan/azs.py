"""Spread instances over AZs, keeping what exists (manifest contract §7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct, field

from director.model.cloud_config import CloudConfig, Network
from director.model.deployment import InstanceGroup
from director.model.errors import BadRequest, Place
from director.model.rows import InstanceRow
from director.plan.subnets import is_static, subnet_of


class Slot(Struct, frozen=True):
    """A place for one instance: its AZ, the existing row that keeps it, and its static addresses by network."""

    az: str
    row: InstanceRow | None = None
    static: dict[str, str] = field(default_factory=dict)


def spread(count: int, azs: Sequence[str], rows: Sequence[InstanceRow]) -> list[Slot]:
    """Ignored instances stay; those with persistent disks stay while their AZ is listed; the rest goes to the AZ with least."""
    slots: list[Slot] = []
    placed: Counter[str] = Counter(dict.fromkeys(azs, 0))
    left = list(rows)

    def take(row: InstanceRow, az: str) -> None:
        left.remove(row)
        slots.append(Slot(az, row))
        placed[az] += 1

    for row in [one for one in rows if one.ignore]:
        if len(slots) == count:
            raise BadRequest(
                f"You are trying to delete instance '{row.name}', which is ignored",
                code=190021,
                remedy="Unignore it first or keep it in the count",
            )
        take(row, row.az)
    for row in [
        one
        for one in rows
        if not one.ignore and one.applied is not None and one.applied.disk is not None and one.az in placed
    ]:
        if len(slots) < count:
            take(row, row.az)
    while len(slots) < count:
        waiting = Counter(row.az for row in left)
        az = min(azs, key=lambda one: (placed[one], -min(waiting[one], 1), one))
        row = next((one for one in left if one.az == az), None)
        if row is not None:
            take(row, az)
        else:
            slots.append(Slot(az))
            placed[az] += 1
    return slots


def spread_static(group: InstanceGroup, cloud: CloudConfig, rows: Sequence[InstanceRow]) -> list[Slot]:
    """Every static address belongs to the AZs of its subnet; existing instances keep theirs."""
    azs = group.azs or ("",)
    networks = [one for one in group.networks if one.static_ips]
    lead = networks[0]
    allowed = {ip: _azs_of(cloud.networks[lead.name], ip, azs, group, lead.name) for ip in lead.static_ips}
    count: Counter[str] = Counter(dict.fromkeys(azs, 0))
    given: dict[str, InstanceRow | None] = {}
    where: dict[str, str] = {}
    for row in rows:
        ip = _address(row, lead.name)
        if ip in allowed and ip not in given and row.az in allowed[ip]:
            given[ip], where[ip] = row, row.az
            count[row.az] += 1
    left = [row for row in rows if row not in given.values()]
    for ip in sorted((one for one in allowed if one not in given), key=lambda one: len(allowed[one])):
        az = min(allowed[ip], key=lambda one: (count[one], azs.index(one)))
        row = next((one for one in left if one.az == az), None)
        if row is not None:
            left.remove(row)
        given[ip], where[ip] = row, az
        count[az] += 1
    statics: dict[str, dict[str, str]] = {ip: {lead.name: ip} for ip in lead.static_ips}
    for other in networks[1:]:
        _pair(group, cloud.networks[other.name], other.static_ips, azs, lead.static_ips, where, given, statics)
    return [Slot(where[ip], given[ip], statics[ip]) for ip in lead.static_ips]


def _pair(
    group: InstanceGroup,
    network: Network,
    ips: Sequence[str],
    azs: Sequence[str],
    lead: Sequence[str],
    where: dict[str, str],
    given: dict[str, InstanceRow | None],
    statics: dict[str, dict[str, str]],
) -> None:
    """Give each instance one static address of a further network, in its AZ; existing ones keep theirs."""
    allowed = {ip: _azs_of(network, ip, azs, group, network.name) for ip in ips}
    free = list(ips)
    for first in lead:
        row = given[first]
        had = _address(row, network.name) if row else ""
        if had in free and where[first] in allowed[had]:
            statics[first][network.name] = had
            free.remove(had)
    for first in lead:
        if network.name in statics[first]:
            continue
        ip = next((one for one in free if where[first] in allowed[one]), None)
        if ip is None:
            raise BadRequest(
                f"Failed to distribute static IPs of instance group '{group.name}' evenly: network '{network.name}' has none left in AZ '{where[first]}'",
                code=150002,
                place=Place(path=f"/instance_groups/{group.name}/networks/{network.name}/static_ips"),
                remedy="Give each network static IPs in the same AZs",
            )
        statics[first][network.name] = ip
        free.remove(ip)


def _azs_of(network: Network, ip: str, azs: Sequence[str], group: InstanceGroup, name: str) -> list[str]:
    place = Place(path=f"/instance_groups/{group.name}/networks/{name}/static_ips")
    if network.type == "vip":
        return list(azs)
    subnet = subnet_of(network, ip)
    if subnet is None:
        raise BadRequest(
            f"Instance group '{group.name}' with network '{name}' declares static ip '{ip}', which belongs to no subnet",
            code=130012,
            place=place,
            remedy="Use an address of one of the network's ranges",
        )
    if not is_static(subnet, ip):
        raise BadRequest(
            f"Instance group '{group.name}' with network '{name}' declares static ip '{ip}', which is not in the 'static' list of subnet {subnet.range}",
            code=150002,
            place=place,
            remedy="Add the address to the subnet's 'static' list in the cloud config, or choose one from it",
        )
    found = [az for az in azs if not subnet.azs or az in subnet.azs]
    if not found:
        raise BadRequest(
            f"Instance group '{group.name}' declares static ip '{ip}', which belongs to availability zones {', '.join(subnet.azs)}, not to its own",
            code=150007,
            place=place,
            remedy=f"Its AZs are {', '.join(azs)}: choose an address of theirs or add the AZ",
        )
    return found


def _address(row: InstanceRow | None, network: str) -> str:
    if row is None or row.applied is None:
        return ""
    settings = row.applied.vm.networks.get(network) or {}
    return str(settings.get("ip") or "")
