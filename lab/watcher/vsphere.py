"""A vCenter's record of its VMs, followed by the property collector. The files of datastores must be at hand, as vcsim keeps them."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import uuid
import xml.parsers.expat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from pyVim.connect import SmartConnect
from pyVmomi import vim, vmodl

from lab.vsphere.server import Vcenter
from lab.watcher.machine import Card, Drive, Machine

T = TypeVar("T")
POWER, BOOT = "runtime.powerState", "summary.runtime.bootTime"
PATHS = ("name", POWER, BOOT, "config.template", "config.hardware")
BROKEN = (vmodl.MethodFault, http.client.HTTPException, xml.parsers.expat.ExpatError)
query: Any = vmodl.query.PropertyCollector
device: Any = vim.vm.device
CDROM = "sr0"


class VsphereSource:
    """See `machine.Source`."""

    def __init__(self, vcenter: Vcenter) -> None:
        self._vcenter = vcenter
        self._stub: Any = None
        self._content: Any = None
        self._collector: Any = None
        self._version = ""
        self._stores: dict[str, Path] = {}

    def machines(self) -> dict[str, Machine]:
        """VMs that are no templates."""
        return self._asked(self._machines)

    def wait(self, seconds: float) -> None:
        """By WaitForUpdatesEx; what the updates say is read anew."""
        self._asked(lambda content: self._wait(content, max(1, round(seconds))))

    def ended(self, machine: Machine) -> None:
        """As a host that sees its guest end."""
        self._asked(lambda content: self._ended(content, machine))

    def _asked(self, question: Callable[[Any], T]) -> T:
        try:
            if self._content is None:
                self._connect()
            return question(self._content)
        except BROKEN as error:
            self._content = None
            raise OSError(f"vCenter at {self._vcenter.url}: {type(error).__name__}: {error}") from error
        except OSError:
            self._content = None
            raise

    def _connect(self) -> None:
        host, _, port = self._vcenter.address.partition(":")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        instance = SmartConnect(
            host=host, port=int(port), user=self._vcenter.user, pwd=self._vcenter.password, sslContext=context
        )
        self._stub = cast(Any, instance)._stub
        content: Any = cast(Any, instance).RetrieveContent()
        self._collector = content.propertyCollector.CreatePropertyCollector()
        self._collector.CreateFilter(
            _filter(content, vim.VirtualMachine, (POWER, BOOT, "config.hardware.device")), False
        )
        self._version, self._content = "", content

    def _machines(self, content: Any) -> dict[str, Machine]:
        found: dict[str, Machine] = {}
        for object, values in _read(content, vim.VirtualMachine, PATHS):
            if not values.get("config.template") and "config.hardware" in values:
                machine = self._machine(content, object, values)
                if machine is not None:
                    found[machine.id] = machine
        return found

    def _machine(self, content: Any, object: Any, values: dict[str, Any]) -> Machine | None:
        hardware = values["config.hardware"]
        devices: list[Any] = list(hardware.device or [])
        disks = [one for one in devices if isinstance(one, device.VirtualDisk)]
        system = next((one for one in disks if one.unitNumber == 0), None)
        if system is None:
            return None
        on = values.get(POWER) == "poweredOn"
        drives = [self._disk(content, disk) for disk in disks if disk is not system]
        loaded = [one.backing for one in devices if isinstance(one, device.VirtualCdrom)]
        isos = [one for one in loaded if isinstance(one, device.VirtualCdrom.IsoBackingInfo)]
        drives += [Drive(CDROM, self._file(content, str(one.fileName))) for one in isos[:1]]
        return Machine(
            id=str(object._moId),
            name=str(values.get("name")),
            boot=str(values.get(BOOT)) if on else "",
            cpus=int(hardware.numCPU),
            memory=int(hardware.memoryMB),
            root=self._flat(content, system),
            cards=tuple(
                Card(str(one.macAddress), str(getattr(one.backing, "deviceName", "")))
                for one in devices
                if isinstance(one, device.VirtualEthernetCard)
            ),
            drives=tuple(drives),
        )

    def _disk(self, content: Any, disk: Any) -> Drive:
        """As a guest of VMware's finds it: by its place on the bus, and by its UUID as world-wide name."""
        links = [f"by-path/pci-0000:03:00.0-scsi-0:0:{disk.unitNumber}:0"]
        with contextlib.suppress(ValueError):
            links.append(f"by-id/wwn-0x{uuid.UUID(str(getattr(disk.backing, 'uuid', '') or '')).hex}")
        return Drive(f"sd{chr(ord('a') + disk.unitNumber)}", self._flat(content, disk), tuple(links))

    def _flat(self, content: Any, disk: Any) -> Path:
        path = self._file(content, str(disk.backing.fileName))
        return path.with_name(f"{path.stem}-flat.vmdk")

    def _file(self, content: Any, name: str) -> Path:
        store, _, rest = name.removeprefix("[").partition("] ")
        if store not in self._stores:
            stores = _read(content, vim.Datastore, ("name", "info"))
            self._stores = {str(values["name"]): Path(str(values["info"].url)) for _, values in stores}
        return self._stores.get(store, Path("/nonexistent")) / rest

    def _wait(self, content: Any, seconds: int) -> None:
        updates = self._collector.WaitForUpdatesEx(self._version, query.WaitOptions(maxWaitSeconds=seconds))
        if updates is not None:
            self._version = updates.version

    def _ended(self, content: Any, machine: Machine) -> None:
        now = self._machines(content).get(machine.id)
        if now is not None and now.boot == machine.boot:
            with contextlib.suppress(vmodl.MethodFault):  # somebody was faster
                cast(Any, vim.VirtualMachine)(machine.id, self._stub).PowerOffVM_Task()


def _filter(content: Any, kind: Any, paths: tuple[str, ...]) -> Any:
    view = content.viewManager.CreateContainerView(content.rootFolder, [kind], True)
    path = query.TraversalSpec(name="view", type=vim.view.ContainerView, path="view", skip=False)
    start = query.ObjectSpec(obj=view, skip=True, selectSet=[path])
    return query.FilterSpec(objectSet=[start], propSet=[query.PropertySpec(type=kind, all=False, pathSet=list(paths))])


def _read(content: Any, kind: Any, paths: tuple[str, ...]) -> list[tuple[Any, dict[str, Any]]]:
    filter = _filter(content, kind, paths)
    try:
        answer: Any = content.propertyCollector.RetrievePropertiesEx([filter], query.RetrieveOptions())
        found: list[Any] = answer.objects if answer else []
        return [(one.obj, {pair.name: pair.val for pair in one.propSet}) for one in found]
    finally:
        filter.objectSet[0].obj.DestroyView()
