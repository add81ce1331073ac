"""``persistent_disk``, ``persistent_disk_type`` and ``persistent_disks`` of an instance group."""

from __future__ import annotations

from director.manifest.reader import Node, did_you_mean, unique
from director.model.cloud_config import CloudConfig, DiskType
from director.model.deployment import DiskWanted

UNKNOWN_DISK_TYPE = 140012
BAD_DISK = 140013
OLD_DISK_POOL = 140027

_FORMS = ("persistent_disk", "persistent_disk_type", "persistent_disks")


def read_disks(node: Node, group: str, cloud: CloudConfig) -> tuple[DiskWanted | None, tuple[DiskWanted, ...]]:
    """The managed disk (None for none, or a size of 0), and the named ones that a job manages itself."""
    if "persistent_disk_pool" in node:
        message = (
            "`persistent_disk_pool` is not supported as an `instance_groups` key. Please use `persistent_disk_type`"
            " instead."
        )
        node.fault(message, "Name a disk type of the cloud config.", code=OLD_DISK_POOL, at="persistent_disk_pool")
    given = [key for key in _FORMS if node.value.get(key) is not None]
    if len(given) > 1:
        message = (
            f"Instance group '{group}' specifies more than one of the following keys: 'persistent_disk',"
            " 'persistent_disk_type', and 'persistent_disks'. Choose one."
        )
        node.fault(message, f"Remove {' or '.join(given[1:])}.", code=BAD_DISK, at=given[1])
    return _by_size(node) or _by_type(node, group, cloud), _named(node, group, cloud)


def _by_size(node: Node) -> DiskWanted | None:
    size = node.integer("persistent_disk", required=False, least=0, code=BAD_DISK)
    return DiskWanted(size) if size else None


def _by_type(node: Node, group: str, cloud: CloudConfig) -> DiskWanted | None:
    name = node.text("persistent_disk_type", required=False)
    if name is None:
        return None
    found = _type(node, "persistent_disk_type", f"Instance group '{group}' references", name, cloud)
    return DiskWanted(found.disk_size, name, found.cloud_properties) if found else None


def _named(node: Node, group: str, cloud: CloudConfig) -> tuple[DiskWanted, ...]:
    found: list[tuple[DiskWanted, Node]] = []
    for item in node.items("persistent_disks"):
        if not item.value.get("name"):
            message = f"Instance group '{group}' persistent_disks's section contains a disk with no name"
            item.fault(message, "Name the disk.", code=BAD_DISK)
            continue
        name, type_name = item.text("name"), item.text("type")
        if name is None or type_name is None:
            continue
        words = f"Instance group '{group}' persistent_disks's section references"
        kind = _type(item, "type", words, type_name, cloud)
        if kind:
            found.append((DiskWanted(kind.disk_size, name, kind.cloud_properties), item))
    unique(
        [(one.name, place) for one, place in found],
        f"Instance group '{group}' persistent_disks's section contains duplicate names: '{{name}}'",
        code=BAD_DISK,
    )
    return tuple(one for one, _ in found)


def _type(node: Node, key: str, words: str, name: str, cloud: CloudConfig) -> DiskType | None:
    found = cloud.disk_types.get(name)
    if found is None:
        message = f"{words} an unknown disk type '{name}'"
        node.fault(message, did_you_mean(name, cloud.disk_types), code=UNKNOWN_DISK_TYPE, at=key)
    return found
