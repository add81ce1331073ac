"""Place the instances of a group with static addresses: each address belongs to the AZs of its subnet (manifest contract §7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from director.model.cloud_config import CloudConfig, Network
from director.model.deployment import InstanceGroup
from director.model.errors import BadRequest, Place
from director.model.rows import InstanceRow
from director.plan.azs import Slot, moved, removed
from director.plan.subnets import is_reserved, is_static, subnet_of


def spread_static(
    group: InstanceGroup, cloud: CloudConfig, rows: Sequence[InstanceRow], owners: Mapping[str, str]
) -> list[Slot]:
    """Existing instances keep their addresses and AZs; the rest is spread evenly. ``owners``: instance ids by held address."""
    azs = group.azs or ("",)
    networks = [one for one in group.networks if one.static_ips]
    lead = networks[0]
    allowed = {ip: _azs_of(cloud.networks[lead.name], ip, azs, group) for ip in lead.static_ips}
    by_id = {row.id: row for row in rows}
    count: Counter[str] = Counter(dict.fromkeys(azs, 0))
    given: dict[str, InstanceRow | None] = {}
    where: dict[str, str] = {}
    left = dict(by_id)
    for ip in lead.static_ips:
        row = left.get(owners.get(ip, ""))
        if row is not None and row.az in allowed[ip]:
            given[ip], where[ip] = row, row.az
            count[row.az] += 1
            del left[row.id]
    for row in left.values():
        if row.ignore:
            if len(lead.static_ips) < len(rows):
                raise removed(row)
            raise moved(row, f"its static address on network '{lead.name}' is not listed any more", group)
    for ip in sorted((one for one in allowed if one not in given), key=lambda one: len(allowed[one])):
        az = min(allowed[ip], key=lambda one: (count[one], azs.index(one)))
        row = next((one for one in left.values() if one.az == az), None)
        if row is not None:
            del left[row.id]
        given[ip], where[ip] = row, az
        count[az] += 1
    statics: dict[str, dict[str, str]] = {ip: {lead.name: ip} for ip in lead.static_ips}
    for other in networks[1:]:
        _pair(group, cloud.networks[other.name], other.static_ips, azs, where, given, statics, owners)
    return [Slot(where[ip], given[ip], statics[ip]) for ip in lead.static_ips]


def _pair(
    group: InstanceGroup,
    network: Network,
    ips: Sequence[str],
    azs: Sequence[str],
    where: dict[str, str],
    given: dict[str, InstanceRow | None],
    statics: dict[str, dict[str, str]],
    owners: Mapping[str, str],
) -> None:
    """Give each instance one static address of a further network, in its AZ; existing ones keep theirs."""
    allowed = {ip: _azs_of(network, ip, azs, group) for ip in ips}
    held = {owners[ip]: ip for ip in ips if ip in owners}
    free = list(ips)
    for first, own in statics.items():
        row = given[first]
        had = held.get(row.id, "") if row else ""
        if had and where[first] in allowed[had]:
            own[network.name] = had
            free.remove(had)
    # those that few may have are given away first, lest another takes them who had a choice
    free.sort(key=lambda one: len(allowed[one]))
    for first, own in statics.items():
        if network.name in own:
            continue
        ip = next((one for one in free if where[first] in allowed[one]), None)
        if ip is None:
            raise BadRequest(
                f"Failed to distribute static IPs of instance group '{group.name}' evenly: network '{network.name}' has none left in AZ '{where[first]}'",
                code=150002,
                place=_place(group, network.name),
                remedy="Give each network static IPs in the same AZs",
            )
        own[network.name] = ip
        free.remove(ip)


def _azs_of(network: Network, ip: str, azs: Sequence[str], group: InstanceGroup) -> list[str]:
    place = _place(group, network.name)
    said = f"Instance group '{group.name}' with network '{network.name}' declares static ip '{ip}'"
    if network.type == "vip":
        return list(azs)
    subnet = subnet_of(network, ip)
    if subnet is None:
        raise BadRequest(
            f"{said}, which belongs to no subnet",
            code=130012,
            place=place,
            remedy="Use an address of one of the network's ranges",
        )
    if is_reserved(subnet, ip):
        raise BadRequest(
            f"{said}, which is reserved in subnet {subnet.range}",
            code=130013,
            place=place,
            remedy="Choose an address of the subnet's 'static' list",
        )
    if not is_static(subnet, ip):
        raise BadRequest(
            f"{said}, which is not in the 'static' list of subnet {subnet.range}",
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


def _place(group: InstanceGroup, network: str) -> Place:
    return Place("manifest", group.line, f"/instance_groups/name={group.name}/networks/name={network}/static_ips")
