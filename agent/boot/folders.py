"""The folders of section 8 of the protocol."""

from __future__ import annotations

import shutil

from agent.jobs import bundle
from agent.vm import Vm


def make(vm: Vm) -> None:
    """Make what is absent; modes are set each time. Repeatable."""
    layout = vm.layout
    for folder in (layout.base, layout.monit, layout.bosh, layout.bosh_etc, layout.agent_log, layout.tasks):
        folder.mkdir(parents=True, exist_ok=True)
    for folder in (layout.monit, layout.monit_jobs, layout.bosh / "log", layout.tasks):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    for folder in (layout.jobs, layout.packages, layout.store, layout.instance, layout.instance / "dns"):
        folder.mkdir(parents=True, exist_ok=True)
        vm.platform.own(folder, 0o755)
    for folder in (layout.data, layout.ssh_homes):
        folder.mkdir(parents=True, exist_ok=True)
        vm.platform.own(folder, 0o755)
    for folder in (layout.data / "jobs", layout.data / "packages", layout.data / "sys" / "log"):
        folder.mkdir(parents=True, exist_ok=True)
        vm.platform.own(folder, 0o755)
    run = layout.data / "sys" / "run"
    run.mkdir(parents=True, exist_ok=True)
    vm.platform.own(run, 0o770)
    for folder in (layout.scratch, layout.sensitive_blobs, layout.compile):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    bundle.link(layout.base / "sys", layout.data / "sys")


def forget_old_processes(vm: Vm) -> None:
    """After a reboot pid files name strangers, and jobs that were stopped must stay so when monit comes up."""
    layout = vm.layout
    marker = layout.root / "run" / "meristem-booted"
    if marker.exists():
        return
    for entry in layout.sys_run.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink()
    for job in vm.spec.current.jobs:
        (layout.sys_run / job.name).mkdir(exist_ok=True)
        vm.platform.own(layout.sys_run / job.name, 0o770)
    if layout.stopped_marker.exists():
        for file in layout.monit_jobs.glob("*.monitrc"):
            file.unlink()
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
