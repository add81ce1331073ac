"""Folders that settings want in memory only (env.bosh.job_dir, env.bosh.run_dir)."""

from __future__ import annotations

import re
from pathlib import Path

from agent.errors import SettingsError
from agent.shapes import object_or_empty
from agent.vm import Vm

_SIZE = re.compile(r"^[1-9][0-9]*[kmgKMG%]?$")


def make(vm: Vm) -> None:
    """Mount what is wanted and not mounted yet: rendered jobs (they hold secrets), pid files and sockets of jobs.

    Jobs in memory are gone after a restart of the VM; the next apply installs them again.
    """
    job_dir = object_or_empty(vm.settings.bosh.get("job_dir"))
    if job_dir.get("tmpfs"):
        _mount(vm, vm.layout.data / "jobs", "job_dir", str(job_dir.get("tmpfs_size") or "100m"))
    run_dir = object_or_empty(vm.settings.bosh.get("run_dir"))
    if run_dir.get("tmpfs_size"):
        _mount(vm, vm.layout.data / "sys" / "run", "run_dir", str(run_dir["tmpfs_size"]))


def _mount(vm: Vm, folder: Path, key: str, size: str) -> None:
    if not _SIZE.match(size):
        raise SettingsError(f"settings: env.bosh.{key}.tmpfs_size: {size!r:.40}: expected a size such as 128m")
    folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_mount():
        vm.platform.mount_memory(folder, size)
