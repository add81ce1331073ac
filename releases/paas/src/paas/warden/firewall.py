"""Puts the packet rules in place, and opens the machine for forwarding."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from pathlib import Path

from paas.warden.programs import ProgramError, Programs
from paas.warden.rules import Guarded, Policy, jumps, rules

WAIT_SECONDS = "20"


class Firewall:
    """The rules of this machine's containers, of which `containers` gives those of the moment."""

    def __init__(self, programs: Programs, policy: Policy, containers: Callable[[], list[Guarded]]) -> None:
        self._programs = programs
        self._policy = policy
        self._containers = containers
        self._asked = self._applied = 0
        self._lock = asyncio.Lock()
        self._known: set[int] = set()

    async def begin(self) -> None:
        """Lead packets into the chains, learn which chains are there, apply."""
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        saved = await self._programs.run("iptables-save", "-t", "filter")
        self._known = {int(slot) for slot in re.findall(rf"^:{self._policy.prefix}-c(\d+) ", saved, re.MULTILINE)}
        await self.apply()
        for table, chain, rule in jumps(self._policy.prefix):
            try:
                await self._iptables(table, "-C", chain, rule)
            except ProgramError:
                await self._iptables(table, "-I", chain, rule)

    async def apply(self) -> None:
        """Make the rules those of the containers of now. Of several who wait for their turn the first does it for all."""
        self._asked += 1
        mine = self._asked
        async with self._lock:
            if self._applied >= mine:
                return
            asked, containers = self._asked, self._containers()
            now = {one.slot for one in containers}
            text = rules(self._policy, containers, sorted(self._known - now))
            await self._programs.run("iptables-restore", "--noflush", "-w", WAIT_SECONDS, text=text)
            self._known, self._applied = now, asked

    async def end(self) -> None:
        """Take all of it away, when there is no container: for a machine that shall have no warden any more."""
        await self.apply()
        for table, chain, rule in jumps(self._policy.prefix):
            with contextlib.suppress(ProgramError):
                await self._iptables(table, "-D", chain, rule)
        text = ["*filter", *(f"-X {self._policy.prefix}-{name}" for name in ("forward", "input", "default", "allow"))]
        text += ["COMMIT", "*nat", *(f"-X {self._policy.prefix}-{name}" for name in ("in", "out")), "COMMIT", ""]
        flush = [line.replace("-X", "-F") for line in text]
        await self._programs.run("iptables-restore", "--noflush", "-w", WAIT_SECONDS, text="\n".join(flush))
        await self._programs.run("iptables-restore", "--noflush", "-w", WAIT_SECONDS, text="\n".join(text))

    async def _iptables(self, table: str, verb: str, chain: str, rule: list[str]) -> None:
        await self._programs.run("iptables", "-w", WAIT_SECONDS, "-t", table, verb, chain, *rule)
