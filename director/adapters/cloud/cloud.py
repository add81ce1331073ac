"""One CPI behind the director's port."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from cpi import redact
from cpi.client import CpiClient
from cpi.contract import CpiError
from director.adapters.cloud.errors import cloud_error
from director.model.deployment import Document
from director.model.errors import CloudError, CloudNotFound, CloudNotSupported
from director.ports.cloud import CloudInfo, CpiLog, VmCreated, VmStatus

OLDEST, PREFERRED = 2, 3
"""api_versions of CPIs that the director works with."""
DEADLINES = {
    "create_stemcell": 3600.0,
    "snapshot_disk": 3600.0,
    "create_vm": 1800.0,
    "update_disk": 1800.0,
    "vm_status": 60.0,
}
DEADLINE = 600.0


class CpiCloud:
    """See `director.ports.cloud.Cloud`. Deletes of what is gone already succeed quietly."""

    def __init__(
        self,
        name: str,
        client: CpiClient,
        properties: Mapping[str, Any],
        director_uuid: str,
        deadlines: Mapping[str, float] | None = None,
    ) -> None:
        self._name = name
        self._client = client
        self._properties = properties
        self._director_uuid = director_uuid
        self._deadlines = {**DEADLINES, **(deadlines or {})}
        self._info: CloudInfo | None = None

    @property
    def name(self) -> str:
        """The CPI's name in the CPI config; empty for the default one."""
        return self._name

    async def info(self, *, log: CpiLog | None = None) -> CloudInfo:
        """Asked once; a CPI below api_version 2 is refused."""
        if self._info is not None:
            return self._info
        try:
            answer = await self._send("info", [], {}, None, log)
        except CloudNotSupported:
            answer = {}
        known = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
        version = known.get("api_version")
        if not isinstance(version, int) or version < OLDEST:
            raise CloudError(
                f"CPI '{self._name}' speaks api_version {version!r}; the director needs {OLDEST} or newer",
                type="Bosh::Clouds::NotSupported", method="info", cpi=self._name, remedy="Install a newer CPI.",
            )  # fmt: skip
        ours = known.get("meristem") or {}
        capabilities = ours.get("capabilities") or ()
        self._info = CloudInfo(
            api_version=min(version, PREFERRED),
            stemcell_formats=tuple(known.get("stemcell_formats") or ()),
            can_find="find" in capabilities,
            can_tell="vm_status" in capabilities,
            can_find_all={"find", "find_all"} <= set(capabilities),
        )
        return self._info

    async def create_stemcell(
        self, image_path: str, cloud_properties: Document, *, key: str, tags: dict[str, str], log: CpiLog | None = None
    ) -> str:
        """The third argument goes to CPIs of api_version 3 only."""
        arguments: list[Any] = [image_path, cloud_properties]
        if (await self.info(log=log)).api_version >= 3:
            arguments.append({"tags": tags})
        return self._cid("create_stemcell", await self._call("create_stemcell", arguments, log, key=key))

    async def delete_stemcell(self, cid: str, *, log: CpiLog | None = None) -> None:
        """Quiet if it is gone."""
        await self._delete("delete_stemcell", cid, log)

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
        """The CID and the networks as the cloud settled them."""
        arguments: list[Any] = [agent_id, stemcell_cid, cloud_properties, networks, disk_cids, env]
        answer = await self._call("create_vm", arguments, log, key=key, stemcell_api=stemcell_api)
        if isinstance(answer, list) and len(cast("list[Any]", answer)) == 2:
            cid, settled = cast("list[Any]", answer)
            return VmCreated(self._cid("create_vm", cid), cast(Document, settled or networks))
        return VmCreated(self._cid("create_vm", answer), networks)

    async def delete_vm(self, cid: str, *, stemcell_api: int = 0, log: CpiLog | None = None) -> None:
        """Quiet if it is gone."""
        await self._delete("delete_vm", cid, log, stemcell_api)

    async def has_vm(self, cid: str, *, log: CpiLog | None = None) -> bool:
        """A CPI that cannot say is taken to have it."""
        try:
            return bool(await self._call("has_vm", [cid], log))
        except CloudNotSupported:
            return True

    async def reboot_vm(self, cid: str, *, log: CpiLog | None = None) -> None:
        """Restart it; CloudNotSupported: recreate it."""
        await self._call("reboot_vm", [cid], log)

    async def set_vm_metadata(self, cid: str, metadata: dict[str, str], *, log: CpiLog | None = None) -> None:
        """Ignored by CPIs without tags."""
        await self._unless_unsupported("set_vm_metadata", [cid, metadata], log)

    async def calculate_vm_cloud_properties(
        self, requirements: dict[str, int], *, log: CpiLog | None = None
    ) -> Document:
        """Cloud properties for cpu, ram, ephemeral_disk_size."""
        return cast(Document, await self._call("calculate_vm_cloud_properties", [requirements], log))

    async def create_disk(
        self, size: int, cloud_properties: Document, vm_cid: str, *, key: str, log: CpiLog | None = None
    ) -> str:
        """`size` in MiB."""
        arguments: list[Any] = [size, cloud_properties, vm_cid or None]
        return self._cid("create_disk", await self._call("create_disk", arguments, log, key=key))

    async def delete_disk(self, cid: str, *, log: CpiLog | None = None) -> None:
        """Quiet if it is gone."""
        await self._delete("delete_disk", cid, log)

    async def has_disk(self, cid: str, *, log: CpiLog | None = None) -> bool:
        """A CPI that cannot say is taken to have it."""
        try:
            return bool(await self._call("has_disk", [cid], log))
        except CloudNotSupported:
            return True

    async def attach_disk(self, vm_cid: str, disk_cid: str, *, stemcell_api: int, log: CpiLog | None = None) -> Any:
        """The hint for the agent."""
        return await self._call("attach_disk", [vm_cid, disk_cid], log, stemcell_api=stemcell_api)

    async def detach_disk(self, vm_cid: str, disk_cid: str, *, log: CpiLog | None = None) -> None:
        """Code 390001 (type DiskNotAttached) if it is not on that VM."""
        await self._call("detach_disk", [vm_cid, disk_cid], log)

    async def resize_disk(self, cid: str, size: int, *, log: CpiLog | None = None) -> None:
        """`size` in MiB; CloudNotSupported: copy it."""
        await self._call("resize_disk", [cid, size], log)

    async def set_disk_metadata(self, cid: str, metadata: dict[str, str], *, log: CpiLog | None = None) -> None:
        """Ignored by CPIs without tags."""
        await self._unless_unsupported("set_disk_metadata", [cid, metadata], log)

    async def find(self, kind: str, key: str, *, log: CpiLog | None = None) -> str | None:
        """By key; CloudNotSupported, without a call, from CPIs that do not know it."""
        if not (await self.info(log=log)).can_find:
            raise CloudNotSupported(
                f"CPI '{self._name}' cannot find a {kind} by its key",
                type="Bosh::Clouds::NotImplemented", method="find", cpi=self._name,
            )  # fmt: skip
        return cast("str | None", await self._call("find", [kind, key], log))

    async def find_all(self, kind: str, keys: Sequence[str], *, log: CpiLog | None = None) -> dict[str, str]:
        """CloudNotSupported, without a call, from CPIs that do not know it."""
        if not (await self.info(log=log)).can_find_all:
            raise CloudNotSupported(
                f"CPI '{self._name}' finds by one key at a time",
                type="Bosh::Clouds::NotImplemented", method="find_all", cpi=self._name,
            )  # fmt: skip
        answer = await self._call("find_all", [kind, list(keys)], log)
        try:
            found = msgspec.convert(answer, dict[str, str])
        except msgspec.ValidationError as error:
            raise CloudError(
                f"CPI '{self._name}' answered something else than CIDs by key to find_all: {error}",
                type="Meristem::InvalidResponse", method="find_all", cpi=self._name,
            ) from error  # fmt: skip
        return {key: self._cid("find_all", cid) for key, cid in found.items() if key in keys}

    async def vm_status(
        self, cids: Sequence[str], *, console: int = 0, log: CpiLog | None = None
    ) -> dict[str, VmStatus]:
        """CloudNotSupported, without a call, from CPIs that do not know it. Consoles come without what the CPI config holds of secrets."""
        if not (await self.info(log=log)).can_tell:
            raise CloudNotSupported(
                f"CPI '{self._name}' cannot tell how its VMs are",
                type="Bosh::Clouds::NotImplemented", method="vm_status", cpi=self._name,
            )  # fmt: skip
        answer = await self._call("vm_status", [list(cids), console], log)
        try:
            found = msgspec.convert(answer, dict[str, VmStatus])
        except msgspec.ValidationError as error:
            raise CloudError(
                f"CPI '{self._name}' answered something else than the state of VMs to vm_status: {error}",
                type="Meristem::InvalidResponse", method="vm_status", cpi=self._name,
            ) from error  # fmt: skip
        known = redact.secrets(self._properties)

        def clean(one: VmStatus) -> VmStatus:
            text = one.console[-console:] if console else ""
            return msgspec.structs.replace(
                one, detail=redact.scrub(one.detail, known), console=redact.scrub(text, known)
            )

        return {cid: clean(one) for cid, one in found.items() if cid in cids}

    async def _delete(self, method: str, cid: str, log: CpiLog | None, stemcell_api: int = 0) -> None:
        try:
            await self._call(method, [cid], log, stemcell_api=stemcell_api)
        except CloudNotFound as gone:
            if log is not None:
                log(f"{method}: {gone.message}; it is gone already")

    async def _unless_unsupported(self, method: str, arguments: Sequence[Any], log: CpiLog | None) -> None:
        try:
            await self._call(method, arguments, log)
        except CloudNotSupported as error:
            if error.type != "Bosh::Clouds::NotImplemented":
                raise

    async def _call(
        self, method: str, arguments: Sequence[Any], log: CpiLog | None, *, key: str = "", stemcell_api: int = 0
    ) -> object:
        info = await self.info(log=log)
        # Only a CPI with `find` knows the word; another one would take it for a property of its config.
        extra: dict[str, Any] = {"key": key} if key and info.can_find else {}
        if stemcell_api:
            extra["vm"] = {"stemcell": {"api_version": stemcell_api}}
        return await self._send(method, arguments, extra, info.api_version, log)

    async def _send(
        self, method: str, arguments: Sequence[Any], extra: Document, version: int | None, log: CpiLog | None
    ) -> object:
        request_id = f"cpi-{secrets.randbelow(900_000) + 100_000}"
        context = {**self._properties, "director_uuid": self._director_uuid, "request_id": request_id, **extra}
        sink = None if log is None else _with_request_id(log, request_id)
        deadline = self._deadlines.get(method, DEADLINE)
        try:
            return await self._client.call(method, arguments, context, deadline, sink, version)
        except CpiError as error:
            raise cloud_error(error, method, self._name, request_id) from error

    def _cid(self, method: str, value: object) -> str:
        if not isinstance(value, str) or not value or len(value) > 255:
            raise CloudError(
                f"CPI '{self._name}' answered {value!r} to {method}; a CID is a string of 1 to 255 characters",
                type="Meristem::InvalidResponse", method=method, cpi=self._name,
            )  # fmt: skip
        return value


def _with_request_id(log: CpiLog, request_id: str) -> Callable[[str], None]:
    """A sink that marks each line with the request id, by which operators find the lines of one call."""
    return lambda line: log(f"[{request_id}] {line}")
