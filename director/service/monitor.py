"""The health monitor at work: looks at heartbeats, asks a second time, and has lost VMs made anew by tasks. It touches nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from director.manifest.resurrection_config import load_resurrection_configs
from director.model.deployment import Document
from director.model.resurrection import ResurrectionRule
from director.model.rows import Task, VmRow
from director.observe.alert import Alert
from director.observe.budget import HOUR, Spent, used
from director.observe.evidence import Evidence
from director.observe.health import Decision, Health, Member, Picture, Repair, Suspect
from director.observe.settings import HealthSettings
from director.ports.store import Lease
from director.service import configs
from director.service.alerts import USER, Alerts
from director.service.census import Census, busy
from director.service.house import House
from director.service.instances import iso
from director.service.resurrection import resurrection_paused
from director.service.second_path import ask_about

LEASE = "health"

_log: Any = structlog.get_logger(__name__)


class StartsTasks(Protocol):
    """The task runner, as far as the monitor needs it."""

    def create(
        self,
        type: str,
        description: str,
        *,
        request: Document | None = None,
        deployment: str | None = None,
        user: str = "admin",
    ) -> Awaitable[Task]: ...


class Monitor:
    """One per director. All listen; of several the one that holds the lease ``health`` tells and mends."""

    def __init__(self, house: House, tasks: StartsTasks, settings: HealthSettings, *, owner: str) -> None:
        self._house = house
        self._tasks = tasks
        self._settings = settings
        self._owner = owner
        self._health = Health(settings)
        self._census = Census(house.store)
        self._alerts = Alerts(house)
        self._listening = house.clock.now()
        self._bus = True
        self._first_heard: dict[str, float] = {}
        self._answered: dict[str, float] = {}
        self._faults: tuple[str, ...] = ()
        self._cleaned = house.clock.now()
        self._picture: Picture | None = None
        self._decision = Decision()
        self._lease: Lease | None = None
        self._loop: asyncio.Task[None] | None = None
        house.agents.on_alert(self._alerts.heard)

    def start(self) -> None:
        """Look from now on."""
        self._census.follow()
        self._loop = asyncio.create_task(self._serve(), name="health-monitor")

    async def stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        await self._census.close()
        if self._lease is not None:
            await self._house.store.release(self._lease)

    async def look(self) -> Decision:
        """Once."""
        store, settings = self._house.store, self._settings
        self._lease = await store.acquire(LEASE, self._owner, 3 * settings.interval + 10)
        picture = self._picture = await self._see()
        suspects = self._health.suspects(picture)
        if self._lease is None:
            self._decision = Decision()
            return self._decision
        evidence = await self._evidence(picture, self._health.worth_asking(picture, suspects))
        if evidence:
            # asking takes time: what was begun meanwhile forbids too
            picture = msgspec.structs.replace(picture, locked=await busy(store), paused=await self._paused())
        decision = self._decision = self._health.decide(picture, suspects, evidence)
        for repair in decision.repairs:
            await self._mend(repair)
        owners = {one.agent_id: (one.deployment, one.name) for one in picture.members}
        alerts = [*decision.alerts, *self._rogues(picture), *(Alert(3, fault) for fault in self._faults)]
        await self._alerts.write([*self._alerts.fresh(alerts), *self._alerts.taken(owners)])
        await self._clean_up()
        return decision

    async def _evidence(self, picture: Picture, suspects: Sequence[Suspect]) -> dict[str, Evidence]:
        """Of all of them; who has answered of late is not asked again."""
        recent = picture.now - self._settings.agent_timeout
        self._answered = {id: at for id, at in self._answered.items() if at > recent}
        found = await ask_about(self._house, [one for one in suspects if one.member.id not in self._answered])
        self._answered |= {id: picture.now for id, told in found.items() if told.answers}
        return {one.member.id: Evidence(answers=True) for one in suspects if one.member.id in self._answered} | found

    def status(self) -> Document:
        """For operators: who looks, what is seen, what stands in the way, what is left of the budget."""
        settings, picture = self._settings, self._picture
        if picture is None:
            return {"enabled": settings.enabled, "looking": False, "deployments": []}
        names = sorted({one.deployment for one in picture.members})
        suspects = {one.name: one for one in picture.members if self._silent(picture, one)}
        return {
            "enabled": settings.enabled,
            "looking": self._lease is not None,
            "bus": picture.bus,
            "paused": picture.paused,
            "listening_since": iso(picture.listening),
            "repairs_last_hour": used(picture.now, picture.spent),
            "repairs_allowed": settings.repairs_in_total,
            "deployments": [
                {
                    "name": name,
                    "instances": sum(one.deployment == name for one in picture.members),
                    "silent": sorted(who for who, one in suspects.items() if one.deployment == name),
                    "repairs_last_hour": used(picture.now, picture.spent, name),
                    "repairs_allowed": settings.repairs,
                    "left_alone_because": self._decision.reasons.get(name, ""),
                }
                for name in names
            ],
        }

    async def _serve(self) -> None:
        while True:
            await asyncio.sleep(self._settings.interval)
            try:
                await self.look()
            except Exception as error:
                _log.error("the health monitor could not look", error=str(error))

    async def _see(self) -> Picture:
        house = self._house
        bus = await house.agents.reachable()
        if bus and not self._bus:
            self._listening = house.clock.now()
        self._bus = bus
        locked = await busy(house.store)
        members = await self._census.members(locked)
        return Picture(
            now=house.clock.now(),
            members=members,
            heard=house.agents.heard(),
            listening=self._listening,
            bus=bus,
            paused=await self._paused(),
            locked=locked,
            rules=await self._rules(),
            spent=await self._spent(),
        )

    async def _paused(self) -> bool:
        return await resurrection_paused(self._house)

    async def _rules(self) -> tuple[ResurrectionRule, ...]:
        rows = await configs.current(self._house.store, "resurrection")
        rules, faults = load_resurrection_configs([(f"resurrection config '{row.name}'", row.content) for row in rows])
        self._faults = tuple(f"Failed to parse resurrection config rule: {fault.description}" for fault in faults)
        return rules

    async def _spent(self) -> list[Spent]:
        """The repairs of the last hour, by whichever director and life: their tasks tell."""
        oldest = self._house.clock.now() - HOUR
        found: list[Spent] = []
        for row in await self._house.store.find(Task, newest_first=True, limit=500, type="cck_scan_and_fix"):
            if row.created_at < oldest:
                break
            if row.user == USER:
                ids = tuple(id for ids in row.request.get("instances", {}).values() for id in ids)
                found.append(Spent(row.created_at, row.deployment or "", ids))
        return found

    async def _mend(self, repair: Repair) -> None:
        groups: dict[str, list[str]] = {}
        for member in repair.members:
            groups.setdefault(member.group, []).append(member.id)
        await self._tasks.create(
            "cck_scan_and_fix",
            "scan and fix",
            request={"deployment": repair.deployment, "instances": groups},
            deployment=repair.deployment,
            user=USER,
        )

    def _silent(self, picture: Picture, one: Member) -> bool:
        if not one.agent_id:
            return True
        since = max(picture.heard.get(one.agent_id, 0), picture.listening, one.since)
        return picture.now - since >= self._settings.agent_timeout

    def _rogues(self, picture: Picture) -> list[Alert]:
        """Agents that speak and are nobody's."""
        strange = [one for one in picture.heard if one not in self._census.agents]
        recent = [one for one in strange if picture.now - picture.heard[one] < self._settings.agent_timeout]
        self._first_heard = {one: self._first_heard.get(one, picture.now) for one in recent}
        return [
            Alert(2, f"{one} is not a part of any deployment", source=one)
            for one, first in self._first_heard.items()
            if picture.now - first >= self._settings.rogue_agent_alert
        ]

    async def _clean_up(self) -> None:
        """VMs that were replaced are deleted from time to time."""
        now = self._house.clock.now()
        if not self._settings.clean_up or now - self._cleaned < self._settings.clean_up:
            return
        self._cleaned = now
        if any(row.orphaned_at is not None for row in await self._house.store.find(VmRow)):
            type = "scheduled_orphaned_vm_cleanup"
            if not await self._house.store.find(Task, type=type, state=["queued", "processing", "cancelling"]):
                await self._tasks.create(type, "scheduled ScheduledOrphanedVMCleanup", user="scheduler")
