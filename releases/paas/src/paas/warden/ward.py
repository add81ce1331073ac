"""One container on this machine: how it is made, what is done with it, how it is taken away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from paas.containers.protocol import (
    Details,
    Exit,
    Limit,
    ProcessDetails,
    Run,
    Stop,
)
from paas.warden import spec
from paas.warden.addresses import Pool
from paas.warden.cgroup import Cgroup, swap_accounted
from paas.warden.config import WardenConfig
from paas.warden.faults import WardenError
from paas.warden.layers import disk_use, mount_layers, remove_layers
from paas.warden.members import besides_init, family, send
from paas.warden.names import write_names
from paas.warden.programs import ProgramError, Programs
from paas.warden.record import Place, Record
from paas.warden.rules import Guarded
from paas.warden.runtime import Runtime
from paas.warden.watched import Watched

KILL_ROUNDS = 200
KILL_SECONDS = 0.02
WATCHER_SECONDS = 5


@dataclass(frozen=True)
class Tools:
    """What wards are made with."""

    config: WardenConfig
    programs: Programs
    runtime: Runtime
    pool: Pool


class Ward:
    """A container: its record on disk, its processes. `lock` is held while it is made or taken away."""

    def __init__(self, tools: Tools, place: Place, record: Record) -> None:
        self._tools = tools
        self.place = place
        self.record = record
        self.link = tools.pool.link(record.slot)
        self.cgroup = Cgroup(f"{tools.config.cgroup}/{record.handle}")
        self.processes: dict[str, Watched] = {}
        self.lock = asyncio.Lock()
        self._init = -1

    def save(self) -> None:
        """Keep the record."""
        self.place.save(self.record)

    def guarded(self) -> Guarded:
        """As the packet rules see it."""
        return Guarded(self.record.slot, self.link, self.record.egress, self.record.ports, self.record.closed)

    async def build(self) -> None:
        """Files, init, link: all but letting the init run."""
        config, record = self._tools.config, self.record
        self.place.processes.mkdir(parents=True)
        loop = record.disk == "loop"
        await mount_layers(self._tools.programs, self.place, record.rootfs, record.limits, loop)
        write_names(self.place.etc, record.hostname, self.link.container_ip, config.hosts, config.nameservers)
        document = spec.container(
            rootfs=self.place.rootfs,
            etc=self.place.etc,
            init=self._tools.programs.find("tini-static", "tini"),
            hostname=record.hostname,
            limits=record.limits,
            binds=record.binds,
            cgroup=f"/{self.cgroup.path}",
            swap=swap_accounted(),
        )
        record.pid = await self._tools.runtime.create(record.handle, self.place, document)
        await self._connect(record.pid)

    async def begin(self) -> None:
        """Let the init run."""
        await self._tools.runtime.start(self.record.handle)
        self.record.state = "running"
        self.save()
        self._watch_init()

    async def _connect(self, pid: int) -> None:
        """The link: one end here, one in the container's network, with which it goes."""
        link, mtu = self.link, self._tools.config.mtu
        # the packet rules are for IPv4: by an address that IPv6 gives itself the machine could be reached past them
        quiet = "link set {} addrgenmode none\n" if Path("/proc/sys/net/ipv6").is_dir() else ""
        await self._tools.programs.run(
            "ip",
            "-batch",
            "-",
            text=f"link add {link.name} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {pid}\n"
            f"{quiet.format(link.name)}addr add {link.host_ip}/30 dev {link.name}\nlink set {link.name} up\n",
        )
        await self._tools.programs.run(
            "nsenter",
            "-t",
            str(pid),
            "-n",
            self._tools.programs.path("ip"),
            "-batch",
            "-",
            text=f"{quiet.format('eth0')}link set lo up\naddr add {link.container_ip}/30 dev eth0\nlink set eth0 up\nroute add default via {link.host_ip}\n",
        )

    def adopt(self) -> None:
        """Find again what runs, after a restart of the warden."""
        if self.record.pid not in self.cgroup.processes():
            self.record.state = "stopped"
        else:
            self._watch_init()
        for directory in sorted(self.place.processes.iterdir(), key=lambda one: int(one.name)):
            process = self.processes[directory.name] = Watched(directory, self.cgroup.oom_kills)
            process.watch()

    def _watch_init(self) -> None:
        try:
            self._init = os.pidfd_open(self.record.pid)
        except ProcessLookupError:
            self.record.state = "stopped"
            return
        asyncio.get_running_loop().add_reader(self._init, self._init_gone)

    def _init_gone(self) -> None:
        self._forget_init()
        self.record.state = "stopped"
        if self.place.record.exists():
            self.save()

    def _forget_init(self) -> None:
        if self._init >= 0:
            asyncio.get_running_loop().remove_reader(self._init)
            os.close(self._init)
            self._init = -1

    def let_go(self) -> None:
        """Watch no more; all goes on."""
        self._forget_init()
        for process in self.processes.values():
            process.close()

    async def run(self, ask: Run) -> Watched:
        """Start a process."""
        self._must_run()
        name = str(self.record.next_process)
        self.record.next_process += 1
        self.save()
        directory = self.place.processes / name
        directory.mkdir()
        process = Watched(directory, self.cgroup.oom_kills)
        process.began()
        document = spec.process(ask.argv, ask.user, ask.env, ask.cwd, self.record.limits.fds)
        try:
            await self._tools.runtime.execute(self.record.handle, directory, document)
        except ProgramError:
            # its init may have ended a moment ago
            if self.record.pid not in self.cgroup.processes():
                self.record.state = "stopped"
            self._must_run()
            raise
        self.processes[name] = process
        process.watch()
        return process

    def _must_run(self) -> None:
        if self.record.state != "running":
            raise WardenError("failed", f"container {self.record.handle} is {self.record.state}, nothing can run in it")

    def process(self, name: str) -> Watched:
        """A process by name."""
        if (process := self.processes.get(name)) is None:
            raise WardenError("no_such_process", f"container {self.record.handle} has no process {name!r}")
        return process

    async def exit_of(self, name: str) -> Exit:
        """How a process ended, once it has."""
        process = self.process(name)
        await process.ended.wait()
        assert process.exit is not None
        return process.exit

    async def stop(self, ask: Stop) -> None:
        """End all, or one process with its children."""
        targets = [self.process(ask.process)] if ask.process else list(self.processes.values())
        send(self._members(targets, ask), signal.SIGTERM)
        waits = [asyncio.create_task(one.ended.wait()) for one in targets]
        if waits:
            _, late = await asyncio.wait(waits, timeout=ask.grace)
            for wait in late:
                wait.cancel()
        # what is left, and what does not belong to a process that ended
        members: list[int] = []
        for _ in range(KILL_ROUNDS):
            members = self._members(targets, ask)
            if not members and all(one.ended.is_set() for one in targets):
                return
            send(members, signal.SIGKILL)
            await asyncio.sleep(KILL_SECONDS)
        raise WardenError("failed", f"container {self.record.handle}: {len(members)} processes do not end")

    def _members(self, targets: list[Watched], ask: Stop) -> list[int]:
        pids = self.cgroup.processes()
        if not ask.process:
            return besides_init(pids, self.record.pid)
        return [pid for one in targets for pid in family(pids, one.pid)]

    async def limit(self, ask: Limit) -> None:
        """Change the limits that can be changed."""
        await self._tools.runtime.update(self.record.handle, spec.resources(ask.limits, swap_accounted()))
        old = self.record.limits
        self.record.limits = type(old)(
            memory_mb=ask.limits.memory_mb,
            disk_mb=old.disk_mb,
            cpu_shares=ask.limits.cpu_shares,
            cpu_cores=ask.limits.cpu_cores,
            pids=ask.limits.pids,
            fds=ask.limits.fds,
        )
        self.save()

    def details(self) -> Details:
        """State and use."""
        record = self.record
        loop = record.disk == "loop"
        return Details(
            handle=record.handle,
            owner=record.owner,
            state=record.state,
            container_ip=self.link.container_ip,
            host_ip=self.link.host_ip,
            limits=record.limits,
            properties=record.properties,
            memory=self.cgroup.memory(),
            disk=disk_use(self.place, loop),
            cpu_ns=self.cgroup.cpu_ns(),
            pids=self.cgroup.pids(),
            oom_kills=self.cgroup.oom_kills(),
            disk_enforced=loop,
            ports=record.ports,
            processes=[ProcessDetails(process=one.name, pid=one.pid, exit=one.exit) for one in self.processes.values()],
            created_at=record.created_at,
        )

    async def remove(self) -> None:
        """End all, remove all of it but the packet rules."""
        self._forget_init()
        self.cgroup.kill()
        await self._tools.runtime.delete(self.record.handle)
        for process in self.processes.values():
            # conmon writes the status within moments after the kill
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WATCHER_SECONDS):
                    await process.ended.wait()
            process.lost()
        with contextlib.suppress(ProgramError):
            await self._tools.programs.run("ip", "link", "del", self.link.name)
        await remove_layers(self._tools.programs, self.place)
        self.cgroup.remove()
        if self.place.directory.exists():
            raise WardenError("failed", f"container {self.record.handle}: {self.place.directory} could not be removed")


def fresh_place(root: Path, handle: str) -> Place:
    """Where a container's files lie."""
    return Place(root / "containers" / handle)


def now() -> float:
    """Seconds since 1970."""
    return time.time()
