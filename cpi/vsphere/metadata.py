"""The director's tags as custom attributes, and vSphere tags that exist already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pyVmomi import vim

from cpi.contract import CloudError
from cpi.vsphere import transfer
from cpi.vsphere.inventory import Place

TAGGING = "/rest/com/vmware/cis/tagging"


def set_all(place: Place, vm: Any, tags: Mapping[str, str]) -> None:
    """One custom attribute for each tag; what has its value already is left."""
    known = {name: key for name, key in _fields(place).items() if name in tags}
    values = (place.read(vm, "customValue") or {}).get("customValue") or []
    now = {field.key: str(field.value) for field in values}
    for name, value in tags.items():
        if name not in known or now.get(known[name]) != value:
            set_attribute(place, vm, name, value)


def set_attribute(place: Place, vm: Any, name: str, value: str) -> None:
    """Set a custom attribute; vCenter learns its name if it is new."""
    key = attribute_key(place, name)
    place.session.ask(place.call, lambda content: content.customFieldsManager.SetField(vm, key, value))


def attribute_key(place: Place, name: str) -> int:
    """vCenter's number of a custom attribute of VMs."""
    found = _fields(place).get(name)
    if found is not None:
        return found
    try:
        made = place.session.ask(
            place.call, lambda content: content.customFieldsManager.AddCustomFieldDef(name, vim.VirtualMachine, None, None)
        )  # fmt: skip
        return int(made.key)
    except vim.fault.DuplicateName:
        return _fields(place)[name]


def attach_tags(place: Place, vm: Any, tags: Sequence[tuple[str, str]]) -> None:
    """Attach tags; CloudError names one that does not exist."""
    if not tags:
        return
    ids = [_tag_id(place, category, tag) for category, tag in tags]
    thing = {"object_id": {"id": vm._moId, "type": "VirtualMachine"}}
    for id in ids:
        transfer.rest(place, "POST", f"{TAGGING}/tag-association/id:{id}?~action=attach", thing)


def check_tags(place: Place, tags: Sequence[tuple[str, str]]) -> None:
    """Refuse tags that do not exist, before a VM is made."""
    for category, tag in tags:
        _tag_id(place, category, tag)


def _tag_id(place: Place, category: str, tag: str) -> str:
    for category_id in cast("list[str]", transfer.rest(place, "GET", f"{TAGGING}/category") or []):
        if transfer.rest(place, "GET", f"{TAGGING}/category/id:{category_id}")["name"] != category:
            continue
        listed = transfer.rest(place, "POST", f"{TAGGING}/tag/id:{category_id}?~action=list-tags-for-category", {})
        for id in cast("list[str]", listed or []):
            if transfer.rest(place, "GET", f"{TAGGING}/tag/id:{id}")["name"] == tag:
                return id
    raise CloudError(f"tag '{tag}' of category '{category}' does not exist; make it in vCenter", facts=place.facts())


def _fields(place: Place) -> dict[str, int]:
    found = place.session.ask(place.call, lambda content: list(content.customFieldsManager.field or []))
    return {
        str(one.name): int(one.key)
        for one in found
        if one.managedObjectType in (None, vim.VirtualMachine, vim.ManagedEntity)
    }
