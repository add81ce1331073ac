"""A node on the bus: it announces what it has free, and makes, binds and removes instances as its gateway asks."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import structlog

from paas.bus.client import Bus, Message
from paas.messages.services import (
    Announce,
    Bind,
    Bound,
    CheckOrphan,
    Discover,
    Done,
    NodeHandles,
    Provision,
    Provisioned,
    Unbind,
    Unprovision,
)
from paas.services.node.config import NodeConfig
from paas.services.node.instance import Binding, Instance, new_password
from paas.services.node.ledger import Ledger
from paas.services.node.service import Service, ServiceError

A = TypeVar("A")
NAME = re.compile(r"[a-z][a-z0-9]{2,47}")

log = structlog.get_logger("node")


class NoCapacityError(ServiceError):
    """The node is full for this plan; another may have room."""


class Agent:
    """One node of the service `label`. Every request may come twice."""

    def __init__(self, label: str, config: NodeConfig, service: Service, ledger: Ledger, bus: Bus) -> None:
        self._label = label
        self._config = config
        self._service = service
        self._ledger = ledger
        self._bus = bus
        self._locks: dict[str, asyncio.Lock] = {}

    async def listen(self) -> None:
        """Hear the gateway, and say that the node is there."""
        label, id = self._label, self._config.id
        await self._bus.subscribe(f"{label}.discover", Discover, self._discovered)
        await self._bus.subscribe(f"{label}.check_orphan", CheckOrphan, self._checked)
        await self._bus.subscribe(f"{label}.provision.{id}", Provision, self._answer(self.provision, Provisioned))
        await self._bus.subscribe(f"{label}.unprovision.{id}", Unprovision, self._answer(self.unprovision, Done))
        await self._bus.subscribe(f"{label}.bind.{id}", Bind, self._answer(self.bind, Bound))
        await self._bus.subscribe(f"{label}.unbind.{id}", Unbind, self._answer(self.unbind, Done))
        await self.announce()

    async def announce_until(self, stop: asyncio.Event) -> None:
        """Announce at intervals."""
        while not stop.is_set():
            await self.announce()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.announce_seconds):
                    await stop.wait()

    async def announce(self) -> None:
        """Tell the gateways what is free now."""
        await self._bus.publish(f"{self._label}.announce", self._announcement())

    def _announcement(self) -> Announce:
        config = self._config
        return Announce(
            id=config.id,
            available_capacity=config.capacity - self._ledger.used(),
            max_capacity=config.capacity,
            plans=config.plans,
            zone=config.zone,
        )

    async def provision(self, asked: Provision) -> Provisioned:
        """Make the instance, or find it made."""
        if not NAME.fullmatch(asked.name):
            raise ServiceError(f"'{asked.name}' is no name for an instance: letters and digits, at most 48")
        instance = self._ledger.get(asked.name) or self._admit(asked)
        if (instance.plan, instance.size) != (asked.plan, asked.size):
            raise ServiceError(f"instance {asked.name} is here already, with plan {instance.plan}")
        place = await self._service.make(instance)
        if not instance.made:
            self._ledger.put(msgspec.structs.replace(instance, made=True))
            log.info("node_provisioned", instance=instance.name, plan=instance.plan)
            await self.announce()
        return Provisioned(success=True, credentials={"name": instance.name, **place})

    def _admit(self, asked: Provision) -> Instance:
        free = self._config.capacity - self._ledger.used()
        if asked.size > free or (self._config.plans and asked.plan not in self._config.plans):
            raise NoCapacityError(f"node {self._config.id} has {free} MB free, plan {asked.plan} takes {asked.size} MB")
        return self._ledger.put(
            Instance(
                name=asked.name,
                number=self._ledger.free_number(),
                plan=asked.plan,
                size=asked.size,
                limits=asked.limits,
                password=new_password(),
            )
        )

    async def unprovision(self, asked: Unprovision) -> Done:
        """Remove the instance; the record goes last, so that a node that dies in between is asked again."""
        if (instance := self._ledger.get(asked.name)) is not None:
            await self._service.remove(instance)
            self._ledger.drop(asked.name)
            self._locks.pop(asked.name, None)
            log.info("node_unprovisioned", instance=asked.name)
            await self.announce()
        return Done(success=True)

    async def bind(self, asked: Bind) -> Bound:
        """Make credentials of their own for a binding, or find them made."""
        instance = self._made(asked.name)
        binding = instance.bindings.get(asked.binding)
        if binding is None:
            binding = Binding.new(asked.binding, asked.bind_opts)
            bindings = {**instance.bindings, binding.id: binding}
            instance = self._ledger.put(msgspec.structs.replace(instance, bindings=bindings))
        credentials = await self._service.bind(instance, binding)
        log.info("node_bound", instance=instance.name, binding=binding.id)
        return Bound(success=True, credentials=credentials)

    async def unbind(self, asked: Unbind) -> Done:
        """End the credentials of a binding."""
        instance = self._ledger.get(asked.name)
        if instance is not None and (binding := instance.bindings.get(asked.binding)) is not None:
            bindings = {id: one for id, one in instance.bindings.items() if id != binding.id}
            without = msgspec.structs.replace(instance, bindings=bindings)
            await self._service.unbind(without, binding)
            self._ledger.put(without)
            log.info("node_unbound", instance=instance.name, binding=binding.id)
        return Done(success=True)

    def _made(self, name: str) -> Instance:
        instance = self._ledger.get(name)
        if instance is None or not instance.made:
            raise ServiceError(f"node {self._config.id} has no instance {name}")
        return instance

    def _answer(
        self, work: Callable[[Any], Awaitable[A]], reply: Callable[..., A]
    ) -> Callable[[Message[Any]], Awaitable[None]]:
        async def come(message: Message[Any]) -> None:
            async with self._locks.setdefault(message.body.name, asyncio.Lock()):
                try:
                    answer = await work(message.body)
                except ServiceError as error:
                    kind = "NoCapacity" if isinstance(error, NoCapacityError) else ""
                    log.warning("node_refused", subject=message.subject, error=str(error))
                    answer = reply(success=False, error=str(error), error_type=kind)
                except Exception:  # the asker gets an answer, the log the cause
                    log.exception("node_failed", subject=message.subject)
                    said = f"node {self._config.id} failed; its log says why"
                    answer = reply(success=False, error=said)
            await message.respond(answer)

        return come

    async def _discovered(self, message: Message[Discover]) -> None:
        plan, plans = message.body.plan, self._config.plans
        if not plan or not plans or plan in plans:
            if message.reply:
                await message.respond(self._announcement())
            else:
                await self.announce()

    async def _checked(self, message: Message[CheckOrphan]) -> None:
        held = {one.name: list(one.bindings) for one in self._ledger.all()}
        await message.respond(NodeHandles(id=self._config.id, instances=held))
