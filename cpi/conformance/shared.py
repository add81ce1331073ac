"""What all cases of a check share: one stemcell, one VM, addresses, and marks by which a leaked secret is known."""

from __future__ import annotations

import itertools
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from cpi.conformance import images
from cpi.conformance.case import BrokenError
from cpi.conformance.config import Config
from cpi.conformance.ledger import Ledger
from cpi.conformance.subject import Subject
from cpi.contract import CpiError, Json
from cpi.settings import merge

if TYPE_CHECKING:
    from cpi.conformance.trial import Vm


class Shared:
    """Lives as long as the check; `directory` is for images that the kit makes."""

    def __init__(self, subject: Subject, directory: Path) -> None:
        self.ledger = Ledger(subject)
        self.vm: Vm | None = None
        self.gone: dict[str, str] = {}
        self.before: frozenset[str] | None = None
        """The inventory at the beginning."""
        self.marks = (f"$6$kit${secrets.token_hex(16)}", f"kit-note-{secrets.token_hex(12)}", secrets.token_hex(24))
        self._subject = subject
        self.directory = directory
        self._stemcell: str | None = None
        self._failed = ""
        self._changes = 0
        self._addresses = {plan.name: itertools.cycle(plan.addresses) for plan in self._config.networks}

    @property
    def _config(self) -> Config:
        return self._subject.config

    async def stemcell(self) -> str:
        """Its CID; made once. A CPI that cannot make one is not asked again."""
        if self._failed:
            raise BrokenError(self._failed)
        if self._stemcell is None:
            made = self.ledger.open("stemcell")
            try:
                answer = await self._subject.call("create_stemcell", *self.stemcell_arguments(), key=made.key)
            except CpiError as error:
                self._failed = f"there is no stemcell: create_stemcell failed: {error.type_name}: {error.message}"
                raise BrokenError(self._failed) from error
            made.answered = True
            if not isinstance(answer, str) or not answer:
                self._failed = f"there is no stemcell: create_stemcell answered {answer!r}"
                raise BrokenError(self._failed)
            self._stemcell = made.cid = answer
        return self._stemcell

    def stemcell_arguments(self) -> list[object]:
        """Arguments of create_stemcell in the version spoken."""
        path = self._config.image or self.directory / "stemcell.img"
        if self._config.image is None and not path.exists():
            images.write(path, self._subject.formats)
        arguments: list[object] = [str(path.absolute()), dict(self._config.stemcell_properties)]
        return [*arguments, {"tags": {"kit": "conformance"}}] if self._subject.version >= 3 else arguments

    def changed_image(self) -> str:
        """A copy of the image with a tail that changes its digest and nothing else."""
        self._changes += 1
        return str(
            images.changed(Path(str(self.stemcell_arguments()[0])), self.directory / "changed.img", self._changes)
        )

    def networks(self) -> dict[str, Json]:
        """The networks argument of create_vm with the next free addresses."""
        found: dict[str, Json] = {}
        for number, plan in enumerate(self._config.networks):
            entry = {key: value for key, value in plan.entry.items() if key != "addresses"}
            entry.setdefault("cloud_properties", {})
            if plan.addresses:
                entry["ip"] = next(self._addresses[plan.name])
            if number == 0:
                entry.setdefault("default", ["dns", "gateway"])
            found[plan.name] = entry
        return found

    def env(self) -> Json:
        """The env argument: what a director sends, with the marks in it."""
        password, note, key = self.marks
        pem = f"-----BEGIN RSA PRIVATE KEY-----\n{key}\n-----END RSA PRIVATE KEY-----\n"
        bosh: Json = {
            "group": "kit-conformance", "groups": ["kit", "conformance"], "tags": {"kit": "conformance"},
            "password": password, "mbus": {"cert": {"ca": "", "certificate": "", "private_key": pem}},
        }  # fmt: skip
        return merge({"bosh": bosh, "kit": {"remark": note}}, self._config.env)

    async def discard_vm(self) -> list[str]:
        """Remove the VM, and whatever else is shared but cheap: the next case that wants one gets a new one."""
        vm, self.vm = self.vm, None
        if vm is None:
            return []
        try:
            await self._subject.call("delete_vm", vm.cid)
        except CpiError as error:
            return [f"the shared VM '{vm.cid}' could not be removed: {error.message}"]
        self.ledger.drop(vm.cid)
        return []

    async def clear(self) -> list[str]:
        """Remove everything that is shared."""
        self.vm, self._stemcell = None, None
        return await self.ledger.clear()
