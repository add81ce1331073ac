"""reboot_vm: by the cloud; then the agent has to answer again."""

from __future__ import annotations

from director.model.actions import RebootVm
from director.model.errors import CloudNotSupported
from director.steps import lookup
from director.steps.boot_wait import until_ready
from director.steps.step import Intent, Io, Outcome, StepRun


class RebootVmStep(StepRun[RebootVm]):
    """Repeating it reboots once more."""

    kind = "reboot_vm"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        vm = await lookup.live_vm(io, self.args.instance_id)
        cloud = await io.clouds.get(vm.cpi)
        try:
            await cloud.reboot_vm(vm.cid, log=io.log.cpi)
        except CloudNotSupported as error:
            raise CloudNotSupported(
                f"The cloud cannot reboot VM '{vm.cid}': {error.message}",
                type=error.type,
                method=error.method,
                cpi=error.cpi,
                request_id=error.request_id,
                remedy="Recreate the instance instead.",
            ) from error
        await until_ready(io, vm)
        return Outcome()
