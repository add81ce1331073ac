"""wait_agent: until the agent speaks; then its permanent identity, its first spec, and the addresses it has got."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from director.model.actions import WaitAgent
from director.model.deployment import Document
from director.model.errors import AgentTimeout, NotFound
from director.model.rows import VmRow
from director.ports.store import Changes
from director.steps.agent_call import act, act_if_known, ask
from director.steps.step import Intent, Io, Outcome, StepRun


class WaitAgentStep(StepRun[WaitAgent]):
    """Repeating it is harmless: the agent restarts once more at most."""

    kind = "wait_agent"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        row = await io.store.get(VmRow, self.args.agent_id)
        if row is None:
            raise NotFound(f"No VM has agent id {self.args.agent_id}")
        await self._ready(io, row)
        # a compilation VM lives too short for a second identity (director configuration)
        rotate = io.site.rotate_bootstrap_identities and row.purpose != "compilation" and not row.permanent_credentials
        if rotate or io.site.trusted_certs:
            await self._settings(io, row, rotate=rotate)
        networks: Document = row.networks
        if self.args.spec is not None:
            spec = {**self.args.spec, "networks": networks or self.args.spec.get("networks", {})}
            await act(io, row.agent_id, "apply", spec)
            networks = _learned(networks, await ask(io, row.agent_id, "get_state"))
        known = replace(row, ready=True, networks=networks, permanent_credentials=row.permanent_credentials or rotate)
        return Outcome(Changes(put=[known]))

    async def _ready(self, io: Io, row: VmRow) -> None:
        seconds = io.site.agent_wait_timeout
        try:
            await io.agents.wait_until_ready(row.agent_id, seconds, log=io.log.debug)
        except AgentTimeout:
            raise AgentTimeout(
                f"Timed out pinging VM '{row.cid}' with agent '{row.agent_id}' after {seconds:g} seconds",
                agent_id=row.agent_id,
                method="ping",
            ) from None

    async def _settings(self, io: Io, row: VmRow, *, rotate: bool) -> None:
        settings: dict[str, Any] = {"trusted_certs": io.site.trusted_certs, "disk_associations": []}
        if rotate:
            one = await io.agents.identity(row.agent_id, bootstrap=False)
            cert = {"ca": one.ca, "certificate": one.certificate, "private_key": one.private_key}
            settings["mbus"] = {"cert": cert}
        await act_if_known(io, row.agent_id, "update_settings", settings)
        if rotate:
            await self._ready(io, row)


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
