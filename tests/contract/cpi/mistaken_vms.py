"""Mistakes with stemcells and VMs."""

from __future__ import annotations

import time

from cpi.contract import (
    CloudError,
    VmCreated,
    VMCreationFailed,
    VMNotFound,
    VmStatus,
    implements,
)
from tests.contract.cpi.mistakes import Creating, caught_by
from tests.contract.cpi.tiny_cloud import BOOT, TinyCloud


@caught_by("stemcell.missing-image")
class AnyImageWillDo(TinyCloud):
    @implements
    def create_stemcell(self, call, image_path):
        return self.add("stemcell", call)


@caught_by("stemcell.tags")
class RefusesTags(TinyCloud):
    @implements
    def create_stemcell(self, call, image_path, env):
        if env.get("tags", {}).get("owner"):
            raise CloudError("what are tags?")
        return super().create_stemcell(call, image_path)


@caught_by("stemcell.delete")
class KeepsStemcells(TinyCloud):
    @implements
    def delete_stemcell(self, stemcell_cid):
        """Done, it says."""


@caught_by("stemcell.delete.gone")
class StemcellGoneTwice(TinyCloud):
    @implements
    def delete_stemcell(self, stemcell_cid):
        if self.items["stemcell"].pop(stemcell_cid, None) is None:
            raise CloudError("404")


# VMs


@caught_by("vm.has.gone")
class EverythingExists(TinyCloud):
    @implements
    def has_vm(self, vm_cid):
        return True


@caught_by("vm.has")
class NothingExists(TinyCloud):
    @implements
    def has_vm(self, vm_cid):
        return False


@caught_by("vm.delete")
class DeletesOnPaper(TinyCloud):
    @implements
    def delete_vm(self, vm_cid):
        """The VM runs on."""


@caught_by("vm.delete.gone")
class DeletesOnce(TinyCloud):
    @implements
    def delete_vm(self, vm_cid):
        if vm_cid not in self.items["vm"]:
            raise CloudError("no such VM")
        super().delete_vm(vm_cid)


@caught_by("vm.reboot")
class HungReboot(TinyCloud):
    @implements
    def reboot_vm(self, vm_cid):
        self.get("vm", vm_cid)
        time.sleep(6)  # 3 s more than it is given


@caught_by("vm.reboot")
class RebootsNothing(TinyCloud):
    @implements
    def reboot_vm(self, vm_cid):
        self.get("vm", vm_cid)


@caught_by("vm.reboot.gone")
class RebootsGhosts(TinyCloud):
    @implements
    def reboot_vm(self, vm_cid):
        if vm_cid in self.items["vm"]:
            super().reboot_vm(vm_cid)


@caught_by("vm.status")
class GhostsAreOn(TinyCloud):
    @implements
    def vm_status(self, vm_cids):
        return {cid: VmStatus(power="on", boot=str(time.time())) for cid in vm_cids}


@caught_by("vm.metadata")
class NoSpacesInTags(TinyCloud):
    @implements
    def set_vm_metadata(self, vm_cid, metadata):
        if any(" " in key for key in metadata):
            raise CloudError("invalid tag")
        super().set_vm_metadata(vm_cid, metadata)


@caught_by("vm.metadata.gone")
class WrongName(TinyCloud):
    @implements
    def set_vm_metadata(self, vm_cid, metadata):
        try:
            super().set_vm_metadata(vm_cid, metadata)
        except VMNotFound as error:
            raise CloudError("404") from error


@caught_by("vm.configure-networks")
class NetworksByForce(TinyCloud):
    @implements
    def configure_networks(self, vm_cid):
        raise CloudError("no")


@caught_by("vm.calculate")
class CannotCalculate(TinyCloud):
    @implements
    def calculate_vm_cloud_properties(self, requirements):
        return [requirements["ram"]]


@caught_by("vm.vanished")
class NeverLooks(TinyCloud):
    """has_vm from its own memory, not from the cloud."""

    def __init__(self):
        super().__init__()
        self.memory: set[str] = set()

    @implements
    def create_vm(self, call, agent_id, stemcell_cid, cloud_properties, networks, env):
        made = super().create_vm(call, agent_id, stemcell_cid, cloud_properties, networks, env)
        self.memory.add(made.cid)
        return made

    @implements
    def delete_vm(self, vm_cid):
        self.memory.discard(vm_cid)
        super().delete_vm(vm_cid)

    @implements
    def has_vm(self, vm_cid):
        return vm_cid in self.memory


@caught_by("vm.create.unknown-stemcell")
class LeaksVm(Creating):
    def create(self, well, call, agent_id, stemcell_cid, *rest):
        if stemcell_cid not in self.items["stemcell"]:
            self.items["vm"][f"leak-{time.time_ns()}"] = {"key": None, "agent_id": agent_id, "boot": 1}
        return well()


@caught_by("vm.create.unknown-stemcell")
class TriesInVain(Creating):
    def create(self, well, call, agent_id, stemcell_cid, *rest):
        try:
            return well()
        except CloudError as error:
            raise VMCreationFailed(error.message, ok_to_retry=True) from error
        except Exception as error:
            raise VMCreationFailed(str(error), ok_to_retry=True) from error


@caught_by("capacity.vm")
class LeaksWhenFull(Creating):
    def create(self, well, call, agent_id, stemcell_cid, cloud_properties, *rest):
        if cloud_properties.get("memory", 0) > 10_000:
            self.items["vm"][f"leak-{time.time_ns()}"] = {"key": None, "agent_id": agent_id, "boot": 1}
        return well()


@caught_by("capacity.vm")
class FullButTryAgain(Creating):
    def create(self, well, *given):
        try:
            return well()
        except VMCreationFailed as error:
            raise VMCreationFailed(error.message, ok_to_retry=True) from error


@caught_by("vm.create.networks")
class ForgetsAddresses(Creating):
    def create(self, well, *given):
        made = well()
        return VmCreated(made.cid, {name: {"type": "manual"} for name in made.networks})


@caught_by("vm.create.settings")
class ForgetsEnv(Creating):
    def create(self, well, *given):
        made = well()
        self.items["vm"][made.cid]["env"] = {}
        return made


@caught_by("vm.create.disk-hints")
class AttachesHints(TinyCloud):
    @implements
    def create_vm(self, call, agent_id, stemcell_cid, cloud_properties, networks, disk_cids, env):
        made = super().create_vm(call, agent_id, stemcell_cid, cloud_properties, networks, env)
        for disk in disk_cids:
            self.items["disk"][disk]["vm"] = made.cid
        return made


@caught_by("secret.env")
class LogsEnv(Creating):
    def create(self, well, call, agent_id, stemcell_cid, cloud_properties, networks, env):
        call.log(f"user data: {env}")
        return well()


@caught_by("secret.env")
class TellsEnvInErrors(Creating):
    def create(self, well, call, agent_id, stemcell_cid, cloud_properties, networks, env):
        if stemcell_cid not in self.items["stemcell"]:
            raise CloudError(f"cannot create a VM with {env}")
        return well()


@caught_by("secret.properties")
class LogsPassword(TinyCloud):
    @implements
    def delete_disk(self, call, disk_cid):
        call.log(f"log in with {call.properties.get('password')}")
        super().delete_disk(disk_cid)


@caught_by("crowd.vms")
class OneAtATime(Creating):
    busy = False

    def create(self, well, *given):
        if self.busy:
            raise CloudError("another creation is under way")
        self.busy = True
        try:
            return well()
        finally:
            self.busy = False


@caught_by("crowd.vms")
class MixesUpVms(Creating):
    """The last VM's number is kept where all threads write it."""

    last = ""

    def create(self, well, *given):
        self.last = well().cid
        time.sleep(BOOT)
        return VmCreated(self.last, self.items["vm"][self.last]["networks"])
