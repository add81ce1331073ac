"""Which disks an agent has mounted."""

from __future__ import annotations

from director.steps.agent_call import act
from director.steps.step import Io


async def mounted(io: Io, agent_id: str) -> list[str]:
    """CIDs. The action takes no key: asking again must give a fresh answer."""
    value = await io.agents.run(agent_id, "list_disk", fence=io.fence, log=io.log.debug)
    return [str(one) for one in value] if isinstance(value, list) else []


async def unmount(io: Io, agent_id: str, cid: str) -> None:
    """Unless it is not mounted."""
    if cid in await mounted(io, agent_id):
        await act(io, agent_id, "unmount_disk", cid)
