"""A cloud as the director sees it: one CPI. Errors are `director.model.errors.Cloud*`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from director.model.deployment import Document

CpiLog = Callable[[str], None]


class CloudInfo(Struct, frozen=True):
    """What the CPI says of itself; ``can_find``: it knows `find` by key; ``can_find_all``: of many at once; ``can_tell``: it knows `vm_status`."""

    api_version: int
    stemcell_formats: tuple[str, ...]
    can_find: bool = False
    can_tell: bool = False
    can_find_all: bool = False


class VmCreated(Struct, frozen=True):
    """create_vm's answer; ``networks`` as the cloud settled them."""

    cid: str
    networks: Document = field(default_factory=dict)


class VmStatus(Struct, frozen=True):
    """What the cloud knows of a VM. ``addresses``: seen in use, None when the cloud cannot see any; ``boot`` is another text after each
    start, empty when unknown; ``detail``: the cloud's own words on a VM in trouble; ``console``: the end of it, when asked for."""

    exists: bool = True
    power: Literal["on", "off", "unknown"] = "unknown"
    addresses: tuple[str, ...] | None = None
    boot: str = ""
    detail: str = ""
    console: str = ""


class Cloud(Protocol):
    """Calls of the CPI contract; every one has a deadline of its own inside the adapter. ``log`` receives the CPI's log lines."""

    @property
    def name(self) -> str: ...

    async def info(self, *, log: CpiLog | None = None) -> CloudInfo: ...

    async def create_stemcell(
        self, image_path: str, cloud_properties: Document, *, key: str, tags: dict[str, str], log: CpiLog | None = None
    ) -> str: ...

    async def delete_stemcell(self, cid: str, *, log: CpiLog | None = None) -> None: ...

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
    ) -> VmCreated: ...

    async def delete_vm(self, cid: str, *, stemcell_api: int = 0, log: CpiLog | None = None) -> None: ...

    async def has_vm(self, cid: str, *, log: CpiLog | None = None) -> bool: ...

    async def reboot_vm(self, cid: str, *, log: CpiLog | None = None) -> None: ...

    async def set_vm_metadata(self, cid: str, metadata: dict[str, str], *, log: CpiLog | None = None) -> None: ...

    async def calculate_vm_cloud_properties(
        self, requirements: dict[str, int], *, log: CpiLog | None = None
    ) -> Document: ...

    async def create_disk(
        self, size: int, cloud_properties: Document, vm_cid: str, *, key: str, log: CpiLog | None = None
    ) -> str: ...

    async def delete_disk(self, cid: str, *, log: CpiLog | None = None) -> None: ...

    async def has_disk(self, cid: str, *, log: CpiLog | None = None) -> bool: ...

    async def attach_disk(self, vm_cid: str, disk_cid: str, *, stemcell_api: int, log: CpiLog | None = None) -> Any:
        """The device hint for the agent (None from a v1 CPI)."""
        ...

    async def detach_disk(self, vm_cid: str, disk_cid: str, *, log: CpiLog | None = None) -> None: ...

    async def resize_disk(self, cid: str, size: int, *, log: CpiLog | None = None) -> None: ...

    async def set_disk_metadata(self, cid: str, metadata: dict[str, str], *, log: CpiLog | None = None) -> None: ...

    async def find(self, kind: str, key: str, *, log: CpiLog | None = None) -> str | None:
        """CID of the vm, disk, stemcell or snapshot stamped with the key, None when there is none. `CloudNotSupported` from stock CPIs."""
        ...

    async def find_all(self, kind: str, keys: Sequence[str], *, log: CpiLog | None = None) -> dict[str, str]:
        """`find` for all of these in one call: CIDs by key, without those under which there is nothing. `CloudNotSupported`, without a call,
        from CPIs that must be asked one by one."""
        ...

    async def vm_status(
        self, cids: Sequence[str], *, console: int = 0, log: CpiLog | None = None
    ) -> dict[str, VmStatus]:
        """By CID, for all of them in one call; a CID that the cloud says nothing of is left out. ``console``: bytes wanted of each console's
        end. `CloudNotSupported`, without a call, from CPIs that cannot tell (every stock one)."""
        ...


class Clouds(Protocol):
    """All clouds by CPI name; the empty name is the default CPI."""

    async def get(self, name: str) -> Cloud: ...

    async def names(self) -> list[str]: ...

    async def renamed(self) -> Mapping[str, str]:
        """Present names by former ones (``migrated_from`` of the CPI config): what was made under a former name belongs to the present one."""
        ...

    async def close(self) -> None: ...
