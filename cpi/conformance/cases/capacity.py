"""A cloud that is full."""

from __future__ import annotations

from cpi.conformance.case import case, documented
from cpi.conformance.trial import Trial
from cpi.contract import CloudError, NoDiskSpace, VMCreationFailed


@case(
    "capacity.vm",
    must="create_vm for which the cloud has no room must fail with VMCreationFailed or CloudError, say in ok_to_retry whether trying again can help, and leave nothing behind.",
    why="By ok_to_retry alone the director decides whether to try again; what is left behind makes the room smaller still.",
    source=documented("create_vm"),
    wants=("impossible.vm",),
)
async def vm(trial: Trial) -> None:
    wanted = trial.config.impossible["vm"]
    properties = wanted.get("cloud_properties")
    arguments = trial.vm_arguments(await trial.stemcell(), properties if isinstance(properties, dict) else {})
    before = await trial.inventory()
    error, key = await trial.not_made("vm", arguments, (VMCreationFailed, CloudError))
    retry = wanted.get("ok_to_retry", False)
    trial.expect(
        error.ok_to_retry is retry, f"{error.type_name} ({error.message}) says ok_to_retry: {error.ok_to_retry}"
    )
    await trial.nothing_came(key, "vm", before)


@case(
    "capacity.disk",
    must="create_disk for which the cloud has no room must fail with NoDiskSpace or CloudError, and leave nothing behind.",
    why="The operator is told that the storage is full, and the failed disk must not fill it further.",
    source=documented("create_disk"),
    wants=("impossible.disk",),
)
async def disk(trial: Trial) -> None:
    wanted = trial.config.impossible["disk"]
    properties, size = wanted.get("cloud_properties"), wanted.get("size", trial.config.disk_size)
    before = await trial.inventory()
    given = [size, dict(properties) if isinstance(properties, dict) else {}, None]
    _, key = await trial.not_made("disk", given, (NoDiskSpace, CloudError))
    await trial.nothing_came(key, "disk", before)
