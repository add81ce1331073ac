"""update_tags: the metadata of VM and disks alone; nothing restarts."""

from __future__ import annotations

from msgspec.structs import replace

from director.model.actions import UpdateTags
from director.model.errors import CloudNotSupported
from director.model.rows import DiskRow, Row
from director.ports.store import Changes
from director.steps import lookup
from director.steps.step import Intent, Io, Outcome, StepRun


class UpdateTagsStep(StepRun[UpdateTags]):
    """Repeating it is harmless."""

    kind = "update_tags"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        args = self.args
        put: list[Row] = []
        vm = await lookup.vm_of(io, args.instance_id)
        if vm is not None:
            cloud = await io.clouds.get(vm.cpi)
            try:
                await cloud.set_vm_metadata(vm.cid, {**args.tags, **args.metadata}, log=io.log.cpi)
            except CloudNotSupported:
                io.log.debug("this CPI keeps no VM metadata")
            put.append(replace(vm, tags=args.tags))
        instance = await lookup.instance(io, args.instance_id)
        for disk in await io.store.find(DiskRow, instance_id=args.instance_id):
            if not disk.cid:
                continue
            cloud = await io.clouds.get(disk.cpi)
            metadata = {
                **args.tags,
                "director": io.site.name,
                "deployment": disk.deployment,
                "instance_id": instance.id,
                "instance_index": str(instance.index),
                "instance_group": instance.group,
            }
            try:
                await cloud.set_disk_metadata(disk.cid, metadata, log=io.log.cpi)
            except CloudNotSupported:
                io.log.debug("this CPI keeps no disk metadata")
        return Outcome(Changes(put=put))
