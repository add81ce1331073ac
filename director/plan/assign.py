"""Give each placed instance its addresses: kept where still valid, asked-for static ones, else the lowest free."""

from __future__ import annotations

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


class Assigner:
    """Holds who owns which address while a plan is made."""

    def __init__(self, cloud: CloudConfig, held: dict[str, AddressRow], avoid: set[str]) -> None:
        self._cloud = cloud
        self._owner: dict[str, str] = {address: row.owner for address, row in held.items()}
        self._network: dict[str, str] = {address: row.network for address, row in held.items()}
        self._avoid = avoid
        self._kept: dict[tuple[str, str], str] = {}

    def release(self, instance_id: str) -> None:
        """Addresses of instances that are to go are not free before they are gone; only static takers of the same deployment may have them."""
        for address, owner in self._owner.items():
            if owner == instance_id:
                self._owner[address] = f"going/{instance_id}"

    def keep(self, group: InstanceGroup, row: InstanceRow, slot: Slot) -> None:
        """Remember the addresses of an existing instance that stay valid for network, AZ and kind."""
        mine = [address for address, owner in self._owner.items() if owner == row.id]
        for wanted in group.networks:
            network = self._cloud.networks[wanted.name]
            if network.type != "manual" or wanted.name in slot.static:
                continue
            for address in mine:
                subnet = subnet_of(network, address)
                if subnet and serves(subnet, slot.az) and may_be_automatic(subnet, address) and not wanted.static_ips:
                    self._kept[(row.id, wanted.name)] = address
                    mine.remove(address)
                    break

    def settle(self, group: InstanceGroup, instance_id: str, slot: Slot) -> tuple[Document, dict[str, str]]:
        """The ``networks`` argument of create_vm and the addresses by network."""
        settings: Document = {}
        addresses: dict[str, str] = {}
        for wanted in group.networks:
            network = self._cloud.networks[wanted.name]
            if network.type == "dynamic":
                settings[wanted.name] = dynamic_settings(self._any_subnet(group, network, slot.az), wanted.default)
                continue
            subnet, address = self._address(group, network, wanted, instance_id, slot)
            self._owner[address] = instance_id
            addresses[wanted.name] = address
            settings[wanted.name] = (
                vip_settings(subnet, address)
                if network.type == "vip"
                else manual_settings(subnet, address, wanted.default)
            )
        return settings, addresses

    def _address(
        self, group: InstanceGroup, network: Network, wanted: GroupNetwork, instance_id: str, slot: Slot
    ) -> tuple[Subnet, str]:
        static = slot.static.get(wanted.name)
        if static is not None:
            owner = self._owner.get(static)
            if owner is not None and owner != instance_id and not owner.startswith("going/"):
                raise BadRequest(
                    f"Failed to reserve IP '{static}' for instance group '{group.name}': already reserved by {owner} on network '{self._network.get(static, '?')}'",
                    code=130008,
                    place=_place(group, wanted.name),
                    remedy="Choose another static IP, or free this one first",
                )
            subnet = subnet_of(network, static) or network.subnets[0]
            return subnet, static
        kept = self._kept.get((instance_id, wanted.name))
        if kept is not None:
            subnet = next(one for one in network.subnets if holds(one, kept))
            return subnet, kept
        taken = self._owner.keys() | self._avoid
        found = next(free_addresses(network, slot.az, taken), None)
        if found is None:
            raise BadRequest(
                f"Failed to reserve IP for instance group '{group.name}' on network '{network.name}': no more available",
                code=130011,
                place=_place(group, wanted.name),
                remedy=f"Widen the network's range or shorten its reserved and static lists (AZ '{slot.az or 'none'}')",
            )
        return found

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
