"""A cloud in memory. It is as forgetful as the worst: it makes a second object under the same key if asked to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from msgspec.structs import replace

from director.adapters.memory.inventory import Disk, Inventory, Stemcell, Vm
from director.adapters.memory.script import Script
from director.model.deployment import Document
from director.model.errors import CloudError, CloudNotFound, CloudNotSupported, CloudUnsettled, NotFound
from director.ports.cloud import CloudInfo, CpiLog, VmCreated, VmStatus


class MemoryCloud:
    """`Cloud` over an `Inventory`. ``can_find`` False behaves as a stock CPI; ``lacks`` are methods answered by NotImplemented."""

    def __init__(self, name: str = "", *, can_find: bool = True, lacks: frozenset[str] = frozenset()) -> None:
        self._name = name
        self._can_find = can_find
        self._lacks = lacks
        self.inventory = Inventory()
        self.script = Script()

    @property
    def name(self) -> str:
        return self._name

    def unsettled(self, method: str) -> CloudUnsettled:
        """An answer that was lost, for the script."""
        return CloudUnsettled(f"The answer to {method} was lost", type="Bosh::Clouds::CloudError", method=method)

    def refused(self, method: str, *, ok_to_retry: bool = False) -> CloudError:
        """A plain failure, for the script."""
        return CloudError(
            f"{method} failed", type="Bosh::Clouds::CloudError", method=method, cpi=self._name, ok_to_retry=ok_to_retry
        )

    async def info(self, *, log: CpiLog | None = None) -> CloudInfo:
        can_tell, many = (self._can_find and method not in self._lacks for method in ("vm_status", "find_all"))
        return await self.script.perform("info", lambda: CloudInfo(2, ("memory",), self._can_find, can_tell, many))

    async def create_stemcell(
        self, image_path: str, cloud_properties: Document, *, key: str, tags: dict[str, str], log: CpiLog | None = None
    ) -> str:
        def effect() -> str:
            cid = self.inventory.cid("stemcell", key)
            self.inventory.stemcells[cid] = Stemcell(cid, key)
            return cid

        return await self.script.perform("create_stemcell", effect)

    async def delete_stemcell(self, cid: str, *, log: CpiLog | None = None) -> None:
        await self.script.perform("delete_stemcell", lambda: self.inventory.stemcells.pop(cid, None))

    async def create_vm(
        self,
        agent_id: str,
        stemcell_cid: str,
        cloud_properties: Document,
        networks: Document,
        disk_cids: list[str],
        env: Document,
        *,
        key: str,
        stemcell_api: int,
        log: CpiLog | None = None,
    ) -> VmCreated:
        def effect() -> VmCreated:
            if stemcell_cid not in self.inventory.stemcells:
                self._missing("create_vm", "Stemcell", stemcell_cid)
            self._check_addresses(networks)
            cid = self.inventory.cid("vm", key)
            self.inventory.vms[cid] = Vm(cid, key, agent_id, stemcell_cid, networks, env)
            return VmCreated(cid, networks)

        return await self.script.perform("create_vm", effect)

    async def delete_vm(self, cid: str, *, stemcell_api: int = 0, log: CpiLog | None = None) -> None:
        def effect() -> None:
            if self.inventory.vms.pop(cid, None) is None:
                self._missing("delete_vm", "VM", cid)

        await self.script.perform("delete_vm", effect)

    async def has_vm(self, cid: str, *, log: CpiLog | None = None) -> bool:
        return await self.script.perform("has_vm", lambda: cid in self.inventory.vms)

    async def reboot_vm(self, cid: str, *, log: CpiLog | None = None) -> None:
        await self.script.perform("reboot_vm", lambda: self._vm("reboot_vm", cid))

    async def set_vm_metadata(self, cid: str, metadata: dict[str, str], *, log: CpiLog | None = None) -> None:
        await self.script.perform("set_vm_metadata", lambda: self._vm("set_vm_metadata", cid).metadata.update(metadata))

    async def calculate_vm_cloud_properties(
        self, requirements: dict[str, int], *, log: CpiLog | None = None
    ) -> Document:
        return await self.script.perform("calculate_vm_cloud_properties", lambda: dict(requirements))

    async def create_disk(
        self, size: int, cloud_properties: Document, vm_cid: str, *, key: str, log: CpiLog | None = None
    ) -> str:
        def effect() -> str:
            if vm_cid:
                self._vm("create_disk", vm_cid)
            cid = self.inventory.cid("disk", key)
            self.inventory.disks[cid] = Disk(cid, key, size)
            return cid

        return await self.script.perform("create_disk", effect)

    async def delete_disk(self, cid: str, *, log: CpiLog | None = None) -> None:
        def effect() -> None:
            holder = self.inventory.holder(cid)
            if holder is not None:
                self._refuse("delete_disk", f"Disk '{cid}' is attached to VM '{holder.cid}'")
            if self.inventory.disks.pop(cid, None) is None:
                self._missing("delete_disk", "Disk", cid)

        await self.script.perform("delete_disk", effect)

    async def has_disk(self, cid: str, *, log: CpiLog | None = None) -> bool:
        return await self.script.perform("has_disk", lambda: cid in self.inventory.disks)

    async def attach_disk(self, vm_cid: str, disk_cid: str, *, stemcell_api: int, log: CpiLog | None = None) -> Any:
        """Attaching again to the same VM answers the same hint."""

        def effect() -> str:
            vm = self._vm("attach_disk", vm_cid)
            self._disk("attach_disk", disk_cid)
            holder = self.inventory.holder(disk_cid)
            if holder is None:
                vm.disks.append(disk_cid)
            elif holder is not vm:
                self._refuse("attach_disk", f"Disk '{disk_cid}' is attached to VM '{holder.cid}'")
            return f"/dev/vd{chr(ord('b') + vm.disks.index(disk_cid))}"

        return await self.script.perform("attach_disk", effect)

    async def detach_disk(self, vm_cid: str, disk_cid: str, *, log: CpiLog | None = None) -> None:
        def effect() -> None:
            vm = self._vm("detach_disk", vm_cid)
            self._disk("detach_disk", disk_cid)
            if disk_cid in vm.disks:
                vm.disks.remove(disk_cid)

        await self.script.perform("detach_disk", effect)

    async def resize_disk(self, cid: str, size: int, *, log: CpiLog | None = None) -> None:
        def effect() -> None:
            self._supported("resize_disk")
            disk = self._disk("resize_disk", cid)
            if self.inventory.holder(cid) is not None:
                self._refuse("resize_disk", f"Disk '{cid}' is attached")
            disk.size = size

        await self.script.perform("resize_disk", effect)

    async def set_disk_metadata(self, cid: str, metadata: dict[str, str], *, log: CpiLog | None = None) -> None:
        await self.script.perform(
            "set_disk_metadata", lambda: self._disk("set_disk_metadata", cid).metadata.update(metadata)
        )

    async def find(self, kind: str, key: str, *, log: CpiLog | None = None) -> str | None:
        def effect() -> str | None:
            if not self._can_find:
                self._lacking("find")
            return self.inventory.by_key(kind, key)

        return await self.script.perform("find", effect)

    async def find_all(self, kind: str, keys: Sequence[str], *, log: CpiLog | None = None) -> dict[str, str]:
        def effect() -> dict[str, str]:
            if not self._can_find:
                self._lacking("find_all")
            self._supported("find_all")
            found = {key: self.inventory.by_key(kind, key) for key in keys}
            return {key: cid for key, cid in found.items() if cid is not None}

        return await self.script.perform("find_all", effect)

    async def vm_status(
        self, cids: Sequence[str], *, console: int = 0, log: CpiLog | None = None
    ) -> dict[str, VmStatus]:
        def effect() -> dict[str, VmStatus]:
            if not self._can_find:
                self._lacking("vm_status")
            self._supported("vm_status")
            known = {cid: self.inventory.vms.get(cid) for cid in cids}
            shown = {cid: one.status if one is not None else VmStatus(exists=False) for cid, one in known.items()}
            return {cid: replace(one, console=one.console[-console:] if console else "") for cid, one in shown.items()}

        return await self.script.perform("vm_status", effect)

    def _vm(self, method: str, cid: str) -> Vm:
        return self.inventory.vms.get(cid) or self._missing(method, "VM", cid)

    def _disk(self, method: str, cid: str) -> Disk:
        return self.inventory.disks.get(cid) or self._missing(method, "Disk", cid)

    def _check_addresses(self, networks: Document) -> None:
        taken = {one.get("ip") for vm in self.inventory.vms.values() for one in vm.networks.values()} - {None, ""}
        for settings in networks.values():
            if settings.get("ip") in taken:
                self._refuse("create_vm", f"Address {settings['ip']} is in use")

    def _supported(self, method: str) -> None:
        if method in self._lacks:
            self._lacking(method)

    def _lacking(self, method: str) -> NoReturn:
        raise CloudNotSupported(f"{method} is not implemented", type="Bosh::Clouds::NotImplemented", method=method)

    def _missing(self, method: str, kind: str, cid: str) -> NoReturn:
        raise CloudNotFound(f"{kind} '{cid}' not found", type=f"Bosh::Clouds::{kind}NotFound", method=method)

    def _refuse(self, method: str, message: str) -> NoReturn:
        raise CloudError(message, type="Bosh::Clouds::CloudError", method=method, cpi=self._name)


class MemoryClouds:
    """`Clouds` by name; the first one is the default."""

    def __init__(self, *clouds: MemoryCloud) -> None:
        self._clouds = {cloud.name: cloud for cloud in clouds or (MemoryCloud(),)}
        self.default = next(iter(self._clouds.values()))

    async def get(self, name: str) -> MemoryCloud:
        if not name:
            return self.default
        if name not in self._clouds:
            raise NotFound(f"CPI '{name}' not found in the CPI config", code=550000)
        return self._clouds[name]

    async def names(self) -> list[str]:
        return list(self._clouds)

    async def renamed(self) -> dict[str, str]:
        return {}

    async def close(self) -> None:
        return None

    def all(self) -> list[MemoryCloud]:
        return list(self._clouds.values())
