"""The agents' port over NATS (agent protocol §1-2), for the stock agent and for ours."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from director.adapters.bus.admission import Admission
from director.adapters.bus.connection import BusIdentity, Connection
from director.adapters.bus.exchange import Conversation, Exchange
from director.adapters.bus.heartbeats import Heartbeats
from director.adapters.bus.identities import Identities
from director.adapters.bus.refusals import Refusals
from director.model.errors import AgentError, AgentTimeout
from director.ports.agents import AgentLog, Identity, Sighting

REPLY_TIMEOUT = 45.0
_RETRIES = {"get_state": 2, "get_task": 4, "upload_blob": 3}
_POLL = 1.0
_SAFETY_NET = 5.0
_POLL_REPLY = 5.0
_SILENCE = REPLY_TIMEOUT * (1 + _RETRIES["get_task"])


class NatsAgents:
    """``monitor`` absent: no heartbeats are heard. ``users`` absent: somebody else tells the server whom to let in. ``server_log``: the
    server's log file, where it can be read: it tells whom the server turned away."""

    def __init__(
        self,
        url: str,
        director: BusIdentity,
        identities: Identities,
        *,
        monitor: BusIdentity | None = None,
        users: Admission | None = None,
        server_log: Path | None = None,
        name: str = "director",
    ) -> None:
        self._connection = Connection(url, director, name=name)
        self._exchange = Exchange(self._connection)
        self._heartbeats = (
            Heartbeats(Connection(url, monitor, name=f"{name} monitor"), self._exchange.heard) if monitor else None
        )
        self._identities = identities
        self._asked: set[str] = set()
        self._users = users
        self._refusals = Refusals(server_log) if server_log is not None else None

    async def start(self, known: Sequence[str] = ()) -> None:
        """Let in exactly the ``known`` agents (those of the store's VMs), connect. Raises when the server cannot be reached."""
        if self._users is not None:
            await self._users.replace(known)
        await self._connection.client()
        if self._heartbeats is not None:
            await self._heartbeats.start()

    async def call(
        self,
        agent_id: str,
        method: str,
        *arguments: Any,
        timeout: float = REPLY_TIMEOUT,
        key: str = "",
        fence: int = 0,
        log: AgentLog | None = None,
    ) -> Any:
        """With the full time the contract's retries apply (get_state 2, get_task 4, upload_blob 3); a shorter time is one try."""
        tries = 1 + (_RETRIES.get(method, 0) if timeout >= REPLY_TIMEOUT else 0)
        while True:
            tries -= 1
            try:
                answer = await self._exchange.ask_once(
                    agent_id, method, arguments, timeout=timeout, key=key, fence=fence, log=log
                )
                return answer.result(agent_id, method)
            except AgentTimeout:
                if not tries:
                    raise

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
        """See the port. A synchronous answer is returned as it is."""
        try:
            async with self._connection.clock.limit(timeout):
                with self._exchange.conversation(agent_id, log) as talk:
                    if adopt:
                        try:
                            return await self._follow(talk, method, adopt, fence=fence, adopted=True)
                        except AgentError as error:
                            if not _forgotten(error, adopt):
                                raise
                    return await self._run(talk, method, arguments, key=key, fence=fence, started=started)
        except TimeoutError:
            raise AgentTimeout(
                f"'{method}' of agent '{agent_id}' did not end within {timeout:g} seconds",
                agent_id=agent_id,
                method=method,
            ) from None

    async def wait_until_ready(self, agent_id: str, timeout: float, log: AgentLog | None = None) -> None:
        """A ping a second; five a second while the agent is not on the bus at all, and one in the moment of its first heartbeat."""
        clock = self._connection.clock
        deadline = clock.now() + timeout
        while True:
            left = deadline - clock.now()
            try:
                answer = await self._exchange.ask_once(agent_id, "ping", timeout=max(0.05, min(1.0, left)), log=log)
                if not (answer.fault or "").startswith("restarting agent"):
                    answer.result(agent_id, "ping")
                    return
                await asyncio.sleep(0.2)
            except AgentTimeout:
                log = None  # one line is enough for all those pings
            if clock.now() >= deadline:
                raise AgentTimeout(
                    f"Timed out pinging agent '{agent_id}' after {timeout:g} seconds",
                    agent_id=agent_id,
                    method="ping",
                )

    async def sightings(self, agents: Mapping[str, Sequence[str]]) -> dict[str, Sighting]:
        """Whether they listen is known from the pings of `wait_until_ready`."""
        refused = await asyncio.to_thread(self._refusals.look) if self._refusals is not None else {}

        def one(agent_id: str, addresses: Sequence[str]) -> Sighting:
            at, why = max((refused[one] for one in addresses if one in refused), default=(0.0, ""))
            # while the bus is away, and just after, it tells nothing about agents
            there = self._exchange.listening.get(agent_id) if self._connection.clock.runs else None
            return Sighting(there, why, at)

        return {agent_id: one(agent_id, addresses) for agent_id, addresses in agents.items()}

    async def admit(self, agent_ids: Sequence[str]) -> None:
        if self._users is not None:
            await self._users.admit(agent_ids)

    async def expel(self, agent_ids: Sequence[str]) -> None:
        self._exchange.forget(agent_ids)
        self._asked.difference_update(agent_ids)
        if self._heartbeats is not None:
            self._heartbeats.forget(agent_ids)
        if self._users is not None:
            await self._users.expel(agent_ids)

    async def identity(self, agent_id: str, *, bootstrap: bool) -> Identity:
        return await self._identities.issue(agent_id, bootstrap=bootstrap)

    def heartbeat(self, agent_id: str) -> dict[str, Any] | None:
        return self._heartbeats.last(agent_id) if self._heartbeats is not None else None

    def heard(self) -> Mapping[str, float]:
        return self._heartbeats.heard() if self._heartbeats is not None else {}

    def on_alert(self, listener: Callable[[str, dict[str, Any]], None]) -> None:
        if self._heartbeats is not None:
            self._heartbeats.alert_listeners.append(listener)

    async def reachable(self) -> bool:
        heartbeats = await self._heartbeats.reachable() if self._heartbeats is not None else True
        return heartbeats and await self._connection.answers()

    async def close(self) -> None:
        if self._heartbeats is not None:
            await self._heartbeats.close()
        await self._connection.close()

    async def _run(
        self,
        talk: Conversation,
        method: str,
        arguments: Sequence[Any],
        *,
        key: str,
        fence: int,
        started: Callable[[str], Any] | None,
    ) -> Any:
        tries = 1 + _RETRIES.get(method, 0)
        while True:
            tries -= 1
            try:
                answer = await self._exchange.ask(talk, method, arguments, timeout=REPLY_TIMEOUT, key=key, fence=fence)
                break
            except AgentTimeout:
                if not tries:
                    raise
        task_id = answer.running_task
        if not task_id:
            return answer.result(talk.agent_id, method)
        if started is not None:
            told = started(task_id)
            if inspect.isawaitable(told):
                await told
        return await self._follow(talk, method, task_id, fence=fence, adopted=False)

    async def _follow(self, talk: Conversation, method: str, task_id: str, *, fence: int, adopted: bool) -> Any:
        """Until the task ends: told by a push on the conversation, or found by get_task."""
        heard = self._connection.clock.now()
        polls = 0
        if method != "update_settings":
            await self._learn(talk)
        while True:
            wait = self._interval(talk.agent_id, method, polls, pushed=not adopted)
            polls += 1
            if method == "update_settings":
                await talk.stir(wait)  # it is heard as soon as it is back
                wait = 0.0
            pushed = await _pushed(talk, task_id, wait)
            if pushed is not None:
                return pushed.result(talk.agent_id, method)
            try:
                answer = await self._exchange.ask_once(
                    talk.agent_id, "get_task", [task_id], timeout=_POLL_REPLY, fence=fence, log=talk.log
                )
            except AgentTimeout:
                if self._connection.clock.now() - heard > _SILENCE:
                    raise
            else:
                heard = self._connection.clock.now()
                if not answer.running_task and not (answer.fault or "").startswith("restarting agent"):
                    return answer.result(talk.agent_id, method)

    async def _learn(self, talk: Conversation) -> None:
        """Ask an agent once whether it pushes the ends of its actions."""
        agent_id = talk.agent_id
        if agent_id in self._asked or self._exchange.knows(agent_id):
            return
        self._asked.add(agent_id)
        with contextlib.suppress(AgentTimeout):
            await self._exchange.learn(agent_id, timeout=_POLL_REPLY, log=talk.log)

    def _interval(self, agent_id: str, method: str, polls: int, *, pushed: bool) -> float:
        """Seconds until the next poll; short at first, as most actions are."""
        if not pushed and not polls:
            return 0.0
        if method == "update_settings":
            return 0.25  # the agent restarts, and what it would push is lost with it
        if pushed and agent_id in self._exchange.speaks:
            # one early look: a request repeated after a restart may name an action that has ended, and was told of then
            return _SAFETY_NET if polls else _POLL
        return min(_POLL, 0.1 * 2**polls)


async def _pushed(talk: Conversation, task_id: str, wait: float) -> Any:
    """The pushed end of the task, None when ``wait`` seconds pass without one."""
    try:
        async with asyncio.timeout(wait):
            while True:
                answer = await talk.answers.get()
                if answer is not None and answer.pushed_task == task_id and not answer.running_task:
                    return answer
    except TimeoutError:
        return None


def _forgotten(error: AgentError, task_id: str) -> bool:
    return f"Task with id {task_id} could not be found" in error.message
