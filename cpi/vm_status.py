"""What a cloud knows of a VM that boots, or that has fallen silent: the result of `vm_status`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Power = Literal["on", "off", "unknown"]
CONSOLE_MOST = 64 * 1024
"""Bytes of one console that are ever handed over."""


@dataclass(frozen=True, slots=True)
class VmStatus:
    """One VM. Say what the cloud shows, and nothing that is only likely: the director gives up VMs for what stands here.

    `exists` False: the cloud certainly has no such VM; all else is then ignored.
    `power`: `off` only for a VM that stands still; one that is being built, started or restarted is `unknown`.
    `addresses`: those seen in use (a DHCP lease, guest tools, ARP), not those that were assigned. Empty: none was seen
    although they can be seen. None: this cloud cannot see them, or not now.
    `boot`: names the VM's latest start (its time, or a number); another start, another text. Empty: it was never
    started, or the cloud cannot tell.
    `detail`: the cloud's own words on a VM in trouble, e.g. `ERROR: No valid host was found`.
    `console`: the end of what it wrote to its console, at most as many bytes as were asked for; empty if there is none.
    """

    exists: bool = True
    power: Power = "unknown"
    addresses: tuple[str, ...] | None = None
    boot: str = ""
    detail: str = ""
    console: str = ""

    def to_json(self) -> dict[str, object]:
        """As it goes over the wire."""
        return {
            "exists": self.exists,
            "power": self.power,
            "addresses": None if self.addresses is None else list(self.addresses),
            "boot": self.boot,
            "detail": self.detail,
            "console": self.console,
        }


def end_of(text: str, size: int) -> str:
    """The last `size` bytes of a console, from the beginning of a line."""
    if size <= 0:
        return ""
    data = text.encode(errors="replace")
    if len(data) <= size:
        return text
    end = data[-size:].decode(errors="replace")
    return end.partition("\n")[2] or end


def all_json(found: Mapping[str, VmStatus]) -> dict[str, object]:
    """By CID."""
    return {cid: one.to_json() for cid, one in found.items()}
