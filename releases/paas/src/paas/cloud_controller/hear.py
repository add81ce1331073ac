"""What this component hears on the bus."""

from __future__ import annotations

from paas.bus.client import Bus, Message
from paas.cloud_controller.platform import Platform
from paas.messages.dea import Advertisement, Shutdown
from paas.messages.staging import StagerAdvertisement


async def hear_advertisements(platform: Platform, bus: Bus) -> None:
    """Where instances and stagings may go; asked for at once, so that a new process need not wait for the next round."""

    async def dea(message: Message[Advertisement]) -> None:
        platform.deas.hear(message.body)

    async def shutdown(message: Message[Shutdown]) -> None:
        platform.deas.forget(message.body.id)

    async def stager(message: Message[StagerAdvertisement]) -> None:
        platform.stagers.hear(message.body)

    await bus.subscribe("dea.advertise", Advertisement, dea)
    await bus.subscribe("dea.shutdown", Shutdown, shutdown)
    await bus.subscribe("staging.advertise", StagerAdvertisement, stager)
    await ask_for_advertisements(bus)


async def ask_for_advertisements(bus: Bus) -> None:
    """Have all DEAs and stagers advertise now."""
    await bus.publish("dea.locate", {})
    await bus.publish("staging.locate", {})
