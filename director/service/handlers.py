"""Which function handles which type of task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from director.engine.context import TaskContext
from director.engine.tasks import Handler
from director.service.cleanup import run_cleanup, run_orphaned_vms
from director.service.delete_deployment import run_delete_deployment
from director.service.delete_vm import run_delete_vm
from director.service.deletions import run_delete_release, run_delete_stemcell, run_disk
from director.service.deploy import run_deploy
from director.service.durations import learning
from director.service.errands import run_errand
from director.service.export_release import run_export_release
from director.service.house import House
from director.service.instances import run_vm_state
from director.service.logs import run_fetch_logs
from director.service.possible_orphans import run_possible_orphan
from director.service.resolve import run_resolve, run_scan_and_fix
from director.service.scan import run_scan
from director.service.ssh import run_ssh
from director.service.upload_release import run_upload_release
from director.service.upload_stemcell import run_upload_stemcell

URGENT = frozenset({"vms", "ssh"})

_BY_TYPE: dict[str, Callable[[House, TaskContext], Awaitable[str | None]]] = {
    "update_deployment": run_deploy,
    "delete_deployment": run_delete_deployment,
    "update_release": run_upload_release,
    "delete_release": run_delete_release,
    "update_stemcell": run_upload_stemcell,
    "delete_stemcell": run_delete_stemcell,
    "delete_orphan_disks": run_disk,
    "orphan_disk": run_disk,
    "vms": run_vm_state,
    "fetch_logs": run_fetch_logs,
    "ssh": run_ssh,
    "run_errand": run_errand,
    "cck_scan": run_scan,
    "delete_artifacts": run_cleanup,
    "delete_possible_orphan": run_possible_orphan,
    "scheduled_orphaned_vm_cleanup": run_orphaned_vms,
    "delete_vm": run_delete_vm,
    "export_release": run_export_release,
    "cck_apply": run_resolve,
    "cck_scan_and_fix": run_scan_and_fix,
}


def handlers(house: House) -> dict[str, Handler]:
    """The runner's handlers, bound to the house; the durations of their steps are remembered."""
    return {type: partial(learning, function, house) for type, function in _BY_TYPE.items()}
