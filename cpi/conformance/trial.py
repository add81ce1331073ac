"""What the body of a case works with: calls that must succeed or must be refused, and objects that go away afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from cpi.conformance import probes
from cpi.conformance.case import BrokenError, SkippedError
from cpi.conformance.config import Config
from cpi.conformance.ledger import Ledger
from cpi.conformance.shared import Shared
from cpi.conformance.subject import Subject, is_late
from cpi.contract import CpiError, InvalidResponse, Json, MethodNotImplemented, WorkerDied

CID_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Vm:
    """A VM that was made, with what it was made from and what came back."""

    cid: str
    key: str
    agent_id: str
    networks: Mapping[str, Json]
    env: Json
    answer: object


@dataclass
class Trial:
    """One run of one case."""

    subject: Subject
    shared: Shared
    ledger: Ledger
    version: int = 0
    dirty: bool = field(default=False)

    @property
    def config(self) -> Config:
        """The check's configuration."""
        return self.subject.config

    def declares(self, *methods: str) -> bool:
        """Whether the CPI has all of these calls."""
        return set(methods) <= self.subject.declared

    # Calls

    async def call(self, method: str, *arguments: object, key: str | None = None, version: int = 0) -> object:
        """The result of a call that must succeed."""
        answer = await self.attempt(method, *arguments, key=key, version=version)
        if isinstance(answer, CpiError):
            raise BrokenError(f"{method} failed: {answer.type_name}: {answer.message}")
        return answer

    async def refused(
        self, method: str, *arguments: object, by: tuple[type[CpiError], ...] = (CpiError,), key: str | None = None
    ) -> CpiError:
        """The error of a call that must fail, with one of these types."""
        answer = await self.attempt(method, *arguments, key=key)
        if not isinstance(answer, CpiError):
            raise BrokenError(f"{method} must be refused, but it answered {answer!r}")
        if not isinstance(answer, by):
            raise BrokenError(f"{method} was refused with {answer.type_name} ({answer.message}), not with {_names(by)}")
        return answer

    async def tolerated(self, method: str, *arguments: object, by: tuple[type[CpiError], ...]) -> None:
        """A call that must succeed, or fail with one of these types."""
        answer = await self.attempt(method, *arguments)
        if isinstance(answer, CpiError) and not isinstance(answer, by):
            raise BrokenError(f"{method} failed with {answer.type_name} ({answer.message}), which is not {_names(by)}")

    async def attempt(
        self, method: str, *arguments: object, key: str | None = None, version: int = 0
    ) -> object | CpiError:
        """The result or the error. A call that never ends, or answers no response, breaks the contract whatever the case."""
        answer = await self._answer(method, arguments, key, version or self.version)
        if isinstance(answer, MethodNotImplemented) and not self.subject.strict:
            raise SkippedError(f"the CPI does not implement {method}") from answer
        return answer

    async def attempt_any(self, method: str, *arguments: object) -> object | CpiError:
        """The result or the error, NotImplemented too whatever the CPI declares."""
        return await self._answer(method, arguments, None, 0)

    async def _answer(
        self, method: str, arguments: Sequence[object], key: str | None, version: int
    ) -> object | CpiError:
        try:
            return await self.subject.call(method, *arguments, key=key, version=version)
        except InvalidResponse as error:
            raise BrokenError(error.message) from error
        except WorkerDied as error:
            raise BrokenError(f"{method} ended the CPI's process: {error.message}") from error
        except CpiError as error:
            if is_late(error):
                raise BrokenError(f"{method} did not end within {self.config.timeout(method):g} s") from error
            return error

    async def cut_short(self, method: str, arguments: list[object], key: str, seconds: float) -> bool:
        """A call with less time than it needs; on return it has come to its end. Whether the time was too short indeed."""
        try:
            await self.subject.call(method, *arguments, key=key, deadline=max(seconds, 0.001))
        except CpiError:
            return True
        finally:
            await self.subject.settled()
        return False

    # Objects

    async def stemcell(self) -> str:
        """The stemcell that all cases share."""
        return await self.shared.stemcell()

    async def new_stemcell(self, env: Json | None = None) -> tuple[str, str]:
        """(CID, key) of a stemcell of this case. A CPI may keep one stemcell for each image: then from a changed image."""
        await self.stemcell()
        arguments = self.shared.stemcell_arguments()
        arguments = arguments if env is None else [*arguments[:2], env]
        _, cid, key = await self.make("stemcell", arguments)
        if cid in self.shared.ledger.cids("stemcell"):
            self.ledger.drop(cid)
            _, cid, key = await self.make("stemcell", [self.shared.changed_image(), *arguments[1:]])
        return cid, key

    async def vm(self) -> Vm:
        """The VM that all cases share; none may leave a trace on it."""
        self.dirty = True
        if self.shared.vm is None:
            self.shared.vm = await self.new_vm(ledger=self.shared.ledger)
        return self.shared.vm

    async def gone(self, kind: str) -> str:
        """The CID of a VM, disk, snapshot or stemcell that existed and was deleted."""
        if kind not in self.shared.gone:
            cid = await self._soon_gone(kind)
            self.ledger.drop(cid)
            if cid in self.shared.ledger.cids(kind):  # a light stemcell names an image of the cloud's own, which stays
                cid = ("1" if cid[0] == "0" else "0") + cid[1:]
            else:
                await self.call(f"delete_{kind}", cid)
            self.shared.gone[kind] = cid
        return self.shared.gone[kind]

    def vm_arguments(self, stemcell: str, properties: Json | None = None, disks: tuple[str, ...] = ()) -> list[object]:
        """Fresh arguments of create_vm: another agent, other addresses."""
        cloud_properties = dict(self.config.vm_properties if properties is None else properties)
        return [str(uuid.uuid4()), stemcell, cloud_properties, self.shared.networks(), list(disks), self.shared.env()]

    async def new_vm(
        self,
        *,
        key: str | None = None,
        version: int = 0,
        disks: tuple[str, ...] = (),
        arguments: list[object] | None = None,
        ledger: Ledger | None = None,
    ) -> Vm:
        """A VM of this case."""
        given = arguments or self.vm_arguments(await self.stemcell(), disks=disks)
        answer, cid, key = await self.make("vm", given, key=key, version=version, ledger=ledger)
        return Vm(cid, key, str(given[0]), cast("Mapping[str, Json]", given[3]), cast(Json, given[5]), answer)

    async def new_disk(self, size: int | None = None, near: str | None = None, key: str | None = None) -> str:
        """A disk of this case."""
        size = size or self.config.disk_size
        _, cid, _ = await self.make("disk", [size, dict(self.config.disk_properties), near], key=key)
        return cid

    async def make(
        self,
        kind: str,
        arguments: list[object],
        *,
        key: str | None = None,
        version: int = 0,
        ledger: Ledger | None = None,
        method: str = "",
    ) -> tuple[object, str, str]:
        """(answer, CID, key) of a creation that must succeed."""
        method = method or f"create_{kind}"
        made = (ledger or self.ledger).open(kind, key)
        answer = await self.attempt(method, *arguments, key=made.key, version=version)
        made.answered = True
        if isinstance(answer, CpiError):
            raise BrokenError(f"{method} failed: {answer.type_name}: {answer.message}")
        made.cid = _cid(method, answer)
        return answer, made.cid, made.key

    async def not_made(self, kind: str, arguments: list[object], by: tuple[type[CpiError], ...]) -> tuple[CpiError, str]:  # fmt: skip
        """(error, key) of a creation that must fail with one of these types."""
        made = self.ledger.open(kind)
        answer = await self.attempt(f"create_{kind}", *arguments, key=made.key)
        made.answered = True
        if not isinstance(answer, CpiError):
            made.cid = _cid(f"create_{kind}", answer)
            raise BrokenError(f"create_{kind} must be refused, but it made '{made.cid}'")
        if not isinstance(answer, by):
            raise BrokenError(
                f"create_{kind} was refused with {answer.type_name} ({answer.message}), not with {_names(by)}"
            )
        return answer, made.key

    def note(self, kind: str) -> str:
        """A key under which something is about to be made by a way of the case's own."""
        return self.ledger.open(kind).key

    # The cloud itself

    async def probe(self, name: str, **given: object) -> object:
        """What a probe says."""
        return await probes.run(self.config, name, **given)

    async def inventory(self) -> frozenset[str] | None:
        """What the cloud holds, None if nobody told how to look."""
        return await probes.inventory(self.config) if self.config.has("probes.inventory") else None

    async def find(self, kind: str, key: str) -> str | None:
        """What was made under a key."""
        found = await self.call("find", kind, key)
        if found is not None and (not isinstance(found, str) or not found):
            raise BrokenError(f"find must answer a CID or null, it answered {found!r}")
        return found

    async def nothing_came(self, key: str, kind: str, before: frozenset[str] | None) -> None:
        """Break the case if a creation that failed has left something: under its key, or in the inventory."""
        if self.declares("find"):
            found = await self.find(kind, key)
            self.expect(found is None, f"create_{kind} failed, and find answers '{found}' for its key")
        after = await self.inventory()
        self.expect(before == after, f"create_{kind} failed and left {sorted((after or set()) - (before or set()))}")

    async def status(self, cid: str) -> Json | None:
        """What vm_status tells of a VM; None where the CPI does not have the call."""
        if not self.declares("vm_status"):
            return None
        answer = await self.call("vm_status", [cid], 0)
        one = cast(Json, answer).get(cid) if isinstance(answer, dict) else None
        return cast(Json, one) if isinstance(one, dict) else None

    async def is_there(self, kind: str, cid: str) -> bool:
        """has_vm or has_disk, which must answer true or false."""
        answer = await self.call(f"has_{kind}", cid)
        if not isinstance(answer, bool):
            raise BrokenError(f"has_{kind} must answer true or false, it answered {answer!r}")
        return answer

    def expect(self, condition: object, seen: str) -> None:
        """Break the case unless the condition holds."""
        if not condition:
            raise BrokenError(seen)

    async def _soon_gone(self, kind: str) -> str:
        if kind == "vm":
            return (await self.new_vm()).cid
        if kind == "disk":
            return await self.new_disk()
        if kind == "stemcell":
            return (await self.new_stemcell())[0]
        disk = await self.new_disk()
        _, cid, _ = await self.make("snapshot", [disk, {"deployment": "kit"}], method="snapshot_disk")
        return cid


def _cid(method: str, answer: object) -> str:
    cid = cast("list[object]", answer)[0] if isinstance(answer, list) and answer else answer
    if not isinstance(cid, str) or not cid or len(cid) > CID_LONGEST or not cid.isprintable():
        raise BrokenError(
            f"{method} must answer a CID (a string of 1 to {CID_LONGEST} printable characters), not {answer!r}"
        )
    return cid


def _names(types: tuple[type[CpiError], ...]) -> str:
    return " or ".join(one.type_name for one in types)
