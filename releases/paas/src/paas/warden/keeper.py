"""All containers of this machine: makes them, finds them again after a restart, takes them away without a trace."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import structlog

from paas.containers.protocol import Create, Created, Egress, NetIn, NetOut, Port
from paas.warden.addresses import Pool, PoolError, Ports
from paas.warden.cgroup import Cgroup, trees
from paas.warden.config import WardenConfig
from paas.warden.faults import WardenError
from paas.warden.firewall import Firewall
from paas.warden.layers import loops_work, remove_layers
from paas.warden.names import machine_nameservers
from paas.warden.programs import ProgramError, Programs
from paas.warden.record import Place, Record, boot_id
from paas.warden.rules import Guarded, Policy, RuleError, matches
from paas.warden.runtime import Runtime
from paas.warden.ward import Tools, Ward, fresh_place, now

log = structlog.get_logger("warden")

HANDLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


class Keeper:
    """The wards, by handle."""

    def __init__(self, config: WardenConfig) -> None:
        self._config = config
        self._directory = Path(config.directory)
        programs = Programs(config.programs, config.environment)
        runtime = Runtime(programs, self._directory / "runc", config.log_bytes)
        self._tools = Tools(config, programs, runtime, Pool(config.pool, config.link_prefix))
        self._ports = Ports(config.first_port, config.last_port)
        self._firewall = Firewall(programs, policy(config), self._guarded)
        self._loop = config.disk == "loop" or (config.disk == "auto" and loops_work())
        self._wards: dict[str, Ward] = {}

    async def begin(self) -> None:
        """Find again what runs, remove what is left of what does not, put the packet rules in place."""
        (self._directory / "containers").mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o711)
        if not self._loop:
            log.warning(
                "disk_limits_not_enforced", reason="this machine has no loop devices, or the configuration says so"
            )
        boot = boot_id()
        for directory in sorted((self._directory / "containers").iterdir()):
            place = Place(directory)
            record = place.load()
            if record is None:
                await remove_layers(self._tools.programs, place)
                continue
            ward = Ward(self._tools, place, record)
            if record.boot != boot or record.state == "creating":
                log.info("left_over", handle=record.handle, state=record.state)
                await ward.remove()
                continue
            ward.adopt()
            self._wards[record.handle] = ward
            log.info("adopted", handle=record.handle, state=record.state)
        for handle in set(self._tools.runtime.handles()) - set(self._wards):
            await self._tools.runtime.delete(handle)
        for tree in trees(self._config.cgroup):
            for group in tree.iterdir():
                if group.is_dir() and group.name not in self._wards:
                    left = Cgroup(f"{self._config.cgroup}/{group.name}")
                    left.kill()
                    left.remove()
        await self._firewall.begin()

    async def create(self, ask: Create) -> Created:
        """Make one; nothing is left of it where that fails."""
        self._check(ask)
        try:
            slot = self._tools.pool.free({ward.record.slot for ward in self._wards.values()})
        except PoolError as error:
            raise WardenError("no_room", str(error)) from None
        record = Record(
            handle=ask.handle,
            owner=ask.owner,
            rootfs=str(Path(ask.rootfs).resolve()),
            hostname=ask.hostname or ask.handle,
            limits=ask.limits,
            binds=ask.binds,
            egress=ask.egress,
            closed=ask.closed,
            properties=ask.properties,
            slot=slot,
            disk="loop" if self._loop else "directory",
            created_at=now(),
            boot=boot_id(),
        )
        ward = Ward(self._tools, fresh_place(self._directory, ask.handle), record)
        self._wards[ask.handle] = ward
        async with ward.lock:
            try:
                ward.place.directory.mkdir()
                ward.save()
                await ward.build()
                await self._apply()
                await ward.begin()
            except BaseException as error:
                await asyncio.shield(self._remove(ward))
                if isinstance(error, ProgramError | OSError):
                    raise WardenError("failed", f"container {ask.handle} could not be made: {error}") from None
                raise
        log.info("created", handle=ask.handle, owner=ask.owner, address=ward.link.container_ip)
        return Created(
            handle=ask.handle,
            container_ip=ward.link.container_ip,
            host_ip=ward.link.host_ip,
            disk_enforced=self._loop,
        )

    def _check(self, ask: Create) -> None:
        if not HANDLE.fullmatch(ask.handle):
            raise WardenError("bad_request", f"handle {ask.handle!r}: at most 63 letters, digits, - and _")
        if ask.handle in self._wards:
            raise WardenError("exists", f"there is a container {ask.handle} already")
        if ask.limits.memory_mb < 1 or ask.limits.disk_mb < 1 or ask.limits.pids < 1:
            raise WardenError("bad_request", "limits: memory_mb, disk_mb and pids are at least 1")
        for path in (ask.rootfs, *(bind.source for bind in ask.binds)):
            if not path.startswith("/") or not Path(path).exists() or "," in path or ":" in path:
                raise WardenError("bad_request", f"{path!r} is no path of this machine that can be used here")
        for bind in ask.binds:
            if not bind.target.startswith("/"):
                raise WardenError("bad_request", f"bind: target {bind.target!r} is no absolute path")
        _check_egress(ask.egress)

    async def destroy(self, handle: str) -> None:
        """Take one away; one that is gone is fine."""
        if (ward := self._wards.get(handle)) is None:
            return
        async with ward.lock:
            if self._wards.get(handle) is ward:
                await asyncio.shield(self._remove(ward))
                log.info("destroyed", handle=handle)

    async def _remove(self, ward: Ward) -> None:
        # from here on a new warden takes the rest away, should this one not get that far
        ward.record.state = "creating"
        if ward.place.directory.exists():
            ward.save()
        await ward.remove()
        self._wards.pop(ward.record.handle, None)
        await self._apply()

    async def net_in(self, ask: NetIn) -> Port:
        """Lead a port of the machine into a container."""
        ward = self.ward(ask.handle)
        taken = {port.host_port for one in self._wards.values() for port in one.record.ports}
        try:
            port = Port(host_port=self._ports.free(taken, ask.host_port), container_port=ask.container_port)
        except PoolError as error:
            raise WardenError("no_room", str(error)) from None
        ward.record.ports = [*ward.record.ports, port]
        ward.save()
        await self._apply()
        return port

    async def net_out(self, ask: NetOut) -> None:
        """Replace what a container may connect to."""
        _check_egress(ask.egress)
        ward = self.ward(ask.handle)
        ward.record.egress = ask.egress
        ward.save()
        await self._apply()

    def ward(self, handle: str) -> Ward:
        """One that is there, made whole."""
        ward = self._wards.get(handle)
        if ward is None or ward.record.state == "creating":
            raise WardenError("no_such_container", f"there is no container {handle}")
        return ward

    def handles(self, owner: str) -> list[str]:
        """Oldest first."""
        wards = sorted(self._wards.values(), key=lambda ward: ward.record.created_at)
        return [one.record.handle for one in wards if not owner or one.record.owner == owner]

    @property
    def tools(self) -> Tools:
        """What wards are made with."""
        return self._tools

    def end(self) -> None:
        """Leave; all containers go on."""
        for ward in self._wards.values():
            ward.let_go()

    async def clear(self) -> None:
        """Take all away, the packet rules too: for a machine that shall have no warden any more."""
        for handle in list(self._wards):
            await self.destroy(handle)
        await self._firewall.end()
        Cgroup(self._config.cgroup).remove()

    def _guarded(self) -> list[Guarded]:
        return [ward.guarded() for ward in self._wards.values()]

    async def _apply(self) -> None:
        await self._firewall.apply()


def policy(config: WardenConfig) -> Policy:
    """The packet rules' part of the configuration; asking the name servers is allowed."""
    servers = config.nameservers or machine_nameservers(Path("/etc/resolv.conf"))
    names = [Egress(protocol=kind, destination=server, ports="53") for server in servers for kind in ("udp", "tcp")]
    return Policy(
        config.link_prefix, config.pool, [*names, *config.allow], config.deny, config.default_egress == "accept"
    )


def _check_egress(rules: list[Egress]) -> None:
    try:
        for rule in rules:
            matches(rule)
    except RuleError as error:
        raise WardenError("bad_request", str(error)) from None
