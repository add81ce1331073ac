"""The recipe's own stemcell for vSphere, as vCenter imports it. That its disk boots on such devices: tests/clouds/stemcells."""

from __future__ import annotations

import os
import subprocess

import pytest
from pyVmomi import vim

from stemcells.build import build

pytestmark = pytest.mark.clouds


def test_vcenter_takes_the_recipes_stemcell(cloud, api, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("building a stemcell needs root")
    build("debian-12", tmp_path / "stemcell.tgz", vsphere=True, say=print)
    subprocess.run(["tar", "-xf", tmp_path / "stemcell.tgz", "-C", tmp_path, "image"], check=True)
    stemcell = cloud.create_stemcell(tmp_path / "image")
    assert [one.name for one in api.vm(stemcell).snapshot.rootSnapshotList] == ["initial"]
    vm = api.vm(cloud.create_vm(stemcell))
    system, _ = api.devices(vm, vim.vm.device.VirtualDisk)
    assert system.capacityInKB == 3072 * 1024
    assert len(api.devices(vm, vim.vm.device.VirtualCdrom)) == 1
    assert len(api.devices(vm, vim.vm.device.ParaVirtualSCSIController)) == 1
    assert len(api.devices(vm, vim.vm.device.VirtualVmxnet3)) == 1
