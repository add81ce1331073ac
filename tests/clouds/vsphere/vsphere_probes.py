"""What vCenter says of the vSphere CPI's VMs and disks, for the conformance kit; the datastores' files are read where the simulator keeps them."""

from __future__ import annotations

import json
import ssl
from contextlib import contextmanager
from pathlib import Path

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim

from tests.clouds.vsphere.iso_reader import only_file


def inventory(properties):
    """VMs and templates by name, and the files of disks and snapshots."""
    with _content(properties) as content:
        found = [f"vm {vm.name}" for vm in _all(content, vim.VirtualMachine)]
        for store in _all(content, vim.Datastore):
            top = Path(store.info.url)
            found += [f"file [{store.name}] {path.relative_to(top)}" for path in top.rglob("*.vmdk")]
    return found


def settings(properties, vm):
    """The ISO in the drive."""
    with _content(properties) as content:
        [drive] = [one for one in _devices(content, vm) if isinstance(one, vim.vm.device.VirtualCdrom)]
        return json.loads(only_file(_file(content, drive.backing.fileName).read_bytes())[1])


def write(properties, vm, disk, hint, text):
    """Onto the disk of the UUID that the hint names."""
    with _content(properties) as content, _flat(content, vm, hint).open("r+b") as file:
        file.seek(4096)
        file.write(text.encode())


def read(properties, vm, disk, hint):
    with _content(properties) as content, _flat(content, vm, hint).open("rb") as file:
        file.seek(4096)
        return file.read(32).decode(errors="replace")


def vanish(properties, vm):
    """Somebody else destroys it."""
    with _content(properties) as content:
        found = _vm(content, vm)
        found.PowerOffVM_Task()
        found.Destroy_Task()


@contextmanager
def _content(properties):
    host, _, port = properties["host"].partition(":")
    instance = SmartConnect(
        host=host, port=int(port), user=properties["user"], pwd=properties["password"],
        sslContext=ssl._create_unverified_context(),
    )  # fmt: skip
    try:
        yield instance.RetrieveContent()
    finally:
        Disconnect(instance)


def _all(content, kind):
    view = content.viewManager.CreateContainerView(content.rootFolder, [kind], True)
    try:
        return list(view.view)
    finally:
        view.DestroyView()


def _vm(content, name):
    return next(one for one in _all(content, vim.VirtualMachine) if one.name == name)


def _devices(content, name):
    return _vm(content, name).config.hardware.device


def _file(content, path):
    name, _, rest = path.removeprefix("[").partition("] ")
    store = next(one for one in _all(content, vim.Datastore) if one.name == name)
    return Path(store.info.url) / rest


def _flat(content, name, hint):
    disks = [one for one in _devices(content, name) if isinstance(one, vim.vm.device.VirtualDisk)]
    [disk] = [one for one in disks if one.backing.uuid == hint["id"]]
    return _file(content, disk.backing.fileName.replace(".vmdk", "-flat.vmdk"))
