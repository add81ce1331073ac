"""Virtual devices as changes of a VM's configuration."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from pyVmomi import vim

from cpi.contract import CloudError, Network
from cpi.vsphere.inventory import Place

dev: Any = vim.vm.device
OUI = (0x00, 0x50, 0x56)
"""VMware's: addresses that are set lie in its lower quarter."""
RESERVED_UNIT, UNITS = 7, 16
CONTROLLERS = {
    "paravirtual": "ParaVirtualSCSIController",
    "lsi_logic": "VirtualLsiLogicController",
    "lsi_logic_sas": "VirtualLsiLogicSASController",
}


def added(device: Any, *, create: bool = False) -> Any:
    """A device comes; `create` makes its file too."""
    return dev.VirtualDeviceSpec(operation="add", device=device, fileOperation="create" if create else None)


def edited(device: Any) -> Any:
    """A device changes."""
    return dev.VirtualDeviceSpec(operation="edit", device=device)


def removed(device: Any) -> Any:
    """A device goes; a disk's file stays."""
    return dev.VirtualDeviceSpec(operation="remove", device=device)


def options(values: Mapping[str, str]) -> list[Any]:
    """Extra configuration."""
    return [vim.option.OptionValue(key=key, value=value) for key, value in values.items()]


def controller(place: Place, found: Sequence[Any]) -> Any:
    """The SCSI controller that disks hang on."""
    first = next((one for one in found if isinstance(one, dev.VirtualSCSIController)), None)
    if first is None:
        raise CloudError("the stemcell has no SCSI controller for disks", facts=place.facts())
    return first


def disks_of(found: Sequence[Any]) -> list[Any]:
    """The disks among devices."""
    return [one for one in found if isinstance(one, dev.VirtualDisk)]


def free_unit(place: Place, found: Sequence[Any], controller_key: int, lowest: int) -> int:
    """The first unit of the controller from `lowest` on that has no device."""
    taken = {one.unitNumber for one in found if one.controllerKey == controller_key}
    for unit in range(lowest, UNITS):
        if unit not in taken and unit != RESERVED_UNIT:
            return unit
    raise CloudError("no unit of the SCSI controller is free for another disk", facts=place.facts())


def disk(store: Any, path: str, controller_key: int, unit: int, size: int, type: str, *, persistent: bool) -> Any:
    """A disk of `size` MiB; `path` empty lets vCenter name it. A persistent one is left out of the VM's snapshots."""
    backing = dev.VirtualDisk.FlatVer2BackingInfo(
        fileName=path,
        datastore=store,
        diskMode="independent_persistent" if persistent else "persistent",
        thinProvisioned=type == "thin",
        eagerlyScrub=type == "eagerZeroedThick",
    )
    return dev.VirtualDisk(
        key=-200 - unit, controllerKey=controller_key, unitNumber=unit, backing=backing,
        capacityInKB=size * 1024, capacityInBytes=size * 1024 * 1024,
    )  # fmt: skip


def cards(place: Place, networks: Mapping[str, Network], names: Mapping[str, str], cid: str) -> dict[str, Any]:
    """Network name -> its card. Networks of one nic_group share a card."""
    by_group: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for name, network in networks.items():
        group = network.nic_group or f"\0{name}"
        if group not in by_group:
            by_group[group] = dev.VirtualVmxnet3(
                key=-100 - len(by_group),
                backing=_backing(place, place.network(names[name])),
                addressType="manual",
                macAddress=mac_of(network.ip, names[name], f"{cid}/{name}"),
                connectable=dev.VirtualDevice.ConnectInfo(startConnected=True, connected=True, allowGuestControl=True),
            )
        found[name] = by_group[group]
    return found


def mac_of(ip: str | None, network: str, otherwise: str) -> str:
    """A MAC that follows from the address: a recreated VM keeps it, so no neighbour holds a stale one.

    The last 22 bits of an IPv4 address differ within any network; the network's name turns them, so that equal
    addresses of other networks rarely meet."""
    try:
        address = ipaddress.ip_address(ip or "")
        bits = int(address) if address.version == 4 else _hash(address.packed)
    except ValueError:
        bits = _hash(otherwise.encode())
    bits = (bits ^ _hash(network.encode())) & 0x3FFFFF
    return ":".join(f"{octet:02x}" for octet in (*OUI, *bits.to_bytes(3)))


def choose_controller(spec: Any, type: str) -> None:
    """Give an import's disks the wanted kind of SCSI controller."""
    for change in spec.deviceChange or []:
        old = change.device
        if isinstance(old, dev.VirtualSCSIController):
            kind = getattr(dev, CONTROLLERS[type])
            change.device = kind(key=old.key, busNumber=old.busNumber, sharedBus="noSharing", unitNumber=old.unitNumber)


def passthroughs(pci: Sequence[tuple[int, int]], vgpus: Sequence[str]) -> list[Any]:
    """Devices of the host that the VM gets."""
    kind = dev.VirtualPCIPassthrough
    allowed = [
        kind.DynamicBackingInfo(deviceName="", allowedDevice=[kind.AllowedDevice(vendorId=vendor, deviceId=device)])
        for vendor, device in pci
    ]
    backings = [*allowed, *(kind.VmiopBackingInfo(vgpu=profile) for profile in vgpus)]
    return [added(kind(key=-300 - number, backing=backing)) for number, backing in enumerate(backings)]


def _backing(place: Place, network: Any) -> Any:
    card = dev.VirtualEthernetCard
    if isinstance(network, vim.dvs.DistributedVirtualPortgroup):
        values = place.read(network, "key", "config.distributedVirtualSwitch") or {}
        switch = place.read(values["config.distributedVirtualSwitch"], "uuid") or {}
        port = vim.dvs.PortConnection(portgroupKey=values["key"], switchUuid=switch["uuid"])
        return card.DistributedVirtualPortBackingInfo(port=port)
    if isinstance(network, vim.OpaqueNetwork):
        summary = (place.read(network, "summary") or {})["summary"]
        return card.OpaqueNetworkBackingInfo(
            opaqueNetworkId=summary.opaqueNetworkId, opaqueNetworkType=summary.opaqueNetworkType
        )
    values = place.read(network, "name") or {}
    return card.NetworkBackingInfo(deviceName=values.get("name"), network=network)


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest()[:4])
