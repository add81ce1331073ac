"""swap_vm: the VM that stood by takes the place of the one before it, which is kept for the clean-up as an orphaned VM."""

from __future__ import annotations

from msgspec.structs import replace

from director.model.actions import SwapVm
from director.model.errors import AgentError
from director.model.rows import AddressRow, Row, VmRow
from director.ports.store import Changes
from director.steps import lookup
from director.steps.agent_call import ask
from director.steps.step import Intent, Io, Outcome, StepRun

_PATIENCE = 10.0


class SwapVmStep(StepRun[SwapVm]):
    """The store says it all in one commit; before, the old VM's agent is told to shut down, which may be done twice."""

    kind = "swap_vm"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        instance = await lookup.instance(io, self.args.instance_id)
        new = await lookup.vm(io, self.args.agent_id)
        if instance.agent_id == new.agent_id:
            return Outcome()
        old = await io.store.get(VmRow, instance.agent_id) if instance.agent_id else None
        put: list[Row] = [replace(instance, agent_id=new.agent_id), replace(new, active=True)]
        delete: list[tuple[type[Row], str]] = []
        for address in await io.store.find(AddressRow, owner=instance.id):
            if old is not None:
                put.append(replace(address, owner=old.agent_id))
            else:
                delete.append((AddressRow, address.key))
        put += [replace(one, owner=instance.id) for one in await io.store.find(AddressRow, owner=new.agent_id)]
        if old is None:
            return Outcome(Changes(put=put, delete=delete))
        await self._shut_down(io, old)
        put.append(
            replace(
                old,
                active=False,
                orphaned_at=io.clock.now(),
                instance_id="",
                instance_name=instance.name,
                az=instance.az,
            )
        )
        return Outcome(Changes(put=put, delete=delete), {"cid": old.cid})

    async def _shut_down(self, io: Io, old: VmRow) -> None:
        """So that nothing of it answers under its old addresses; the cloud deletes it all the same."""
        try:
            await ask(io, old.agent_id, "shutdown", timeout=_PATIENCE)
        except AgentError as error:
            io.log.debug(f"VM '{old.cid}' did not shut down: {error.message}")
