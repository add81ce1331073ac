"""Give each placed instance its addresses: kept where still valid, asked-for static ones, else the lowest free."""

from __future__ import annotations

from collections.abc import Iterator

from director.model.cloud_config import CloudConfig, Network, Subnet
from director.model.deployment import Document, GroupNetwork, InstanceGroup
from director.model.errors import BadRequest, Place
from director.model.rows import AddressRow, InstanceRow
from director.plan.azs import Slot
from director.plan.subnets import (
    dynamic_settings,
    free_addresses,
    holds,
    manual_settings,
    may_be_automatic,
    serves,
    subnet_of,
    vip_settings,
)


class _Taken:
    """What nobody else may have: addresses with an owner, and those to avoid."""

    def __init__(self, owner: dict[str, str], avoid: set[str]) -> None:
        self._owner = owner
        self._avoid = avoid

    def __contains__(self, address: object) -> bool:
        return address in self._owner or address in self._avoid


class Assigner:
    """Holds who owns which address while a plan is made. An address once taken is never free again in the same plan."""

    def __init__(self, cloud: CloudConfig, held: dict[str, AddressRow], avoid: set[str]) -> None:
        self._cloud = cloud
        self._held = held
        self._owner: dict[str, str] = {}
        self._of: dict[str, list[str]] = {}
        for address, row in held.items():
            self._owner[address] = row.owner
            self._of.setdefault(row.owner, []).append(address)
        self._going: set[str] = set()
        self._taken = _Taken(self._owner, avoid)
        self._free: dict[tuple[str, str], Iterator[tuple[Subnet, str]]] = {}
        self._kept: dict[tuple[str, str], str] = {}

    def release(self, instance_id: str) -> None:
        """Addresses of instances that are to go are not free before they are gone; only those who ask for one of them may have it."""
        self._going.add(instance_id)

    def keep(self, group: InstanceGroup, row: InstanceRow, slot: Slot) -> None:
        """Remember the addresses of an existing instance that stay valid for network, AZ and kind."""
        mine = sorted(self._of.get(row.id, ()), key=lambda one: self._held[one].network)
        for wanted in sorted(group.networks, key=lambda one: not any(self._was(one.name, each) for each in mine)):
            network = self._cloud.networks[wanted.name]
            if network.type == "dynamic" or wanted.static_ips:
                continue
            # its own network's address first, so that two networks of one instance do not swap
            for address in sorted(mine, key=lambda one: not self._was(wanted.name, one)):
                subnet = subnet_of(network, address)
                if subnet and serves(subnet, slot.az) and may_be_automatic(subnet, address):
                    self._kept[(row.id, wanted.name)] = address
                    mine.remove(address)
                    break

    def _was(self, network: str, address: str) -> bool:
        return self._held[address].network == network

    def settle(self, group: InstanceGroup, instance_id: str, slot: Slot) -> tuple[Document, dict[str, str]]:
        """The ``networks`` argument of create_vm and the addresses by network."""
        settings: Document = {}
        addresses: dict[str, str] = {}
        for wanted in group.networks:
            network = self._cloud.networks[wanted.name]
            if network.type == "dynamic":
                settings[wanted.name] = dynamic_settings(self._any_subnet(group, network, slot.az), wanted)
                continue
            subnet, address = self._address(group, network, wanted, instance_id, slot)
            self._owner[address] = instance_id
            addresses[wanted.name] = address
            vip = network.type == "vip"
            settings[wanted.name] = vip_settings(subnet, address) if vip else manual_settings(subnet, address, wanted)
        return settings, addresses

    def _address(
        self, group: InstanceGroup, network: Network, wanted: GroupNetwork, instance_id: str, slot: Slot
    ) -> tuple[Subnet, str]:
        static = slot.static.get(wanted.name)
        if static is not None:
            self._check_owner(group, wanted.name, static, instance_id)
            return subnet_of(network, static) or network.subnets[0], static
        kept = self._kept.get((instance_id, wanted.name))
        if kept is not None:
            return next(one for one in network.subnets if holds(one, kept)), kept
        key = (network.name, slot.az)
        if key not in self._free:
            self._free[key] = free_addresses(network, slot.az, self._taken)
        found = next(self._free[key], None)
        if found is None:
            raise BadRequest(
                f"Failed to reserve IP for instance group '{group.name}' on network '{network.name}': no more available",
                code=130011,
                place=_place(group, wanted.name),
                remedy=f"Widen the network's range or shorten its reserved and static lists (AZ '{slot.az or 'none'}')",
            )
        return found

    def _check_owner(self, group: InstanceGroup, network: str, address: str, instance_id: str) -> None:
        owner = self._owner.get(address)
        if owner is None or owner == instance_id or owner in self._going:
            return
        row = self._held.get(address)
        whose = f"instance '{owner}'" + (f" of deployment '{row.deployment}'" if row is not None else "")
        raise BadRequest(
            f"Failed to reserve IP '{address}' for instance group '{group.name}': already reserved by {whose} on network '{row.network if row else network}'",
            code=130008,
            place=_place(group, network),
            remedy="Choose another static IP, or free this one first",
        )

    @staticmethod
    def _any_subnet(group: InstanceGroup, network: Network, az: str) -> Subnet:
        for subnet in network.subnets:
            if serves(subnet, az):
                return subnet
        raise BadRequest(
            f"Instance group '{group.name}' must have AZs that network '{network.name}' serves; '{az}' is not among them",
            code=140030,
            place=_place(group, network.name),
            remedy="Add a subnet for the AZ to the cloud config",
        )


def _place(group: InstanceGroup, network: str) -> Place:
    return Place("manifest", group.line, f"/instance_groups/name={group.name}/networks/name={network}")
