"""Where things are in vCenter: the datacenter, its folders, and what has a name in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pyVmomi import vim

from cpi.contract import Call, CloudError, Facts, NetworkNotFound, VMNotFound
from cpi.vsphere import reads
from cpi.vsphere.config import Config
from cpi.vsphere.names import instance_uuid
from cpi.vsphere.session import Session, session


@dataclass(frozen=True, slots=True)
class Place:
    """What a call works with: the session and the datacenter."""

    session: Session
    call: Call
    config: Config
    dc: Any
    roots: reads.Values

    @property
    def endpoint(self) -> str:
        """What errors name."""
        return self.config.endpoint

    def facts(self) -> Facts:
        """What every error tells."""
        return Facts(endpoint=self.endpoint)

    def read(self, object: Any, *paths: str) -> reads.Values | None:
        """The values of one object, None if it is gone."""
        return reads.one(self.session, self.call, object, *paths)

    def read_all(self, objects: Any, *paths: str) -> dict[str, reads.Values]:
        """Object id -> values."""
        return reads.of(self.session, self.call, objects, paths)

    def vm_folder(self) -> Any:
        """The folder of VMs, made when it is missing."""
        return self.folder(self.config.datacenter.vm_folder)

    def template_folder(self) -> Any:
        """The folder of stemcells, made when it is missing."""
        return self.folder(self.config.datacenter.template_folder)

    def folder(self, path: str) -> Any:
        """A VM folder by its path below the datacenter's."""
        found = self.roots["vmFolder"]
        for name in path.strip("/").split("/"):
            found = self.child(found, name) or self._make(found, name)
        return found

    def child(self, folder: Any, name: str) -> Any:
        """What has this name in a folder, None if nothing has."""
        return self.session.ask(self.call, lambda content: content.searchIndex.FindChild(folder, name))

    def find_vm(self, cid: str) -> Any:
        """The VM of this CID, None if there is none."""
        found = self.child(self.vm_folder(), cid)
        if found is None:
            uuid = instance_uuid(cid)
            found = self.session.ask(
                self.call, lambda content: content.searchIndex.FindByUuid(self.dc, uuid, True, True)
            )
        return found

    def vm(self, cid: str) -> Any:
        """The VM of this CID; VMNotFound otherwise."""
        found = self.find_vm(cid)
        if found is None:
            raise self.no_vm(cid)
        return found

    def no_vm(self, cid: str) -> VMNotFound:
        """The error for a VM that is not there."""
        return VMNotFound(f"VM '{cid}' does not exist in datacenter {self.config.datacenter.name}", facts=self.facts())

    def network(self, name: str) -> Any:
        """A network, port group or segment by name, or by its path below the datacenter's networks."""
        if "/" in name:
            path = f"{self.roots['path']}/network/{name}"
            found = self.session.ask(self.call, lambda content: content.searchIndex.FindByInventoryPath(path))
            matching = [found] if found is not None else []
        else:
            known = reads.below(self.session, self.call, self.roots["networkFolder"], vim.Network, ["name"])
            matching = [one for one, values in known if unquote(values.get("name", "")) == name]
        if not matching:
            raise NetworkNotFound(
                f"network '{name}' does not exist in datacenter {self.config.datacenter.name}", facts=self.facts()
            )
        if len(matching) > 1:
            raise CloudError(f"{len(matching)} networks are called '{name}'; name one by its path", facts=self.facts())
        return matching[0]

    def _make(self, parent: Any, name: str) -> Any:
        try:
            return self.session.ask(self.call, lambda content: parent.CreateFolder(name))
        except vim.fault.DuplicateName as fault:
            return fault.object


def place(call: Call) -> Place:
    """The datacenter that the call's properties name."""
    config = Config.parse(call.properties)
    opened = session(config)
    dc, roots = _datacenter(opened, call, config)
    return Place(opened, call, config, dc, roots)


def _datacenter(opened: Session, call: Call, config: Config) -> tuple[Any, reads.Values]:
    known = opened.known.get(config.datacenter.name)
    if known is not None:
        return known
    root = opened.ask(call, lambda content: content.rootFolder)
    paths = ("name", "vmFolder", "networkFolder", "datastoreFolder", "parent")
    name = config.datacenter.name
    for dc, values in reads.below(opened, call, root, vim.Datacenter, paths):
        if values.get("name") == name:
            values["path"] = _path(opened, call, values.get("parent"), root, name)
            opened.known[name] = (dc, values)
            return dc, values
    raise CloudError(f"datacenter '{name}' does not exist in vCenter at {config.endpoint}", facts=Facts(endpoint=config.endpoint))  # fmt: skip


def _path(opened: Session, call: Call, parent: Any, root: Any, name: str) -> str:
    while parent is not None and parent._moId != root._moId:
        values = reads.one(opened, call, parent, "name", "parent") or {}
        name, parent = f"{values.get('name')}/{name}", values.get("parent")
    return name
