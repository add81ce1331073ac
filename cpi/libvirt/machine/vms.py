"""Machines: defined under the caller's key before anything of theirs is made, so that `find` sees whatever there is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import cast

import libvirt

from cpi.contract import Call, CloudError, CpiError, Facts, Json, Network, VmCreated, VMCreationFailed, VMNotFound
from cpi.libvirt import metadata
from cpi.libvirt.config import KVM, Config, is_remote
from cpi.libvirt.connection import connect, domain, find_domain
from cpi.libvirt.errors import told
from cpi.libvirt.machine import host, images, pools, record, settings
from cpi.libvirt.machine.pools import MIB, Pool, VolumeSpec
from cpi.libvirt.machine.record import MAKING, READY, Record
from cpi.libvirt.machine.xml import MachineSpec, agent_connected, machine_xml
from cpi.libvirt.names import cid_of
from cpi.libvirt.networks import cards_of, settled
from cpi.libvirt.properties import VmProperties
from cpi.libvirt.records import Shelf

OWN_VOLUMES = ("root.qcow2", "ephemeral.qcow2", "config.iso", "console")
"""Ends of the names of a machine's own volumes."""
SHUTDOWN_WAIT = 60.0
BUTTON_WAIT = 15.0
"""Seconds for an orderly end: with the guest agent at work, and by the power button alone; then the power is cut."""
HOPELESS = {libvirt.VIR_ERR_CONFIG_UNSUPPORTED, libvirt.VIR_ERR_XML_ERROR, libvirt.VIR_ERR_XML_DETAIL}
"""libvirt's refusals of what was asked for: they stay the same when it is asked again."""
AGENT_WAIT = 5
"""Seconds that libvirt waits for the guest agent's word."""


def create(
    config: Config,
    call: Call,
    agent_id: str,
    stemcell_cid: str,
    cloud_properties: Json,
    networks: Mapping[str, Network],
    env: Json,
) -> VmCreated:
    """Make and start a machine. Under a key that was used: the machine of that key, if it was finished for this agent."""
    cid = cid_of(config.prefix, "vm", call.key)
    wanted = VmProperties.parse(cloud_properties, config)
    cards = cards_of(networks, cid, config)
    answer = settled(networks, cards)
    with told(f"create VM '{cid}'", config.uri), _lock(config, call, cid):
        there = find_domain(config.uri, cid)
        known = record.read(there) if there is not None else None
        if known is not None and known.state == READY:
            if known.agent_id != agent_id:
                raise CloudError(f"VM '{cid}' exists for agent {known.agent_id}; use another key or delete it")
            call.log(f"VM '{cid}' exists")
            return VmCreated(cid, answer)
        kind = host.kind_of(config, call)
        host.check_cpu_model(config, wanted.cpu_model, kind)
        pool, image = pools.of_name(config.uri, wanted.storage_pool), images.image_of(config, stemcell_cid)
        _remove(config, cid)
        spec = MachineSpec(
            name=cid,
            key=call.key or "",
            kind=kind,
            arch=host.arch_of(config),
            wanted=wanted,
            cards=tuple({card.device: card for card in cards.values()}.values()),
            record=Record(agent_id, stemcell_cid, MAKING),
            console=f"{pool.path}/{cid}.console",
        )
        try:
            document = settings.document(config, agent_id, cid, answer, env, wanted)
            made = connect(config.uri).defineXML(machine_xml(spec))
            _fill(pool, spec, image, settings.drive(document, cid, answer, image.user_data))
            call.check()
            made = _started(config, call, made, spec)
            record.write(made, Record(agent_id, stemcell_cid, READY))
        except (CpiError, libvirt.libvirtError, OSError) as error:
            raise _failed(config, cid, error) from error
        call.log(f"VM '{cid}' is running, domain id {made.ID()}")
        return VmCreated(cid, answer)


def delete(config: Config, call: Call, cid: str) -> None:
    """Remove the machine; its persistent disks are volumes of their own, and stay."""
    with told(f"delete VM '{cid}'", config.uri), _lock(config, call, cid):
        _remove(config, cid)


def exists(config: Config, cid: str) -> bool:
    """Whether the machine is there, running or not."""
    Shelf(config.state_dir, "vm").folder(cid)
    found = find_domain(config.uri, cid)
    return found is not None and record.read(found) is not None


def reboot(config: Config, call: Call, cid: str) -> None:
    """End it in order, by force if that takes too long, and start it: it comes up with a new domain id."""
    with told(f"reboot VM '{cid}'", config.uri), Held(config, call, cid) as found:
        if found.isActive():
            _shut_down(call, found)
        call.check()
        found.create()


def set_metadata(config: Config, call: Call, cid: str, tags: Mapping[str, str]) -> None:
    """Keep the tags in the domain's XML, where any libvirt tool shows them."""
    with told(f"set metadata of VM '{cid}'", config.uri), Held(config, call, cid) as found:
        flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG | (libvirt.VIR_DOMAIN_AFFECT_LIVE if found.isActive() else 0)
        element = metadata.element(record.key_of(found), tags)
        found.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, element, metadata.PREFIX, metadata.NAMESPACE, flags)


def find(config: Config, call: Call, key: str) -> str | None:
    """The finished machine of this key. An unfinished one, whose creator is dead, is removed: None is then final."""
    cid = cid_of(config.prefix, "vm", key)
    with told(f"find VM of key '{key}'", config.uri), _lock(config, call, cid):
        found = find_domain(config.uri, cid)
        known = record.read(found) if found is not None else None
        if known is not None and known.state == READY:
            return cid
        if known is not None:
            call.log(f"VM '{cid}' was not finished: it is removed")
            _remove(config, cid)
        return None


class Held:
    """`with Held(...) as domain`: the lock of a machine that exists; VMNotFound otherwise."""

    def __init__(self, config: Config, call: Call, cid: str) -> None:
        self._config = config
        self._cid = cid
        self._lock = _lock(config, call, cid)

    def __enter__(self) -> libvirt.virDomain:
        if not exists(self._config, self._cid):
            raise VMNotFound(f"VM '{self._cid}' does not exist in libvirt at {self._config.uri}")
        self._lock.__enter__()
        try:
            return domain(self._config.uri, self._cid)
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise

    def __exit__(self, *_error: object) -> None:
        self._lock.__exit__(None, None, None)


def _lock(config: Config, call: Call, cid: str) -> AbstractContextManager[None]:
    return Shelf(config.state_dir, "vm").lock(cid, call)


def _started(config: Config, call: Call, made: libvirt.virDomain, spec: MachineSpec) -> libvirt.virDomain:
    """A host elsewhere may list KVM and not have it: only QEMU's start shows that. The processor is emulated then, unless KVM was asked for."""
    try:
        made.create()
    except libvirt.libvirtError as error:
        asked = config.virt_type == KVM or spec.wanted.cpu_model.startswith("host-")
        if spec.kind != "kvm" or asked or not is_remote(config.uri) or "kvm" not in str(error).lower():
            raise
        call.log(f"KVM cannot be used at {config.uri}: {str(error).splitlines()[0]}; the processor is emulated (TCG)")
        made = connect(config.uri).defineXML(machine_xml(replace(spec, kind="qemu")))
        made.create()
    return made


def _fill(pool: Pool, spec: MachineSpec, image: images.Image, drive: bytes) -> None:
    """The volumes that the definition names."""
    name, wanted = spec.name, spec.wanted
    size = max(wanted.root_disk * MIB, pools.size_of(image.volume))
    if image.form == "qcow2":
        pool.make(VolumeSpec(f"{name}.root.qcow2", size, backing=image.volume.path()))
    else:
        pool.copy(VolumeSpec(f"{name}.root.qcow2", size), image.volume)
    if wanted.ephemeral_disk:
        pool.make(VolumeSpec(f"{name}.ephemeral.qcow2", wanted.ephemeral_disk * MIB))
    pool.put(f"{name}.config.iso", drive)
    # Made here so that libvirt knows it: QEMU writes what the machine says from its start.
    pool.make(VolumeSpec(f"{name}.console", 1, "raw"))


def _failed(config: Config, cid: str, error: Exception) -> CpiError:
    cleanup = ""
    try:
        _remove(config, cid)
    except (CpiError, libvirt.libvirtError, OSError) as second:
        cleanup = f"{second}; delete_vm '{cid}' tries again"
    if isinstance(error, CpiError) and not cleanup:
        return error
    reason = error.message if isinstance(error, CpiError) else str(error)
    hopeless = isinstance(error, libvirt.libvirtError) and error.get_error_code() in HOPELESS
    facts = Facts(endpoint=config.uri, cleanup=cleanup)
    retry = not cleanup and not hopeless
    return VMCreationFailed(f"VM '{cid}' cannot be created: {reason}", ok_to_retry=retry, facts=facts)


def _remove(config: Config, cid: str) -> None:
    """The volumes first: while the definition is there, what is left is found by it. Without one (somebody else removed it) by their names."""
    found = find_domain(config.uri, cid)
    if found is not None:
        if record.read(found) is None:
            raise CloudError(f"domain '{cid}' at {config.uri} was not made by this CPI; it is left alone")
        _cut_power(found)
    for pool in pools.usable(config.uri):
        for ending in OWN_VOLUMES:
            volume = pool.find(f"{cid}.{ending}")
            if volume is not None:
                pools.remove(volume)
    if found is not None:
        flags = libvirt.VIR_DOMAIN_UNDEFINE_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        found.undefineFlags(flags | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)


def _shut_down(call: Call, found: libvirt.virDomain) -> None:
    by_agent = agent_connected(found.XMLDesc(0))
    try:
        if by_agent:
            found.agentSetResponseTimeout(AGENT_WAIT, 0)
            found.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT)
        else:
            found.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
    except libvirt.libvirtError as error:
        call.log(f"VM '{found.name()}' does not take the word to shut down: {error}")
    until = time.monotonic() + call.remaining(SHUTDOWN_WAIT if by_agent else BUTTON_WAIT)
    while found.isActive() and time.monotonic() < until:
        time.sleep(0.1)
    if cast(bool, found.isActive()):
        call.log(f"VM '{found.name()}' did not shut down in order; its power is cut")
        _cut_power(found)


def _cut_power(found: libvirt.virDomain) -> None:
    try:
        if found.isActive():
            found.destroy()
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:  # it ended by itself meanwhile
            raise
