"""The actions of a simulated agent: what each changes and answers (agent protocol, sections 3 and 4). No time passes here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from cpi.sim.memory import Memory

Json = dict[str, Any]


class Refused(Exception):
    """The text of the agent's exception."""


@dataclass
class Guest:
    """One VM from inside. `attached` asks the cloud for the disks on the VM; `failing`: jobs do not come up."""

    cid: str
    agent_id: str
    address: str
    memory: Memory
    attached: Callable[[], Sequence[str]]
    failing: bool = False

    def state(self, full: bool) -> Json:
        """get_state: the spec verbatim, and what the VM adds."""
        spec = self.memory.spec
        found: Json = {**spec, **{key: spec.get(key) or {} for key in ("networks", "packages", "resource_pool")}}
        found |= {"agent_id": self.agent_id, "bosh_protocol": "1", "job_state": self.memory.job_state}
        found |= {"processes": self.processes(), "vm": {"name": self.cid}}
        found.pop("rendered_templates_archive", None)
        return {**found, "vitals": vitals()} if full else found

    def processes(self) -> list[Json]:
        """One process per job."""
        state = "running" if self.memory.job_state == "running" else self.memory.job_state
        figures: Json = {"uptime": {"secs": 60}, "mem": {"kb": 1024, "percent": 0.1}, "cpu": {"total": 0.0}}
        return [{"name": name, "state": state, **figures} for name in self.jobs()]

    def jobs(self) -> list[str]:
        templates = (self.memory.spec.get("job") or {}).get("templates") or []
        return [str(one.get("name")) for one in templates]

    def heartbeat(self) -> Json:
        """What is said unasked (section 7)."""
        spec = self.memory.spec
        return {
            "deployment": str(spec.get("deployment") or ""),
            "job": (spec.get("job") or {}).get("name"),
            "index": spec.get("index"),
            "job_state": self.memory.job_state,
            "vitals": vitals(),
            "node_id": str(spec.get("id") or ""),
            "number_of_processes": len(self.jobs()),
        }


def vitals() -> Json:
    """Figures of a VM that has little to do."""
    return {
        "cpu": {"user": "1.0", "sys": "0.5", "wait": "0.0"},
        "mem": {"kb": "102400", "percent": "10"},
        "swap": {"kb": "0", "percent": "0"},
        "load": ["0.01", "0.02", "0.03"],
        "disk": {one: {"percent": "10", "inode_percent": "5"} for one in ("system", "ephemeral")},
        "uptime": {"secs": 60},
    }


def _argument(method: str, arguments: Sequence[Any], place: int, kind: type) -> Any:
    if len(arguments) <= place or not isinstance(arguments[place], kind):
        raise Refused(f"{method}: argument {place + 1} must be a {'string' if kind is str else 'hash'}")
    return arguments[place]


def _prepare(guest: Guest, arguments: Sequence[Any]) -> str:
    _argument("prepare", arguments, 0, dict)
    return "prepared"


def _apply(guest: Guest, arguments: Sequence[Any]) -> str:
    had_jobs = bool(guest.jobs())
    guest.memory.spec = _argument("apply", arguments, 0, dict)
    if guest.jobs() and not had_jobs and guest.memory.job_state == "running":
        guest.memory.job_state = "failing"  # there are services now, and nobody has started them
    return "applied"


def _start(guest: Guest, arguments: Sequence[Any]) -> str:
    guest.memory.job_state = "failing" if guest.failing and guest.jobs() else "running"
    return "started"


def _stop(guest: Guest, arguments: Sequence[Any]) -> str:
    guest.memory.job_state = "stopped"
    return "stopped"


def _drain(guest: Guest, arguments: Sequence[Any]) -> int:
    kind = _argument("drain", arguments, 0, str)
    if kind not in ("update", "shutdown"):
        raise Refused(f"Unexpected drain type '{kind}'")
    return 0


def _run_script(guest: Guest, arguments: Sequence[Any]) -> Json:
    _argument("run_script", arguments, 0, str)
    return {}


def _run_errand(guest: Guest, arguments: Sequence[Any]) -> Json:
    name = str(arguments[0]) if arguments else next(iter(guest.jobs()), "")
    if not name:
        raise Refused("run_errand: the VM has no job")
    return {"stdout": f"simulated run of {name}\n", "stderr": "", "exit_code": 0}


def _add_persistent_disk(guest: Guest, arguments: Sequence[Any]) -> Json:
    hint = arguments[1] if len(arguments) > 1 else None
    guest.memory.hints[_argument("add_persistent_disk", arguments, 0, str)] = hint
    return {}


def _remove_persistent_disk(guest: Guest, arguments: Sequence[Any]) -> Json:
    guest.memory.hints.pop(_argument("remove_persistent_disk", arguments, 0, str), None)
    return {}


def _mount_disk(guest: Guest, arguments: Sequence[Any]) -> Json:
    cid = _argument("mount_disk", arguments, 0, str)
    if cid not in guest.memory.hints or cid not in guest.attached():
        raise Refused(f"Mounting persistent disk: disk '{cid}' is not attached")
    if cid not in guest.memory.mounted:
        if len(guest.memory.mounted) == 2:
            raise Refused(f"Mounting persistent disk: '{cid}' would be the third; migrate first")
        guest.memory.mounted.append(cid)
    return {}


def _unmount_disk(guest: Guest, arguments: Sequence[Any]) -> Json:
    cid = _argument("unmount_disk", arguments, 0, str)
    if cid in guest.memory.mounted:
        guest.memory.mounted.remove(cid)
        return {"message": f"Unmounted partition of {cid}"}
    return {"message": f"Partition of {cid} is not mounted"}


def _migrate_disk(guest: Guest, arguments: Sequence[Any]) -> Json:
    if len(guest.memory.mounted) != 2:
        raise Refused("Migrating disk: two disks must be mounted")
    guest.memory.mounted.pop(0)
    return {}


def _list_disk(guest: Guest, arguments: Sequence[Any]) -> list[str]:
    return list(guest.memory.mounted)


def _update_settings(guest: Guest, arguments: Sequence[Any]) -> str:
    given = cast(Json, _argument("update_settings", arguments, 0, dict))
    guest.memory.update |= {key: value for key, value in given.items() if value is not None}
    return "ok"


def _sync_dns(guest: Guest, arguments: Sequence[Any]) -> str:
    body = cast("Json | None", arguments[0] if arguments and isinstance(arguments[0], dict) else None)
    version = body.get("version") if body is not None else (arguments[2] if len(arguments) > 2 else 0)
    guest.memory.dns_version = max(guest.memory.dns_version, version if isinstance(version, int) else 0)
    return "synced"


def _ssh(guest: Guest, arguments: Sequence[Any]) -> Json:
    command = _argument("ssh", arguments, 0, str)
    return {"command": command, "status": "success", "ip": guest.address, "host_public_key": ""}


def _upload_blob(guest: Guest, arguments: Sequence[Any]) -> str:
    return str(_argument("upload_blob", arguments, 0, dict).get("blob_id"))


def _empty(guest: Guest, arguments: Sequence[Any]) -> Json:
    return {}


def _shutdown(guest: Guest, arguments: Sequence[Any]) -> str:
    return ""


Act = Callable[[Guest, Sequence[Any]], Any]
AT_ONCE: dict[str, Act] = {
    "ping": lambda guest, arguments: "pong",
    "info": lambda guest, arguments: {"api_version": 1, "meristem": {"version": "sim", "push": True}},
    "get_state": lambda guest, arguments: guest.state("full" in arguments[:1]),
    "start": _start,
    "sync_dns": _sync_dns,
    "sync_dns_with_signed_url": _sync_dns,
    "ssh": _ssh,
    "delete_arp_entries": _empty,
    "remove_dynamic_disk": _empty,
    "shutdown": _shutdown,
}
"""Actions that are answered by their value."""
AS_TASKS: dict[str, Act] = {
    "prepare": _prepare,
    "apply": _apply,
    "stop": _stop,
    "drain": _drain,
    "run_script": _run_script,
    "run_errand": _run_errand,
    "add_persistent_disk": _add_persistent_disk,
    "remove_persistent_disk": _remove_persistent_disk,
    "add_dynamic_disk": _empty,
    "mount_disk": _mount_disk,
    "unmount_disk": _unmount_disk,
    "migrate_disk": _migrate_disk,
    "list_disk": _list_disk,
    "update_settings": _update_settings,
    "upload_blob": _upload_blob,
}
"""Actions that are answered by a task; compiling and fetching logs join them, with uploads (see upload.py)."""
READ_ONLY = frozenset({"ping", "info", "get_state", "delete_arp_entries", "shutdown"})
"""Actions after which there is nothing to keep."""
