"""VMs: cloned under the name of the caller's key, so that a second try finds the first one's remains; removed without a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pyVmomi import vim, vmodl

from cpi.contract import (
    CloudError,
    CpiError,
    DeadlineExceeded,
    Facts,
    Json,
    Network,
    VmCreated,
    VMCreationFailed,
    VMNotFound,
)
from cpi.vsphere import addresses, agent_settings, devices, metadata, records, rules, tasks
from cpi.vsphere.clone import Plan, changes_of, clone
from cpi.vsphere.errors import AnswerLost, remedy, sentence, told
from cpi.vsphere.inventory import Place
from cpi.vsphere.locks import lock
from cpi.vsphere.names import readable
from cpi.vsphere.removal import remove
from cpi.vsphere.vm_properties import VmWish, network_name


def create(
    place: Place,
    cid: str,
    agent_id: str,
    stemcell_cid: str,
    cloud_properties: Json,
    networks: Mapping[str, Network],
    disk_cids: Sequence[str],
    env: Json,
) -> VmCreated:
    """Clone and power on a VM. Under a key that was used: the VM of that key, if it was finished for this agent."""
    wish = VmWish.parse(place.config, cloud_properties)
    names = {name: network_name(network) for name, network in networks.items()}
    with lock(place.config, place.call, "vm", cid), told(f"create VM '{cid}'", place.endpoint):
        cards = devices.cards(place, networks, names, cid)
        answer = {name: {**network.raw, "mac": cards[name].macAddress} for name, network in networks.items()}
        if _adopted(place, cid, agent_id):
            return VmCreated(cid, answer)
        metadata.check_tags(place, wish.tags)
        if place.config.no_ip_conflicts:
            addresses.check_free(place, networks, names)
        settings = agent_settings.settings_of(place.config, agent_id, cid, answer, env)
        apart, name = _rules_of(place, env), _name_of(wish, cid, env)
        plan = Plan(cid, name, agent_id, stemcell_cid, wish, tuple(_unique(cards)), settings, tuple(disk_cids), apart)
        try:
            _make(place, plan)
        except AnswerLost:
            raise  # the whole call begins anew: it finds what came of this one
        except (CpiError, tasks.TaskFailed, vmodl.MethodFault) as error:
            raise _failed(place, cid, error) from error
        return VmCreated(cid, answer)


def delete(place: Place, cid: str) -> None:
    """Remove the VM; its disks are kept, detached."""
    with lock(place.config, place.call, "vm", cid), told(f"delete VM '{cid}'", place.endpoint):
        found = place.find_vm(cid)
        if found is not None:
            remove(place, found, cid)


def exists(place: Place, cid: str) -> bool:
    """Whether the VM is there, running or not."""
    return place.find_vm(cid) is not None


def reboot(place: Place, cid: str) -> None:
    """Restart by the guest's tools where they run, else by a reset; start it if it is off."""
    with lock(place.config, place.call, "vm", cid), told(f"reboot VM '{cid}'", place.endpoint):
        vm = place.vm(cid)
        values = place.read(vm, "runtime.powerState", "guest.toolsRunningStatus")
        if values is None:
            raise place.no_vm(cid)
        if values.get("runtime.powerState") != "poweredOn":
            _power_on(place, vm, cid)
        elif values.get("guest.toolsRunningStatus") != "guestToolsRunning" or not _told_guest(place, vm):
            _run(place, f"reset VM '{cid}'", vm.ResetVM_Task)


def set_metadata(place: Place, cid: str, tags: Mapping[str, str]) -> None:
    """Keep the tags as custom attributes."""
    with lock(place.config, place.call, "vm", cid), told(f"set metadata of VM '{cid}'", place.endpoint):
        try:
            metadata.set_all(place, place.vm(cid), tags)
        except vmodl.fault.ManagedObjectNotFound as fault:
            raise place.no_vm(cid) from fault


def find(place: Place, cid: str) -> str | None:
    """The finished VM of this CID. An unfinished one, whose creator is dead, is removed: None is then final."""
    with lock(place.config, place.call, "vm", cid), told(f"find VM '{cid}'", place.endpoint):
        tasks.settle(place.session, place.call)
        return cid if _adopted(place, cid, None) else None


def _adopted(place: Place, cid: str, agent_id: str | None) -> bool:
    """Whether a finished VM is there, switched on if its creator did not come to that; an unfinished one is removed."""
    vm = place.find_vm(cid)
    if vm is None:
        return False
    record = records.of(place, vm)
    if record is None:
        return False
    owner = record.get(records.AGENT)
    if record.get(records.CID) != cid:
        raise CloudError(f"VM '{cid}' in vCenter was not made by this CPI; it is left alone", facts=place.facts())
    if record.get(records.STATE) != records.READY:
        place.call.log(f"VM '{cid}' was not finished: it is removed")
        remove(place, vm, cid)
        return False
    if agent_id is not None and owner != agent_id:
        raise CloudError(f"VM '{cid}' exists for agent {owner}; use another key or delete it", facts=place.facts())
    _power_on(place, vm, cid)
    place.call.log(f"VM '{cid}' exists")
    return True


def _make(place: Place, plan: Plan) -> None:
    cid, wish = plan.cid, plan.wish
    vm, spot = clone(place, plan)
    values = place.read(vm, "config.hardware.device", "config.files.vmPathName")
    if values is None:
        raise VMNotFound(f"VM '{cid}' vanished while it was made", facts=place.facts())
    found = list(values["config.hardware.device"])
    rules.join(place, spot, vm, (*spot.cluster.separate, *plan.apart), wish.vm_group, disable_drs=wish.disable_drs)
    metadata.attach_tags(place, vm, wish.tags)
    if wish.upgrade_hw_version:
        _run(
            place, f"upgrade VM '{cid}'", lambda: vm.UpgradeVM_Task(f"vmx-{place.config.hw_version}"),
            "AlreadyUpgraded",
        )  # fmt: skip
    drive = agent_settings.cdrom(place, values["config.files.vmPathName"], found, plan.settings)
    spec = vim.vm.ConfigSpec(
        deviceChange=[drive, *changes_of(place, wish)],
        extraConfig=devices.options({records.STATE: records.READY}),
    )
    _run(place, f"configure VM '{cid}'", lambda: vm.ReconfigVM_Task(spec))
    _power_on(place, vm, cid)
    place.call.log(f"VM '{cid}' runs in cluster {spot.cluster.name} on datastore {spot.store.name}")


def _failed(place: Place, cid: str, error: Exception) -> CpiError:
    cause: Any = error.error if isinstance(error, tasks.TaskFailed) else error
    if isinstance(cause, DeadlineExceeded):
        return cause  # there is no time to remove anything: find does, by the key
    cleanup = ""
    try:
        found = place.find_vm(cid)
        if found is not None and (records.of(place, found) or {}).get(records.CID) == cid:
            remove(place, found, cid)
    except (CpiError, vmodl.MethodFault) as second:
        cleanup = f"{second}; delete_vm '{cid}' tries again"
    if isinstance(cause, CpiError) and type(cause) is not CloudError and not cleanup:
        return cause
    known = isinstance(cause, CpiError)
    reason = cause.message if known else f"{sentence(cause)}; {remedy(cause)}"
    facts = Facts(endpoint=place.endpoint, request_id=cause.facts.request_id if known else "", cleanup=cleanup)
    return VMCreationFailed(f"VM '{cid}' cannot be created: {reason}", ok_to_retry=not cleanup, facts=facts)


def _power_on(place: Place, vm: Any, cid: str) -> None:
    state = (place.read(vm, "runtime.powerState") or {}).get("runtime.powerState")
    if state != "poweredOn":
        _run(place, f"power on VM '{cid}'", vm.PowerOnVM_Task, "InvalidPowerState")


def _told_guest(place: Place, vm: Any) -> bool:
    try:
        place.session.ask(place.call, lambda _: vm.RebootGuest(), safe=False)
    except vmodl.MethodFault:
        return False
    return True


def _run(place: Place, what: str, begin: Any, *passed: str) -> None:
    try:
        tasks.run(place.session, place.call, what, lambda _: begin())
    except tasks.TaskFailed as failed:
        if failed.of("ManagedObjectNotFound"):
            raise VMNotFound(failed.error.message, facts=place.facts()) from failed
        if not failed.of(*passed):
            raise failed.error from failed


def _unique(cards: Mapping[str, Any]) -> list[Any]:
    return list({card.key: card for card in cards.values()}.values())


def _bosh(env: Json) -> Mapping[str, Any]:
    bosh = env.get("bosh")
    return cast("Mapping[str, Any]", bosh) if isinstance(bosh, Mapping) else {}


def _rules_of(place: Place, env: Json) -> tuple[str, ...]:
    group = _bosh(env).get("group")
    return (str(group),) if place.config.anti_affinity and group else ()


def _name_of(wish: VmWish, cid: str, env: Json) -> str:
    groups = _bosh(env).get("groups")
    if not wish.readable_name or not isinstance(groups, list) or len(cast("list[Any]", groups)) < 3:
        return cid
    _, deployment, group, *_ = cast("list[Any]", groups)
    return readable(cid, str(group), str(deployment))
