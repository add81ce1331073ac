"""The OCI documents of a container and of a process in it: pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from paas.containers.protocol import Bind, Limits, User
from paas.warden.layers import USER_ID
from paas.warden.seccomp import profile

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INIT = "/.warden/init"
CPU_PERIOD = 100_000
OOM_SCORE = 500
"""The machine's own processes are spared when its memory, not a container's, runs out."""
MASKED = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/scsi",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
NO_CAPABILITY: dict[str, list[str]] = {
    kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")
}


def process(argv: Sequence[str], user: User, env: dict[str, str], cwd: str, fds: int) -> dict[str, Any]:
    """A process without privileges; `env` goes over PATH, HOME, USER and LANG."""
    number = USER_ID if user == "vcap" else 0
    basis = {"PATH": PATH, "HOME": "/home/vcap" if user == "vcap" else "/root", "USER": user, "LANG": "C.UTF-8"}
    return {
        "terminal": False,
        "user": {"uid": number, "gid": number},
        "args": list(argv),
        "env": [f"{key}={value}" for key, value in (basis | env).items()],
        "cwd": cwd,
        "capabilities": NO_CAPABILITY,
        "noNewPrivileges": True,
        "oomScoreAdj": OOM_SCORE,
        "rlimits": [
            {"type": "RLIMIT_NOFILE", "hard": fds, "soft": fds},
            {"type": "RLIMIT_CORE", "hard": 0, "soft": 0},
        ],
    }


def resources(limits: Limits, swap: bool) -> dict[str, Any]:
    """Memory, CPU and pids; with `swap` none may be used, where the kernel accounts for it."""
    memory = limits.memory_mb << 20
    quota = int(limits.cpu_cores * CPU_PERIOD) if limits.cpu_cores else -1
    return {
        "memory": {"limit": memory, **({"swap": memory} if swap else {})},
        "cpu": {"shares": limits.cpu_shares, "quota": quota, "period": CPU_PERIOD},
        "pids": {"limit": limits.pids},
    }


def container(
    *, rootfs: Path, etc: Path, init: str, hostname: str, limits: Limits, binds: Sequence[Bind], cgroup: str, swap: bool
) -> dict[str, Any]:
    """The container: an init that outlives the processes, its own namespaces, the mounts. `init`: tini, linked statically."""
    mounts: list[dict[str, Any]] = [
        _mount("proc", "/proc", "proc", "nosuid,noexec,nodev"),
        _mount("tmpfs", "/dev", "tmpfs", "nosuid,noexec,mode=755,size=64k"),
        _mount("devpts", "/dev/pts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"),
        _mount("tmpfs", "/dev/shm", "shm", "nosuid,noexec,nodev,mode=1777,size=64m"),  # noqa: S108
        _mount("mqueue", "/dev/mqueue", "mqueue", "nosuid,noexec,nodev"),
        _mount("sysfs", "/sys", "sysfs", "nosuid,noexec,nodev,ro"),
        _mount("bind", INIT, init, "bind,ro,nosuid,nodev"),
    ]
    mounts += [
        _mount("bind", f"/etc/{name}", str(etc / name), "bind,ro,nosuid,nodev,noexec")
        for name in ("hosts", "resolv.conf")
    ]
    mounts += [
        _mount("bind", one.target, one.source, f"rbind,nosuid,nodev,{'rw' if one.writable else 'ro'}") for one in binds
    ]
    # the init is root, of which nothing is left but the number, so that no process of the app can signal or trace it
    return {
        "ociVersion": "1.0.2",
        "process": process([INIT, "-s", "--", "/bin/sleep", "infinity"], "root", {}, "/", limits.fds),
        "root": {"path": str(rootfs), "readonly": False},
        "hostname": hostname,
        "mounts": mounts,
        "linux": {
            "cgroupsPath": cgroup,
            "resources": {"devices": [{"allow": False, "access": "rwm"}], **resources(limits, swap)},
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")],
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
            "seccomp": profile(),
        },
    }


def _mount(kind: str, target: str, source: str, options: str) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": options.split(",")}
