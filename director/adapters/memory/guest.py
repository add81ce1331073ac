"""The agent inside one VM of a memory cloud: its actions and what they change (agent protocol §3)."""

from __future__ import annotations

import hashlib
from asyncio import Future
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from director.adapters.memory.inventory import Vm
from director.model.deployment import Document


class Refused(Exception):
    """The text of the agent's exception."""


@dataclass
class Guest:
    """Forgets its tasks when its VM goes, as a real one does. ``upload`` receives what it PUTs to a signed URL."""

    vm: Vm
    upload: Callable[[str, bytes], None]
    spec: Document = field(default_factory=dict)
    prepared: Document = field(default_factory=dict)
    job_state: str = "running"
    hints: Document = field(default_factory=dict)
    mounted: list[str] = field(default_factory=list[str])
    settings: Document = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict[str, Any])  # by request key
    tasks: dict[str, Any] = field(default_factory=dict[str, Any])  # by agent task id
    fence: int = 0
    failing: bool = False  # started jobs do not come up
    did: list[str] = field(default_factory=list[str])
    under_way: dict[str, Future[Any]] = field(default_factory=dict[str, "Future[Any]"])  # by request key

    def copy(self, vm: Vm) -> Guest:
        """The same agent in another VM that is the same; nothing is under way there."""
        return replace(
            self,
            vm=vm,
            hints=dict(self.hints),
            mounted=list(self.mounted),
            settings=dict(self.settings),
            answers=dict(self.answers),
            tasks=dict(self.tasks),
            did=list(self.did),
            under_way={},
        )

    def act(self, method: str, arguments: tuple[Any, ...]) -> Any:
        """Do it; raises `Refused`."""
        action: Callable[..., Any] | None = getattr(self, f"_{method}", None)
        if action is None:
            raise Refused(f"unknown message {method}")
        value = action(*arguments)
        self.did.append(" ".join([method, *(one for one in arguments if isinstance(one, str))]))
        return value

    def _ping(self) -> str:
        return "pong"

    def _info(self) -> Document:
        return {"api_version": 1, "meristem": {"version": "memory", "push": True}}

    def _get_state(self, full: str = "") -> Document:
        state = {"networks": {}, "packages": {}, "resource_pool": {}, **self.spec}
        state |= {"agent_id": self.vm.agent_id, "job_state": self.job_state, "vm": {"name": self.vm.cid}}
        return state | ({"vitals": {}, "processes": []} if full else {})

    def _prepare(self, spec: Document) -> str:
        self.prepared = spec
        return "prepared"

    def _apply(self, spec: Document) -> str:
        self.spec = spec
        return "applied"

    def _start(self) -> str:
        self.job_state = "failing" if self.failing else "running"
        return "started"

    def _stop(self) -> str:
        self.job_state = "stopped"
        return "stopped"

    def _drain(self, mode: str, spec: Document | None = None) -> int:
        if mode not in ("update", "shutdown"):
            raise Refused(f"Unexpected drain type '{mode}'")
        return 0

    def _run_script(self, name: str, options: Document | None = None) -> Document:
        return {}

    def _run_errand(self, job: str = "") -> Document:
        return {"stdout": f"{job}\n", "stderr": "", "exit_code": 0}

    def _list_disk(self) -> list[str]:
        return list(self.mounted)

    def _add_persistent_disk(self, cid: str, hint: Any = None) -> Document:
        self.hints[cid] = hint
        return {}

    def _remove_persistent_disk(self, cid: str) -> Document:
        self.hints.pop(cid, None)
        return {}

    def _mount_disk(self, cid: str) -> Document:
        if cid not in self.vm.disks or cid not in self.hints:
            raise Refused(f"Mounting persistent disk: disk '{cid}' is not attached")
        if cid not in self.mounted:
            self.mounted.append(cid)
        return {}

    def _unmount_disk(self, cid: str) -> Document:
        if cid in self.mounted:
            self.mounted.remove(cid)
            return {"message": f"Unmounted partition of {cid}"}
        return {"message": f"Partition of {cid} is not mounted"}

    def _migrate_disk(self, *_: Any) -> Document:
        if len(self.mounted) != 2:
            raise Refused("Migrating disk: two disks must be mounted")
        self.mounted.pop(0)
        return {}

    def _update_settings(self, settings: Document) -> str:
        self.settings.update(settings)
        return "ok"

    def _compile_package_with_signed_url(self, request: Document) -> Document:
        data = f"compiled {request['name']} {request.get('digest', '')}".encode()
        self.upload(request["upload_signed_url"], data)
        return {"result": {"sha1": f"sha256:{hashlib.sha256(data).hexdigest()}"}}

    def _fetch_logs_with_signed_url(self, request: Document) -> Document:
        data = f"logs of {self.vm.agent_id}".encode()
        self.upload(request["signed_url"], data)
        return {"sha1": f"sha256:{hashlib.sha256(data).hexdigest()}"}

    def _sync_dns_with_signed_url(self, request: Document) -> str:
        return "synced"

    def _delete_arp_entries(self, request: Document) -> Document:
        return {}

    def _ssh(self, command: str, parameters: Document) -> Document:
        return {"command": command, "status": "success", "ip": "127.0.0.1", "host_public_key": ""}

    def _shutdown(self) -> str:
        return ""
