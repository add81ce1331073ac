"""A disk as vSphere takes it: an OVF descriptor, its digests, and the disk as a streamed VMDK, in one archive (OVF 1.1, DSP0243)."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from stemcells.recipe import RecipeError

DISK = "image-disk1.vmdk"
SCHEMAS = "http://schemas.dmtf.org"
ITEMS = (
    {"ElementName": "1 cpu", "InstanceID": 1, "ResourceType": 3, "VirtualQuantity": 1},
    {
        "AllocationUnits": "byte * 2^20",
        "ElementName": "memory",
        "InstanceID": 2,
        "ResourceType": 4,
        "VirtualQuantity": 512,
    },
    {"Address": 0, "ElementName": "SCSI", "InstanceID": 3, "ResourceSubType": "VirtualSCSI", "ResourceType": 6},
    {"Address": 1, "ElementName": "IDE", "InstanceID": 4, "ResourceType": 5},
    {
        "AddressOnParent": 0,
        "AutomaticAllocation": "false",
        "ElementName": "CD",
        "InstanceID": 5,
        "Parent": 4,
        "ResourceType": 15,
    },
    {
        "AddressOnParent": 0,
        "ElementName": "disk0",
        "HostResource": "ovf:/disk/vmdisk1",
        "InstanceID": 6,
        "Parent": 3,
        "ResourceType": 17,
    },
    {
        "AddressOnParent": 7,
        "AutomaticAllocation": "true",
        "Connection": "bosh",
        "ElementName": "card",
        "InstanceID": 7,
        "ResourceSubType": "vmxnet3",
        "ResourceType": 10,
    },
)
"""The virtual hardware, by the names of CIM's resource allocation settings, in the order that their schema wants."""


def descriptor(size: int, capacity: int) -> str:
    """Of a VM with one disk: `size` bytes in the archive, `capacity` MiB for the guest."""
    items = "".join(
        "<Item>" + "".join(f"<rasd:{key}>{value}</rasd:{key}>" for key, value in item.items()) + "</Item>"
        for item in ITEMS
    )
    streamed = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"
    return (
        f'<?xml version="1.0"?><Envelope xmlns="{SCHEMAS}/ovf/envelope/1" xmlns:ovf="{SCHEMAS}/ovf/envelope/1" '
        f'xmlns:rasd="{SCHEMAS}/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" '
        f'xmlns:vssd="{SCHEMAS}/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">'
        f'<References><File ovf:href="{DISK}" ovf:id="file1" ovf:size="{size}"/></References>'
        f'<DiskSection><Info>Disks</Info><Disk ovf:capacity="{capacity}" ovf:capacityAllocationUnits="byte * 2^20" '
        f'ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="{streamed}"/></DiskSection>'
        '<NetworkSection><Info>Networks</Info><Network ovf:name="bosh"><Description>Any</Description></Network></NetworkSection>'
        '<VirtualSystem ovf:id="stemcell"><Info>A stemcell</Info><Name>stemcell</Name>'
        '<OperatingSystemSection ovf:id="96"><Info>Debian, 64 bits</Info></OperatingSystemSection>'
        "<VirtualHardwareSection><Info>Hardware</Info><System><vssd:ElementName>hardware</vssd:ElementName>"
        "<vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemType>vmx-09</vssd:VirtualSystemType></System>"
        f"{items}</VirtualHardwareSection></VirtualSystem></Envelope>"
    )


def image(disk: Path, capacity: int, work: Path) -> list[Path]:
    """The files of the archive in their order, written to `work`, from a disk that qemu-img reads, of `capacity` MiB. RecipeError if it cannot be converted."""
    described, digests, vmdk = work / "image.ovf", work / "image.mf", work / DISK
    command = ["qemu-img", "convert", "-O", "vmdk", "-o", "subformat=streamOptimized,adapter_type=lsilogic"]
    done = subprocess.run([*command, str(disk), str(vmdk)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RecipeError(f"qemu-img: {done.stderr.strip()[-500:]}")
    described.write_text(descriptor(vmdk.stat().st_size, capacity))
    digests.write_text("".join(f"SHA256({path.name})= {_sha256(path)}\n" for path in (described, vmdk)))
    return [described, digests, vmdk]  # a descriptor is followed by its digests, as readers of such archives expect it


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
