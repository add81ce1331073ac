"""What the user is told of a VM that did not come up: how far it came, what the cloud and the bus say, its console's end, what to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from director.model.errors import CloudError, CloudNotSupported, DirectorError, VmUnreachable
from director.model.rows import InstanceRow, VmRow
from director.steps import lookup
from director.steps.boot_phases import End, Phase, Way
from director.steps.console import opened, tail

if TYPE_CHECKING:
    from director.steps.step import Io

CONSOLE = 8 * 1024

_SILENT = {
    Phase.POWER: ("power", "the cloud does not power it on"),
    Phase.ADDRESS: ("address", "it is powered on, but no address of it was seen"),
    Phase.BUS: ("bus", "it runs, but has not come to the bus"),
    Phase.AGENT: ("agent", "its agent is connected to the bus, but does not answer"),
    Phase.SPEECH: ("", "nobody tells how far it came"),
}
_HINTS = {
    Phase.POWER: "Look at it in the cloud: quota, capacity of its hosts, its image",
    Phase.ADDRESS: "Check its network: DHCP or the config drive, subnet and gateway, and that the stemcell is made for this cloud",
    Phase.BUS: "Check that the VM reaches {mbus} (routes, firewalls, security groups) and that its clock is right: certificates fail otherwise",
    Phase.AGENT: "Look at its agent's log, /var/vcap/bosh/log/current on the VM: it may be busy, or stuck",
    Phase.SPEECH: "Check that the VM boots and reaches {mbus}: power, network, clock. This CPI does not tell how its VMs are",
}
_REFUSED = "The bus turned it away ({reason}): check the VM's clock, and that nats.client_ca and nats.server_ca of the director fit the bus"
_ENDS = {
    End.DOWN: (
        "it went down again",
        "Its console shows why; memory too small for the stemcell and a failing disk are usual causes",
    ),
    End.CRASHING: (
        "it starts again and again",
        "Its console shows why; an image that does not fit the machine is the usual cause",
    ),
    End.GONE: (
        "the cloud has it no longer",
        "Somebody deleted it, or the cloud did: look at its own events, then deploy again",
    ),
}


async def gave_up(io: Io, row: VmRow, way: Way, end: End | None, waited: float, advice: str = "") -> VmUnreachable:
    """The error; ``end`` None: all patience is spent. The contract's words come first, to the letter."""
    message = f"Timed out pinging VM '{row.cid}' with agent '{row.agent_id}' after {round(waited) if end else waited:g} seconds"
    if end in _ENDS:
        story, hint = _ENDS[end]
    else:
        name, story = _SILENT[way.phase]
        hint = _HINTS[way.phase].format(mbus=io.site.mbus)
        lasted = way.last.at - way.since
        if lasted >= 1:
            story += f" for {lasted:.0f} s"
        if end is End.SILENT:
            story += f" (meristem.boot.{name} allows {way.limit(way.phase):.0f} s)"
        if way.refused and way.phase is Phase.BUS:
            hint = _REFUSED.format(reason=way.refused)
    detail, console = await _console(io, row, way)
    told = f"{message}: {story}"
    if way.vm.addresses:
        told += f"; its address is {', '.join(way.vm.addresses)}"
    if detail:
        told += f". The cloud says: {detail}"
    remedy = ". ".join(one for one in (hint, advice) if one)
    if console:
        remedy += "\nThe end of its console:\n" + "\n".join(f"  {line}" for line in console)
    found = VmUnreachable(told, agent_id=row.agent_id, method="ping")
    found.remedy = remedy
    return found


async def _console(io: Io, row: VmRow, way: Way) -> tuple[str, list[str]]:
    """The cloud's own words and the last lines of the console, without secrets."""
    try:
        cloud = await io.clouds.get(row.cpi)
        status = (await cloud.vm_status([row.cid], console=CONSOLE, log=io.log.cpi)).get(row.cid)
    except CloudNotSupported:
        return "", []
    except CloudError as error:
        io.log.debug(f"the console of VM '{row.cid}' cannot be had: {error.message}")
        status = None
    secrets = await _secrets(io, row)
    detail = tail((status or way.vm).detail, secrets)
    return " ".join(detail), tail(status.console, secrets) if status is not None else []


async def _secrets(io: Io, row: VmRow) -> frozenset[str]:
    """The values that the VM was given in place of variables."""
    instance = await io.store.get(InstanceRow, row.instance_id) if row.instance_id else None
    closed = {"env": row.env, "properties": row.cloud_properties, "networks": row.networks}
    try:
        pins = await lookup.pins(io, instance.variable_set if instance is not None else 0)
        return opened(closed, await io.secrets.interpolate(closed, row.deployment, pins))
    except DirectorError:
        return frozenset()
