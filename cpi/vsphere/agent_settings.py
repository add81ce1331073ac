"""The settings document that the agent reads at its first start: on a CD-ROM, and in guestinfo for those that look there."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from pyVmomi import vim

from cpi.contract import CloudError, Json
from cpi.vsphere import iso, transfer
from cpi.vsphere.config import Config
from cpi.vsphere.inventory import Place

FILE, ISO = "env", "env.iso"
GUESTINFO = "guestinfo.userdata"
SYSTEM_UNIT, EPHEMERAL_UNIT = 0, 1
"""Units of the SCSI controller."""


def settings_of(config: Config, agent_id: str, cid: str, networks: Mapping[str, Json], env: Json) -> bytes:
    """Complete settings as JSON; disks.persistent stays empty, the director tells the agent each disk's hint."""
    return json.dumps(
        {
            "agent_id": agent_id,
            "vm": {"name": cid, "id": cid},
            "mbus": config.mbus,
            "ntp": list(config.ntp),
            "blobstore": dict(config.blobstore),
            "disks": {"system": str(SYSTEM_UNIT), "ephemeral": str(EPHEMERAL_UNIT), "persistent": {}},
            "networks": {name: dict(network) for name, network in networks.items()},
            "env": dict(env),
        }
    ).encode()


def guestinfo(settings: bytes) -> dict[str, str]:
    """Extra configuration that holds the settings."""
    return {GUESTINFO: base64.b64encode(settings).decode(), f"{GUESTINFO}.encoding": "base64"}


def cdrom(place: Place, vmx: str, devices: list[Any], settings: bytes) -> Any:
    """Put the ISO beside the VM's files; the device change that loads it into its CD-ROM drive."""
    folder = vmx.rpartition("/")[0]
    store, _, path = folder.removeprefix("[").partition("] ")
    transfer.put_file(place, store, f"{path}/{ISO}", iso.image(FILE, settings))
    drive = next((one for one in devices if isinstance(one, vim.vm.device.VirtualCdrom)), None)
    backing = vim.vm.device.VirtualCdrom.IsoBackingInfo(fileName=f"{folder}/{ISO}")
    connectable = vim.vm.device.VirtualDevice.ConnectInfo(startConnected=True, connected=True, allowGuestControl=True)
    change = vim.vm.device.VirtualDeviceSpec
    if drive is not None:
        drive.backing, drive.connectable = backing, connectable
        return change(operation="edit", device=drive)
    controller = next((one for one in devices if isinstance(one, vim.vm.device.VirtualIDEController)), None)
    if controller is None:
        raise CloudError("the stemcell has neither a CD-ROM drive nor an IDE controller for one", facts=place.facts())
    drive = vim.vm.device.VirtualCdrom(
        key=-400, controllerKey=controller.key, unitNumber=0, backing=backing, connectable=connectable
    )
    return change(operation="add", device=drive)
