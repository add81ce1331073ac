"""resize_disk: by the cloud itself, while the disk is detached."""

from __future__ import annotations

from msgspec.structs import replace

from director.model.actions import ResizeDisk
from director.model.errors import CloudNotSupported
from director.ports.store import Changes
from director.steps import lookup
from director.steps.step import Intent, Io, Outcome, StepRun


class ResizeDiskStep(StepRun[ResizeDisk]):
    """Repeating it is harmless: it names the size wanted, not a difference."""

    kind = "resize_disk"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        disk = await lookup.disk(io, self.args.object_key)
        cloud = await io.clouds.get(disk.cpi)
        try:
            await cloud.resize_disk(disk.cid, self.args.size, log=io.log.cpi)
        except CloudNotSupported as error:
            raise CloudNotSupported(
                error.message,
                type=error.type,
                method=error.method,
                cpi=error.cpi,
                request_id=error.request_id,
                remedy="Set enable_cpi_resize_disk to false: the data is copied to a new disk then.",
            ) from error
        return Outcome(Changes(put=[replace(disk, size=self.args.size)]))
