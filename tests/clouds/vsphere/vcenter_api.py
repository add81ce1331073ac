"""vCenter asked by itself, past the CPI: what is in the inventory and on the datastores."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim


class Api:
    """A session of the test's own."""

    def __init__(self, vcenter):
        self.vcenter = vcenter
        host, port = vcenter.address.split(":")
        self.tls = ssl._create_unverified_context()
        self.instance = SmartConnect(
            host=host, port=int(port), user=vcenter.user, pwd=vcenter.password, sslContext=self.tls
        )
        self.content = self.instance.RetrieveContent()
        self.dc = self.all(vim.Datacenter)[0]

    def close(self):
        Disconnect(self.instance)

    def all(self, kind, root=None):
        view = self.content.viewManager.CreateContainerView(root or self.content.rootFolder, [kind], True)
        try:
            return list(view.view)
        finally:
            view.DestroyView()

    def named(self, kind, name):
        return next((one for one in self.all(kind) if one.name == name), None)

    def vm(self, name):
        return self.named(vim.VirtualMachine, name)

    def vm_names(self):
        return sorted(vm.name for vm in self.all(vim.VirtualMachine))

    def extra(self, vm):
        return {one.key: one.value for one in vm.config.extraConfig}

    def devices(self, vm, kind):
        return [one for one in vm.config.hardware.device if isinstance(one, kind)]

    def disk_paths(self, vm):
        return [disk.backing.fileName for disk in self.devices(vm, vim.vm.device.VirtualDisk)]

    def attributes(self, vm):
        """Custom attributes; the simulator keeps an older value beside the new one, the last counts."""
        names = {field.key: field.name for field in self.content.customFieldsManager.field}
        return {names[one.key]: one.value for one in vm.customValue}

    def folder_of(self, datastore):
        """Where the simulator keeps a datastore's files."""
        store = self.named(vim.Datastore, datastore)
        return Path(store.info.url)

    def files(self):
        """`[datastore] path` of all files but the logs and directories that the simulator leaves of VMs."""
        found = []
        for name in (*self.vcenter.datastores, self.vcenter.full):
            top = self.folder_of(name)
            found += [f"[{name}] {path.relative_to(top)}" for path in top.rglob("*") if path.is_file()]
        return sorted(found)

    @contextmanager
    def datastore_of_one_host(self, cluster, name, folder, pod=None):
        """A datastore that one host of the cluster sees, in a datastore cluster if one is named; the folder of its files.

        The simulator cannot destroy what is in a datastore cluster: there it stays."""
        host = self.named(vim.ClusterComputeResource, cluster).host[0]
        place = folder / name
        place.mkdir()
        made = host.configManager.datastoreSystem.CreateLocalDatastore(name, str(place))
        try:
            if pod:
                self.run(self.named(vim.StoragePod, pod).MoveIntoFolder_Task([made]))
            yield place
        finally:
            if not pod:
                self.run(made.Destroy_Task())

    def run(self, task):
        state = task.info.state
        assert state == "success", task.info.error
        return task.info.result

    def download(self, datastore, path):
        query = urllib.parse.urlencode({"dcPath": "F0/DC0", "dsName": datastore})
        url = f"{self.vcenter.url}/folder/{urllib.parse.quote(path)}?{query}"
        with urllib.request.urlopen(url, context=self.tls) as answer:
            return answer.read()

    def rest(self, method, path, body=None):
        pair = base64.b64encode(f"{self.vcenter.user}:{self.vcenter.password}".encode()).decode()
        session = self._rest("POST", "/rest/com/vmware/cis/session", None, {"Authorization": f"Basic {pair}"})
        return self._rest(method, path, body, {"vmware-api-session-id": session})

    def _rest(self, method, path, body, headers):
        request = urllib.request.Request(
            self.vcenter.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={**headers, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, context=self.tls) as answer:
            told = answer.read()
        return json.loads(told).get("value") if told.strip() else None
