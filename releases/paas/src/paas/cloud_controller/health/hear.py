"""What is heard of the health manager and of instances that end; of several processes of this component one gets each."""

from __future__ import annotations

from paas.bus.client import Bus, Message
from paas.cloud_controller.health.ask import health_start, health_stop
from paas.cloud_controller.health.crash import exited
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.tasks.end import task_exited
from paas.messages.dea import Exited, Nothing
from paas.messages.health import BulkCredentials, HealthStart, HealthStop


async def hear_health(platform: Platform, bus: Bus) -> None:
    """Listen until the bus is closed."""
    config = platform.config

    async def start(message: Message[HealthStart]) -> None:
        await health_start(platform, message.body)

    async def stop(message: Message[HealthStop]) -> None:
        await health_stop(platform, message.body)

    async def exit(message: Message[Exited]) -> None:
        if message.body.cc_partition != config.cc_partition:
            return
        if message.body.task:
            await task_exited(platform, message.body)
        else:
            await exited(platform, message.body)

    async def credentials(message: Message[Nothing]) -> None:
        await message.respond(BulkCredentials(user=config.bulk.user, password=config.bulk.password))

    await bus.subscribe("health.start", HealthStart, start, "cc")
    await bus.subscribe("health.stop", HealthStop, stop, "cc")
    await bus.subscribe("droplet.exited", Exited, exit, "crash_event_registration")
    await bus.subscribe(f"cloudcontroller.bulk.credentials.{config.cc_partition}", Nothing, credentials, "cc")
