"""From a start message to a running process: droplet, container, port, command."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from paas.containers.client import Container, ContainerError, Process, WardenAwayError, WardenClient
from paas.containers.protocol import Bind, Create, Egress, Limits
from paas.dea.config import DeaConfig
from paas.dea.droplets import DropletError, Droplets
from paas.dea.environment import HOME, PORT, environment
from paas.dea.instances import Instance
from paas.messages.dea import Start

SHARES_PER_MB = 2
LEAST_SHARES = 64
INFO_BYTES = 256 << 10

COMMAND = f"""\
cd {HOME}/app 2> /dev/null || cd {HOME}
mkdir -p "$TMPDIR"
for one in {HOME}/.profile.d/*.sh {HOME}/app/.profile.d/*.sh {HOME}/app/.profile; do
  if [ -r "$one" ]; then . "$one"; fi
done
unset one
exec /bin/bash -c "$1"
"""


class CrashError(Exception):
    """An instance has ended, or never came up; `status` is the process's, 255 where there was none."""

    def __init__(self, description: str, status: int = 255) -> None:
        super().__init__(description)
        self.description = description
        self.status = status


async def launch(
    config: DeaConfig, warden: WardenClient, droplets: Droplets, instance: Instance, start: Start
) -> tuple[Container, Process]:
    """Do all of it, and note in the record what an agent needs to find it again. CrashError says what went wrong."""
    record = instance.record
    try:
        rootfs = _rootfs(config, start.stack)
        egress = _egress(start.egress_network_rules)
        droplet = await droplets.fetch(start.sha1, start.executable_uri)
        create = Create(
            handle=record.instance,
            rootfs=rootfs,
            limits=_limits(config, start),
            owner=owner(config),
            binds=[Bind(source=one.source, target=one.target, writable=one.writable) for one in config.binds],
            egress=egress,
            properties={"droplet": record.droplet, "version": record.version, "index": str(record.index)},
        )
        container = instance.container = await warden.create(create)
        record.container_ip = container.container_ip
        await container.copy_in(str(droplet), HOME, unpack=True)
        record.host_port = await container.net_in(PORT)
        command = start.start_command or await _staged_command(container, start.process_type)
        variables = environment(start, record, config.ip, record.host_port)
        process = await container.run(["/bin/bash", "-c", COMMAND, "start", command], env=variables, cwd=HOME)
    except DropletError as error:
        raise CrashError(str(error)) from None
    except ContainerError as error:
        raise CrashError(f"the container could not be started: {error}") from None
    except WardenAwayError:
        raise CrashError("the container could not be started: the warden went away") from None
    record.process = process.name
    return container, process


def owner(config: DeaConfig) -> str:
    """Marks this DEA's containers among those of the machine."""
    return f"dea-{config.id}"


def _rootfs(config: DeaConfig, stack: str) -> str:
    if not stack:
        return next(iter(config.stacks.values()))
    if stack not in config.stacks:
        raise CrashError(f"there is no stack {stack} here, but {', '.join(config.stacks)}")
    return config.stacks[stack]


def _limits(config: DeaConfig, start: Start) -> Limits:
    """CPU is shared out by memory, as the user pays for it."""
    return Limits(
        memory_mb=start.limits.mem,
        disk_mb=start.limits.disk,
        cpu_shares=max(LEAST_SHARES, start.limits.mem * SHARES_PER_MB),
        cpu_cores=config.cpu_cores,
        pids=config.pids,
        fds=start.limits.fds,
    )


def _egress(rules: list[dict[str, Any]]) -> list[Egress]:
    """Rules of security groups; one rule may name several destinations with commas."""
    found: list[Egress] = []
    for rule in rules:
        for destination in str(rule.get("destination", "")).split(","):
            try:
                found.append(msgspec.convert({**rule, "destination": destination.strip()}, Egress))
            except msgspec.ValidationError as error:
                raise CrashError(f"a rule of a security group cannot be understood: {error}") from None
    return found


async def _staged_command(container: Container, process_type: str) -> str:
    """The command that staging found."""
    process = await container.run(["/usr/bin/head", "-c", str(INFO_BYTES), f"{HOME}/staging_info.yml"])
    lines = [line.text async for batch in process.output() for line in batch.lines if line.stream == "OUT"]
    await process.wait()
    try:
        info = yaml.safe_load("\n".join(lines))
    except yaml.YAMLError:
        info = None
    if isinstance(info, dict):
        types = info.get("process_types")
        if isinstance(types, dict) and isinstance(command := types.get(process_type), str) and command:
            return command
        if isinstance(command := info.get("start_command"), str) and command:
            return command
    raise CrashError(f"no start command: neither the app nor its droplet names one for the process {process_type}")
