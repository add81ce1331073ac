"""compile_package: source and result go by signed URLs; the result's blob id follows from the step, so that a second try writes the same blob."""

from __future__ import annotations

import uuid
from typing import Any

from director.model.actions import CompilePackage
from director.model.deployment import Document
from director.model.errors import AgentError, DirectorError, NotFound
from director.model.instance import PackageSpec
from director.model.rows import CompiledPackageRow, JournalEntry, VmRow, compiled_key
from director.ports.store import Changes
from director.steps import lookup
from director.steps.agent_call import act
from director.steps.apply_spec import package, signs
from director.steps.step import Adopt, Intent, Io, Outcome, Recovery, Repeat, StepRun


class CompilePackageStep(StepRun[CompilePackage]):
    """Repeating it is harmless; our agent adopts the compilation that it has begun under the same key."""

    kind = "compile_package"

    async def intend(self, io: Io) -> Intent:
        blob_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{io.site.uuid}/{io.call_key}"))
        rows = await io.store.find(CompiledPackageRow, name=self.args.name, fingerprint=self.args.fingerprint)
        build = 1 + max((one.build for one in rows if one.stemcell == self.args.stemcell), default=0)
        return Intent(data={"blob_id": blob_id, "build": build})

    async def run(self, io: Io, intent: Intent) -> Outcome:
        known = await io.store.get(CompiledPackageRow, self._key)
        if known is not None:
            return Outcome(result={"blob_id": known.blob_id})
        vm = await io.store.get(VmRow, self.args.agent_id)
        if vm is None:
            raise NotFound(f"No VM has agent id {self.args.agent_id}")
        blob_id, build = str(intent.data["blob_id"]), int(intent.data["build"])
        if signs(vm):
            digest = _text(await self._signed(io, blob_id, build), "sha1")
        else:
            result = await self._plain(io, build)
            digest, blob_id = _text(result, "sha1"), _text(result, "blobstore_id")
        if not await io.blobs.exists(blob_id):
            raise DirectorError(
                f"The compiled package '{self.args.name}' did not arrive in the blobstore (blob {blob_id})",
                remedy="See the agent's log on the compilation VM.",
            )
        row = CompiledPackageRow(
            name=self.args.name,
            fingerprint=self.args.fingerprint,
            stemcell=self.args.stemcell,
            dependency_key=self.args.dependency_key,
            build=build,
            digest=digest,
            blob_id=blob_id,
        )
        return Outcome(Changes(put=[row]), {"blob_id": blob_id})

    async def recover(self, io: Io, entry: JournalEntry) -> Recovery:
        known = await io.store.get(CompiledPackageRow, self._key)
        return Repeat() if known is None else Adopt(Outcome(result={"blob_id": known.blob_id}))

    @property
    def _key(self) -> str:
        args = self.args
        return compiled_key(args.name, args.fingerprint, args.stemcell, args.dependency_key)

    async def _signed(self, io: Io, blob_id: str, build: int) -> Document:
        args = self.args
        request = {
            "package_get_signed_url": io.blobs.sign(args.blob_id, "GET"),
            "upload_signed_url": io.blobs.sign(blob_id, "PUT"),
            "digest": args.digest,
            "name": args.name,
            "version": f"{args.fingerprint}.{build}",
            "deps": await self._dependencies(io, signed=True),
        }
        return _result(await self._compile(io, "compile_package_with_signed_url", request))

    async def _plain(self, io: Io, build: int) -> Document:
        args = self.args
        dependencies = await self._dependencies(io, signed=False)
        version = f"{args.fingerprint}.{build}"
        return _result(
            await self._compile(io, "compile_package", args.blob_id, args.digest, args.name, version, dependencies)
        )

    async def _compile(self, io: Io, method: str, *arguments: Any) -> Any:
        try:
            return await act(io, self.args.agent_id, method, *arguments)
        except AgentError as error:
            said = f"Package '{self.args.name}' could not be compiled: {error.message}"
            raise type(error)(said, agent_id=error.agent_id, method=error.method) from error

    async def _dependencies(self, io: Io, *, signed: bool) -> Document:
        found: Document = {}
        for name, fingerprint, dependency_key in self.args.dependencies:
            row = await lookup.compiled(io, PackageSpec(name, fingerprint, dependency_key), self.args.stemcell)
            found[name] = package(io, row, signed=signed, url_key="package_get_signed_url")
        return found


def _result(value: Any) -> Document:
    result = value.get("result") if isinstance(value, dict) else None
    if not isinstance(result, dict):
        raise DirectorError("The agent's answer to compile_package has no result; expected {result: {sha1: ...}}")
    return result


def _text(result: Document, key: str) -> str:
    value = result.get(key)
    if not isinstance(value, str) or not value:
        raise DirectorError(f"The agent's answer to compile_package has no result.{key}")
    return value
