"""wait_agent: until the agent speaks; then its permanent identity, its first spec, and the addresses it has got."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from director.model.actions import WaitAgent
from director.model.deployment import Document
from director.model.errors import NotFound, VmUnreachable
from director.model.rows import VmRow
from director.ports.agents import Identity
from director.ports.store import Changes
from director.steps import vm_removal
from director.steps.agent_call import act, act_if_known, ask
from director.steps.boot_wait import until_ready
from director.steps.step import Intent, Io, Outcome, StepRun


class WaitAgentStep(StepRun[WaitAgent]):
    """Repeating it is harmless: the agent restarts once more at most."""

    kind = "wait_agent"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        row = await io.store.get(VmRow, self.args.agent_id)
        if row is None:
            raise NotFound(f"No VM has agent id {self.args.agent_id}")
        # a compilation VM lives too short for a second identity (director configuration)
        rotate = io.site.rotate_bootstrap_identities and row.purpose != "compilation" and not row.permanent_credentials
        # made while the VM boots
        making = asyncio.ensure_future(io.agents.identity(row.agent_id, bootstrap=False)) if rotate else None
        try:
            await io.wait(until_ready(io, row, advice=self._advice(io)))
            if making is not None or io.site.trusted_certs:
                await self._settings(io, row, await making if making is not None else None)
        finally:
            if making is not None:
                making.cancel()
        networks: Document = row.networks
        if self.args.spec is not None:
            spec = {**self.args.spec, "networks": networks or self.args.spec.get("networks", {})}
            await act(io, row.agent_id, "apply", spec)
            networks = _learned(networks, await ask(io, row.agent_id, "get_state"))
        known = replace(row, ready=True, networks=networks, permanent_credentials=row.permanent_credentials or rotate)
        return Outcome(Changes(put=[known]))

    def leaves(self, error: Exception) -> bool:
        """A VM whose agent never spoke, as the contract has it."""
        return isinstance(error, VmUnreachable)

    async def tidy(self, io: Io) -> Changes:
        """It is deleted, or kept to be looked at until the next deploy or clean-up."""
        row = await io.store.get(VmRow, self.args.agent_id)
        if row is None:
            return Changes()
        if self._keeps(io):
            kept = replace(row, unreachable_at=io.clock.now())
            return Changes(put=[kept]) + await vm_removal.let_go(io, row)
        cid = await vm_removal.delete(io, row)
        await io.agents.expel([row.agent_id])
        return await vm_removal.forgotten(io, row, cid, release=row.owner == row.agent_id)

    def _keeps(self, io: Io) -> bool:
        return self.args.keep or io.site.keep_unreachable_vms

    def _advice(self, io: Io) -> str:
        if self._keeps(io):
            return "The VM is kept until the next deploy or clean-up, and listed by orphaned-vms"
        return "The VM is deleted; deploy with --keep-unreachable to look at one"

    async def _settings(self, io: Io, row: VmRow, one: Identity | None) -> None:
        settings: dict[str, Any] = {"trusted_certs": io.site.trusted_certs, "disk_associations": []}
        if one is not None:
            cert = {"ca": one.ca, "certificate": one.certificate, "private_key": one.private_key}
            settings["mbus"] = {"cert": cert}
        await act_if_known(io, row.agent_id, "update_settings", settings)
        if one is not None:
            await io.wait(until_ready(io, row, advice=self._advice(io)))


def _learned(networks: Document, state: Any) -> Document:
    """The settings with what only the VM knows: the addresses of dynamic networks."""
    told = state.get("networks") if isinstance(state, dict) else None
    if not isinstance(told, dict):
        return networks
    return {
        name: {**settings, **told[name]}
        if settings.get("type") == "dynamic" and isinstance(told.get(name), dict)
        else settings
        for name, settings in networks.items()
    }
