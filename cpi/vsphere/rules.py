"""DRS: VMs kept apart, VMs kept on a group of hosts, VMs left alone. One cluster is changed by one call at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyVmomi import vim

from cpi.vsphere import metadata, reads, tasks
from cpi.vsphere.inventory import Place
from cpi.vsphere.locks import lock
from cpi.vsphere.placement import Spot

ATTRIBUTE = "drs_rule"
"""Custom attribute of a VM: the rules that keep it apart, with commas between them."""
EX: Any = vim.cluster


def join(place: Place, spot: Spot, vm: Any, apart: Sequence[str], vm_group: str, *, disable_drs: bool) -> None:
    """Bring a new VM under its rules. A rule needs two VMs: with one it is only written down on the VM."""
    if not (apart or vm_group or spot.cluster.host_group or disable_drs):
        return
    with lock(place.config, place.call, "cluster", spot.cluster.name):
        if apart:
            metadata.set_attribute(place, vm, ATTRIBUTE, ",".join(apart))
        now = _now(place, spot.ref)
        spec = EX.ConfigSpecEx()
        spec.rulesSpec = [rule for name in apart if (rule := _apart(place, spot.ref, now, name)) is not None]
        groups = {vm_group} if vm_group else set[str]()
        if spot.cluster.host_group:
            own = f"{spot.cluster.name}_{spot.cluster.host_group}_vms"
            groups.add(own)
            if not any(rule.name == own for rule in now["configurationEx.rule"]):
                info = EX.VmHostRuleInfo(
                    name=own, enabled=True, mandatory=spot.cluster.host_rule == "MUST", vmGroupName=own,
                    affineHostGroupName=spot.cluster.host_group,
                )  # fmt: skip
                spec.rulesSpec.append(EX.RuleSpec(operation="add", info=info))
        spec.groupSpec = [_grouped(now, name, vm) for name in sorted(groups)]
        if disable_drs:
            spec.drsVmConfigSpec = [EX.DrsVmConfigSpec(operation="add", info=EX.DrsVmConfigInfo(key=vm, enabled=False))]
        _reconfigure(place, spot.ref, spec)


def leave(place: Place, vm: Any) -> None:
    """Take a VM that goes out of rules and groups; those that keep nobody any more go too. Its override vCenter drops."""
    host = (place.read(vm, "runtime.host") or {}).get("runtime.host")
    ref = (place.read(host, "parent") or {}).get("parent") if host is not None else None
    if not isinstance(ref, vim.ClusterComputeResource):
        return
    name = str((place.read(ref, "name") or {}).get("name"))
    with lock(place.config, place.call, "cluster", name):
        now = _now(place, ref)
        spec = EX.ConfigSpecEx(rulesSpec=[], groupSpec=[])
        emptied: set[str] = set()
        for group in now["configurationEx.group"]:
            if isinstance(group, EX.VmGroup) and vm in (group.vm or []):
                group.vm = [one for one in group.vm if one != vm]
                gone = not group.vm and group.name.startswith(f"{name}_")
                emptied |= {group.name} if gone else set()
                spec.groupSpec.append(
                    EX.GroupSpec(operation="remove", removeKey=group.name)
                    if gone
                    else EX.GroupSpec(operation="edit", info=group)
                )
        for rule in now["configurationEx.rule"]:
            if isinstance(rule, EX.AntiAffinityRuleSpec) and vm in (rule.vm or []):
                rule.vm = [one for one in rule.vm if one != vm]
                spec.rulesSpec.append(_edited(rule) if len(rule.vm) > 1 else _dropped(rule))
            elif isinstance(rule, EX.VmHostRuleInfo) and rule.vmGroupName in emptied:
                spec.rulesSpec.append(_dropped(rule))
        _reconfigure(place, ref, spec)


def _reconfigure(place: Place, ref: Any, spec: Any) -> None:
    if spec.rulesSpec or spec.groupSpec or spec.drsVmConfigSpec:
        tasks.run(
            place.session, place.call, "set the cluster's rules",
            lambda _: ref.ReconfigureComputeResource_Task(spec, True),
        )  # fmt: skip


def _now(place: Place, ref: Any) -> dict[str, list[Any]]:
    paths = ("configurationEx.rule", "configurationEx.group")
    values = place.read(ref, *paths) or {}
    return {path: list(values.get(path) or []) for path in paths}


def _apart(place: Place, ref: Any, now: dict[str, list[Any]], name: str) -> Any:
    hosts = {host._moId for host in (place.read(ref, "host") or {}).get("host") or []}
    key = metadata.attribute_key(place, ATTRIBUTE)
    known = reads.below(
        place.session, place.call, place.vm_folder(), vim.VirtualMachine, ("customValue", "runtime.host")
    )
    members = [
        one
        for one, values in known
        if values.get("runtime.host") is not None and values["runtime.host"]._moId in hosts
        and any(field.key == key and name in str(field.value).split(",") for field in values.get("customValue") or [])
    ]  # fmt: skip
    if len(members) < 2:
        return None
    old = next((one for one in now["configurationEx.rule"] if one.name == name), None)
    if old is not None:
        old.vm = members
        return _edited(old)
    return EX.RuleSpec(operation="add", info=EX.AntiAffinityRuleSpec(name=name, enabled=True, vm=members))


def _grouped(now: dict[str, list[Any]], name: str, vm: Any) -> Any:
    old = next((one for one in now["configurationEx.group"] if one.name == name), None)
    if old is None:
        return EX.GroupSpec(operation="add", info=EX.VmGroup(name=name, vm=[vm]))
    old.vm = [*(one for one in old.vm or [] if one != vm), vm]
    return EX.GroupSpec(operation="edit", info=old)


def _edited(rule: Any) -> Any:
    return EX.RuleSpec(operation="edit", info=rule)


def _dropped(rule: Any) -> Any:
    return EX.RuleSpec(operation="remove", removeKey=rule.key)
