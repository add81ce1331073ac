"""Agents that live in the VMs of memory clouds, and a bus that must admit them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from director.adapters.memory.cloud import MemoryClouds
from director.adapters.memory.guest import Guest, Refused
from director.adapters.memory.script import Script
from director.model.errors import AgentError, AgentTimeout
from director.ports.agents import AgentLog, Identity, Sighting
from director.ports.clock import Clock

PING = 1.0


def _nowhere(url: str, data: bytes) -> None:
    return None


class MemoryAgents:
    """`Agents`. An action once sent is done by its agent even if the director dies meanwhile. ``silent`` agents do not answer, those
    in ``mute`` answer and send no heartbeats; ``bus`` False: nobody is reached; ``seen`` is how the bus sees agents when not as usual."""

    def __init__(self, clouds: MemoryClouds, clock: Clock, upload: Callable[[str, bytes], None] = _nowhere) -> None:
        self._clouds = clouds
        self._clock = clock
        self._upload = upload
        self._guests: dict[str, Guest] = {}  # by VM cid and cloud
        self._numbers = itertools.count(1)
        self._under_way: set[asyncio.Future[Any]] = set()
        self.script = Script()
        self.admitted: set[str] = set()
        self.silent: set[str] = set()
        self.mute: set[str] = set()
        self.bus = True
        self._heard: dict[str, float] = {}
        self._alert_listeners: list[Callable[[str, dict[str, Any]], None]] = []
        self.seen: dict[str, Sighting] = {}

    def guest(self, agent_id: str) -> Guest | None:
        """The agent as it is now, None when no VM of its id runs."""
        for cloud in self._clouds.all():
            vm = cloud.inventory.vm_of_agent(agent_id)
            if vm is not None:
                return self._guests.setdefault(f"{cloud.name}/{vm.cid}", Guest(vm, self._upload))
        return None

    def copies(self) -> dict[str, Guest]:
        """The agents as they are, by VM, for `put_back`."""
        return {name: guest.copy(guest.vm) for name, guest in self._guests.items()}

    def put_back(self, copies: dict[str, Guest]) -> None:
        """Be as when `copies` was asked, in the VMs of the same CIDs that the clouds have now."""
        self._guests = {}
        for cloud in self._clouds.all():
            for cid, vm in cloud.inventory.vms.items():
                known = copies.get(f"{cloud.name}/{cid}")
                if known is not None:
                    guest = self._guests[f"{cloud.name}/{cid}"] = known.copy(vm)
                    guest.upload = self._upload

    async def call(
        self,
        agent_id: str,
        method: str,
        *arguments: Any,
        timeout: float = 45,
        key: str = "",
        fence: int = 0,
        log: AgentLog | None = None,
    ) -> Any:
        if log is not None:
            log(f"agent {agent_id} {method}")

        def effect() -> Any:
            guest = self.guest(agent_id)
            if guest is None or not self._speaks(agent_id):
                raise TimeoutError
            if late:
                raise Refused(late)
            if key and key in guest.answers:
                return guest.answers[key]
            value = guest.act(method, arguments)
            if key:
                guest.answers[key] = value
            return value

        guest = self.guest(agent_id)
        late = ""
        if guest is not None and self._speaks(agent_id):
            # what an agent has taken on before a newer fence came it brings to its end
            late = f"stale fence {fence}, already at {guest.fence}" if fence and fence < guest.fence else ""
            guest.fence = max(guest.fence, fence)
        # what an agent has begun under a key it does not begin again
        sent = guest.under_way.get(key) if guest is not None and key and not late else None
        if sent is None:
            sent = asyncio.ensure_future(self.script.perform(method, effect))
            self._under_way.add(sent)
            sent.add_done_callback(self._under_way.discard)
            if guest is not None and key and not late:
                guest.under_way[key] = sent
                sent.add_done_callback(lambda _, known=guest.under_way: known.pop(key, None))
        try:
            return await asyncio.shield(sent)
        except TimeoutError:
            await self._clock.sleep(timeout)
            message = f"Timed out sending '{method}' to agent '{agent_id}' after {timeout:g} seconds"
            raise AgentTimeout(message, agent_id=agent_id, method=method) from None
        except Refused as error:
            raise AgentError(str(error), agent_id=agent_id, method=method) from None

    async def run(
        self,
        agent_id: str,
        method: str,
        *arguments: Any,
        key: str = "",
        fence: int = 0,
        timeout: float | None = None,
        adopt: str = "",
        started: Callable[[str], Any] | None = None,
        log: AgentLog | None = None,
    ) -> Any:
        guest = self.guest(agent_id)
        if adopt and guest is not None and adopt in guest.tasks:
            return guest.tasks[adopt]
        number = f"memory-{next(self._numbers)}"
        if started is not None:
            answer = started(number)
            if asyncio.iscoroutine(answer):
                await answer
        value = await self.call(agent_id, method, *arguments, timeout=timeout or 45, key=key, fence=fence, log=log)
        guest = self.guest(agent_id)
        if guest is not None:
            guest.tasks[number] = value
        return value

    async def wait_until_ready(self, agent_id: str, timeout: float, log: AgentLog | None = None) -> None:
        """A ping a second."""
        end = self._clock.now() + timeout
        while True:
            try:
                await self.call(agent_id, "ping", timeout=max(0.0, min(PING, end - self._clock.now())), log=log)
            except AgentTimeout:
                if self._clock.now() < end:
                    continue
                message = f"Timed out pinging agent '{agent_id}' after {timeout:g} seconds"
                raise AgentTimeout(message, agent_id=agent_id, method="ping") from None
            return

    async def sightings(self, agents: Mapping[str, Sequence[str]]) -> dict[str, Sighting]:
        """An agent is on the bus when its VM is there and it is admitted."""

        def usual(agent_id: str) -> Sighting:
            if not self.bus:
                return Sighting()
            return Sighting(there=self.guest(agent_id) is not None and agent_id in self.admitted)

        return {agent_id: self.seen.get(agent_id) or usual(agent_id) for agent_id in agents}

    async def admit(self, agent_ids: Sequence[str]) -> None:
        self.admitted |= set(agent_ids)

    async def expel(self, agent_ids: Sequence[str]) -> None:
        self.admitted -= set(agent_ids)
        for agent_id in agent_ids:
            self._heard.pop(agent_id, None)

    async def identity(self, agent_id: str, *, bootstrap: bool) -> Identity:
        name = f"{agent_id}.bootstrap" if bootstrap else agent_id
        return Identity(ca="memory ca", certificate=f"certificate of {name}", private_key=f"private key of {name}")

    def heartbeat(self, agent_id: str) -> dict[str, Any] | None:
        guest = self.guest(agent_id)
        if guest is None or not self._speaks(agent_id):
            return None
        spec = guest.spec
        return {
            "deployment": spec.get("deployment"),
            "job": (spec.get("job") or {}).get("name"),
            "index": spec.get("index"),
            "node_id": spec.get("id"),
            "job_state": guest.job_state,
            "vitals": {},
            "number_of_processes": 0,
            "received_at": self._clock.now(),
        }

    def heard(self) -> Mapping[str, float]:
        """Every agent that speaks has just been heard; the others as of when they were last asked about here."""
        for cloud in self._clouds.all():
            for vm in cloud.inventory.vms.values():
                if self._speaks(vm.agent_id) and vm.agent_id not in self.mute:
                    self._heard[vm.agent_id] = self._clock.now()
        return dict(self._heard)

    def on_alert(self, listener: Callable[[str, dict[str, Any]], None]) -> None:
        self._alert_listeners.append(listener)

    def alert(self, agent_id: str, alert: dict[str, Any]) -> None:
        """The agent tells an alert."""
        for listener in self._alert_listeners:
            listener(agent_id, alert)

    async def reachable(self) -> bool:
        return self.bus

    def _speaks(self, agent_id: str) -> bool:
        return self.bus and agent_id in self.admitted and agent_id not in self.silent

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
