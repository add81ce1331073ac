"""VMs: made under the caller's key, so that a second try finds the first one's remains; removed without a trace."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import libvirt

from cpi.contract import Call, CloudError, CpiError, Facts, Json, Network, VmCreated, VMCreationFailed, VMNotFound
from cpi.libvirt import attachments, console, images, metadata
from cpi.libvirt.agent_settings import settings_of
from cpi.libvirt.config import Config
from cpi.libvirt.connection import connect, domain, find_domain
from cpi.libvirt.errors import told
from cpi.libvirt.guest import Guest, GuestSpec
from cpi.libvirt.names import cid_of
from cpi.libvirt.networks import cards_of, settled
from cpi.libvirt.properties import VmProperties
from cpi.libvirt.records import Fields, Shelf, text

MAKING, READY = "making", "ready"
POWER_WAIT = 3.0
SWITCH_TRIES = 3
SETTLE_WAIT = 10.0
"""Seconds until libvirt must know a started guest; it takes some hundredths, more on a busy host."""
REBOOT_WAIT = 20.0
"""Seconds for an orderly restart; then the power is cut."""


def create(
    config: Config,
    guest: Guest,
    call: Call,
    agent_id: str,
    stemcell_cid: str,
    cloud_properties: Json,
    networks: Mapping[str, Network],
    env: Json,
) -> VmCreated:
    """Make and start a VM. Under a key that was used: the VM of that key, if it was finished for this agent."""
    cid, shelf = cid_of(config.prefix, "vm", call.key), Shelf(config.state_dir, "vm")
    cards = cards_of(networks, cid, config)
    answer = settled(networks, cards)
    wanted = VmProperties.parse(cloud_properties, config)
    with told(f"create VM '{cid}'", config.uri), shelf.lock(cid, call):
        record = shelf.read(cid)
        if record is not None and _finished(config, cid, record):
            if text(record, "agent_id") != agent_id:
                raise CloudError(
                    f"VM '{cid}' exists for agent {text(record, 'agent_id')}; use another key or delete it"
                )
            call.log(f"VM '{cid}' exists")
            return VmCreated(cid, answer)
        image = images.tree(config, stemcell_cid)
        _remove(config, guest, call, cid)
        record = Fields(cid=cid, key=call.key, agent_id=agent_id, stemcell=stemcell_cid, state=MAKING)
        shelf.write(cid, record)
        try:
            settings = settings_of(config, agent_id, cid, answer, env)
            unique = tuple({card.device: card for card in cards.values()}.values())
            spec = GuestSpec(
                cid, call.key or "", shelf.folder(cid), image, wanted.memory, wanted.cpus, unique, settings
            )
            xml = guest.make(config, spec)
            call.check()
            made = connect(config.uri).defineXML(xml)
            _switch_on(guest, call, made, spec.folder)
        except (CpiError, libvirt.libvirtError, OSError) as error:
            raise _failed(config, guest, call, cid, error) from error
        shelf.write(cid, {**record, "state": READY, "domain_id": made.ID()})
        call.log(f"VM '{cid}' is running, domain id {made.ID()}")
        return VmCreated(cid, answer)


def delete(config: Config, guest: Guest, call: Call, cid: str) -> None:
    """Remove the VM; its disks are kept, detached."""
    shelf = Shelf(config.state_dir, "vm")
    if shelf.read(cid) is None and not shelf.folder(cid).exists() and find_domain(config.uri, cid) is None:
        return
    with told(f"delete VM '{cid}'", config.uri), shelf.lock(cid, call):
        _remove(config, guest, call, cid)


def exists(config: Config, cid: str) -> bool:
    """Whether the VM is there, running or not."""
    return Shelf(config.state_dir, "vm").read(cid) is not None and find_domain(config.uri, cid) is not None


def reboot(config: Config, guest: Guest, call: Call, cid: str) -> None:
    """Restart in order, by force if that takes too long; start it if it is off."""
    with told(f"reboot VM '{cid}'", config.uri), held(config, call, cid) as found:
        if found.isActive():
            before = found.ID()
            found.reboot(0)
            if _restarted(config, cid, before, call.remaining(REBOOT_WAIT)):
                return
            call.log(f"VM '{cid}' did not restart in order; its power is cut")
            _cut_power(guest, domain(config.uri, cid))
        start(config, guest, call, cid)


def start(config: Config, guest: Guest, call: Call, cid: str) -> None:
    """Start a VM that is off, with what a restart of the host took away. The caller holds its lock."""
    guest.ready(config, cid, Shelf(config.state_dir, "vm").folder(cid))
    attachments.renew(config, guest, call, cid)
    _switch_on(guest, call, domain(config.uri, cid), Shelf(config.state_dir, "vm").folder(cid))


def set_metadata(config: Config, call: Call, cid: str, tags: Mapping[str, str]) -> None:
    """Keep the tags in the domain's XML, where any libvirt tool shows them."""
    with told(f"set metadata of VM '{cid}'", config.uri), held(config, call, cid) as found:
        record = Shelf(config.state_dir, "vm").read(cid) or {}
        flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG | (libvirt.VIR_DOMAIN_AFFECT_LIVE if found.isActive() else 0)
        element = metadata.element(text(record, "key"), tags)
        found.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, element, metadata.PREFIX, metadata.NAMESPACE, flags)


def find(config: Config, guest: Guest, call: Call, key: str) -> str | None:
    """The finished VM of this key. An unfinished one, whose creator is dead, is removed: None is then final."""
    cid, shelf = cid_of(config.prefix, "vm", key), Shelf(config.state_dir, "vm")
    with told(f"find VM of key '{key}'", config.uri), shelf.lock(cid, call):
        record = shelf.read(cid)
        if record is not None and _finished(config, cid, record):
            return cid
        if record is not None or shelf.folder(cid).exists() or find_domain(config.uri, cid) is not None:
            call.log(f"VM '{cid}' was not finished: it is removed")
            _remove(config, guest, call, cid)
        return None


def held(config: Config, call: Call, cid: str) -> attachments.Held:
    """A lock on a VM that exists; VMNotFound otherwise."""
    return attachments.Held(config, call, cid)


def _finished(config: Config, cid: str, record: Fields) -> bool:
    return text(record, "state") == READY and find_domain(config.uri, cid) is not None


def _failed(config: Config, guest: Guest, call: Call, cid: str, error: Exception) -> CpiError:
    cleanup = ""
    try:
        _remove(config, guest, call, cid)
    except (CpiError, libvirt.libvirtError, OSError) as second:
        cleanup = f"{second}; delete_vm '{cid}' tries again"
    if isinstance(error, CpiError) and not cleanup:
        return error
    reason = error.message if isinstance(error, CpiError) else str(error)
    facts = Facts(endpoint=config.uri, cleanup=cleanup)
    return VMCreationFailed(f"VM '{cid}' cannot be created: {reason}", ok_to_retry=not cleanup, facts=facts)


def _remove(config: Config, guest: Guest, call: Call, cid: str) -> None:
    shelf, found = Shelf(config.state_dir, "vm"), find_domain(config.uri, cid)
    record, ended = shelf.read(cid), set[int]()
    if record is None and found is None and not shelf.folder(cid).exists():
        return
    known = (record or {}).get("domain_id")
    ended.update([known] if isinstance(known, int) else [])
    if found is not None:
        if record is None and not _is_ours(found):
            raise CloudError(f"domain '{cid}' at {config.uri} was not made by this CPI; it is left alone")
        if found.isActive():
            ended.add(found.ID())
            _cut_power(guest, found)
        found.undefine()
    active = {other.ID() for other in connect(config.uri).listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)}
    guest.release(config, cid, shelf.folder(cid), ended, active)
    attachments.drop_all(config, guest, call, cid)
    shelf.remove(cid)


def _switch_on(guest: Guest, call: Call, found: libvirt.virDomain, folder: Path) -> None:
    found.create()
    console.keep(call, found, folder)
    for _ in range(SWITCH_TRIES - 1):
        if guest.settled(found, SETTLE_WAIT):
            return
        call.log(f"libvirt has not heard of the first process of VM '{found.name()}': it is started once more")
        _cut_power(guest, found)
        found.create()
        console.keep(call, found, folder)


def _is_ours(found: libvirt.virDomain) -> bool:
    try:
        found.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, metadata.NAMESPACE, 0)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_METADATA:
            return False
        raise
    return True


def _cut_power(guest: Guest, found: libvirt.virDomain) -> None:
    number = found.ID()
    if number > 0:
        guest.cut_power(number)
    until = time.monotonic() + POWER_WAIT
    while found.isActive() and time.monotonic() < until:
        time.sleep(0.01)
    try:
        if found.isActive():
            found.destroy()
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:  # it ended by itself meanwhile
            raise


def _restarted(config: Config, cid: str, before: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = find_domain(config.uri, cid)
        if found is None:
            raise VMNotFound(f"VM '{cid}' vanished while it restarted")
        if cast(bool, found.isActive()) and found.ID() not in (before, -1):
            return True
        if not found.isActive():
            return False
        time.sleep(0.05)
    return False
