"""How far a simulated VM has come, as its cloud shows it: power, addresses, console."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from cpi.contract import Json, VmStatus
from cpi.sim.inventory import Item
from cpi.vm_status import end_of

PHASES = ("power", "address", "bus", "refused", "agent")
"""What never comes of a VM that never boots: power, an address, a connection to the bus, one that is let in, an answer."""
SEEN_AFTER = 0.3
"""Part of its boot after which a VM's addresses are seen."""


def status_of(vm: Item, now: float, console: int) -> VmStatus:
    """The VM at this moment; times are the cloud's."""
    elapsed, stuck = _elapsed(vm, now), vm.text("stuck")
    if stuck == "power":
        return VmStatus(power="off", addresses=(), detail="simulated fault: the VM does not start")
    off_at = vm.body.get("off_at")
    is_off = isinstance(off_at, int | float) and now >= off_at
    every = _number(vm, "crashes_every")
    boot = f"{vm.generation}.{int(elapsed / every)}" if every else f"{vm.generation}"
    seen = not is_off and not every and stuck != "address" and elapsed >= _number(vm, "boot_seconds") * SEEN_AFTER
    text = "\n".join(_lines(vm, elapsed, is_off)) + "\n" if console else ""
    return VmStatus(
        power="off" if is_off else "on",
        addresses=tuple(_addresses(vm)) if seen else (),
        boot=boot,
        console=end_of(text, console),
    )


def _lines(vm: Item, elapsed: float, is_off: bool) -> Iterator[str]:
    stuck, boot = vm.text("stuck"), _number(vm, "boot_seconds")
    yield "[    0.000000] Linux version 6.1.0-sim (simulated)"
    yield f"[    0.412000] EXT4-fs (vda1): mounted filesystem of {vm.text('stemcell')}"
    if _number(vm, "crashes_every"):
        yield "[    0.731000] Kernel panic - not syncing: simulated fault"
    elif stuck == "address":
        yield "dhclient[312]: No DHCPOFFERS received."
    elif elapsed >= boot * SEEN_AFTER:
        yield f"cloud-init[398]: addresses: {', '.join(_addresses(vm)) or 'none'}"
        if stuck == "bus":
            yield f"agent[402]: connecting to {vm.text('mbus')}: i/o timeout"
        elif stuck == "refused":
            yield "agent[402]: connecting: remote error: tls: bad certificate"
        elif elapsed >= boot:
            yield "agent[402]: connected"
    if vm.text("words"):
        yield vm.text("words")
    if is_off:
        yield "reboot: Power down"


def _addresses(vm: Item) -> list[str]:
    networks = cast("dict[str, Json]", vm.body.get("networks") or {})
    return [str(one["ip"]) for one in networks.values() if one.get("ip") and one.get("type") != "vip"]


def _elapsed(vm: Item, now: float) -> float:
    return max(0.0, now - _number(vm, "started_at"))


def _number(vm: Item, field: str) -> float:
    value = vm.body.get(field)
    return float(value) if isinstance(value, int | float) else 0.0
