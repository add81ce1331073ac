"""How steps speak to agents: with the fence, a key per call, a log, and patience where the plan allows it."""

from __future__ import annotations

from typing import Any

from director.model.errors import AgentError, AgentTimeout
from director.model.rows import VmRow
from director.steps import lookup
from director.steps.step import Io

_PATIENCE = 10.0


async def ask(io: Io, agent_id: str, method: str, *arguments: Any, timeout: float = 45) -> Any:
    """A short call. It carries no key: asking again must give a fresh answer."""
    return await io.agents.call(agent_id, method, *arguments, timeout=timeout, fence=io.fence, log=io.log.debug)


async def act(io: Io, agent_id: str, method: str, *arguments: Any, part: str = "", timeout: float | None = None) -> Any:
    """A long action to its end. ``part`` tells apart the actions of one step; after a restart our agent adopts what it has begun."""
    key = f"{io.call_key}/{part or method}"
    return await io.agents.run(agent_id, method, *arguments, key=key, fence=io.fence, timeout=timeout, log=io.log.debug)


async def act_if_known(io: Io, agent_id: str, method: str, *arguments: Any) -> None:
    """`act`, passed over when the agent is too old to know the action."""
    try:
        await act(io, agent_id, method, *arguments)
    except AgentError as error:
        if not error.message.startswith("unknown message"):
            raise
        io.log.debug(f"agent {agent_id} does not know {method}")


async def answers(io: Io, agent_id: str) -> bool:
    """Whether the agent answers a ping within ten seconds."""
    try:
        await ask(io, agent_id, "ping", timeout=_PATIENCE)
    except AgentTimeout:
        io.log.debug(f"agent {agent_id} does not answer and is passed over")
        return False
    return True


async def listener(io: Io, instance_id: str, *, tolerate: bool) -> VmRow | None:
    """The instance's VM; with ``tolerate`` None when there is none or its agent does not answer."""
    if not tolerate:
        return await lookup.live_vm(io, instance_id)
    vm = await lookup.vm_of(io, instance_id)
    return vm if vm is not None and await answers(io, vm.agent_id) else None


async def act_tolerantly(
    io: Io, instance_id: str, method: str, *arguments: Any, tolerate: bool, timeout: float | None = None
) -> Any:
    """`act` on the instance's agent; with ``tolerate`` neither silence nor failure stops the task. None when passed over."""
    vm = await listener(io, instance_id, tolerate=tolerate)
    if vm is None:
        return None
    try:
        return await act(io, vm.agent_id, method, *arguments, timeout=timeout)
    except AgentError as error:
        if not tolerate:
            raise
        io.log.debug(f"{method} of {instance_id} failed and is passed over: {error.message}")
        return None


async def is_ours(io: Io, agent_id: str) -> bool:
    """Whether the agent reads our extensions; the stock agent says nothing of them in ``info``."""
    try:
        info = await ask(io, agent_id, "info")
    except AgentTimeout:
        raise
    except AgentError:
        return False
    return isinstance(info, dict) and "meristem" in info
