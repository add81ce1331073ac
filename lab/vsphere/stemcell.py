"""Stemcells for the simulated vCenter: an OVF descriptor and a system disk in one archive. What the disk holds, the watcher boots."""

from __future__ import annotations

from pathlib import Path

from lab.watcher.stemcell import rewrapped

FORMAT = "vsphere-ovf"
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
    {"Address": 0, "ElementName": "SCSI", "InstanceID": 3, "ResourceSubType": "lsilogic", "ResourceType": 6},
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


def descriptor(size: int, capacity: int, disk: str = DISK) -> str:
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
        f'<References><File ovf:href="{disk}" ovf:id="file1" ovf:size="{size}"/></References>'
        f'<DiskSection><Info>Disks</Info><Disk ovf:capacity="{capacity}" ovf:capacityAllocationUnits="byte * 2^20" '
        f'ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="{streamed}"/></DiskSection>'
        '<NetworkSection><Info>Networks</Info><Network ovf:name="bosh"><Description>Any</Description></Network></NetworkSection>'
        '<VirtualSystem ovf:id="stemcell"><Info>A stemcell</Info><Name>stemcell</Name>'
        '<OperatingSystemSection ovf:id="94"><Info>Linux</Info></OperatingSystemSection>'
        "<VirtualHardwareSection><Info>Hardware</Info><System><vssd:ElementName>hardware</vssd:ElementName>"
        "<vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemType>vmx-09</vssd:VirtualSystemType></System>"
        f"{items}</VirtualHardwareSection></VirtualSystem></Envelope>"
    )


def convert(stemcell: Path, out: Path) -> Path:
    """A stemcell of a root tree (format libvirt-rootfs) as one for the simulated vCenter: its system disk is the tree's archive."""
    return rewrapped(stemcell, out, "vsphere-lab", _image, stemcell_formats=[FORMAT])


def _image(tree: bytes) -> dict[str, bytes]:
    # a capacity below what is uploaded leaves the file as it is: vcsim copies a disk byte by byte for each VM
    return {"image.ovf": descriptor(len(tree), 1).encode(), DISK: tree}
