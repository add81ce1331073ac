# pyright: basic, reportMissingImports=false
# runs in the services' own environment, not in this project's
"""Nova's fake virt driver, plus what a CPI's tests want to look at.

Nova's real code runs up to the hypervisor; the hypervisor is Nova's own in-memory
fake.  Beside that, every VM that boots gets a directory
$state_path/vms/<server uuid>/ with

    config-drive/   the exact files of the config drive (user_data, meta_data.json,
                    network_data.json, ...) when the server has one
    vm.json         name, flavor, disks, ports with MAC and fixed IPs, as they are
                    now; boot: another number after each start, empty while it is off
    events          one line per spawn, reboot, power, attach, detach, destroy

The directory is renamed to <uuid>.deleted when the VM is destroyed.  Whoever plays
the hypervisor for it may keep the VM's own disks there, as drive-*: they go with it.
It tells of a guest that has switched itself off by a file

    ended           the boot that is over

which is told to Nova as a hypervisor tells it, by an event.
"""

import contextlib
import glob
import json
import os
import threading
import time

import nova.conf
from nova.api.metadata import base as instance_metadata
from nova.compute import power_state
from nova.virt import configdrive, event, fake
from oslo_log import log as logging

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)
LOOK = 0.5


class Driver(fake.FakeDriverWithoutFakeNodes):
    def init_host(self, host):
        super().init_host(host)
        self._writing = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def _dir(self, uuid):
        return os.path.join(CONF.state_path, "vms", uuid)

    def _event(self, instance, what, **kw):
        d = self._dir(instance.uuid)
        os.makedirs(d, exist_ok=True)
        with open(os.path.join(d, "events"), "a") as f:
            f.write(json.dumps(dict(kw, event=what, at=time.time())) + "\n")

    def _known(self, uuid):
        try:
            with open(os.path.join(self._dir(uuid), "vm.json")) as f:
                return json.load(f)
        except FileNotFoundError:
            return {}

    def _write(self, uuid, change):
        """`change`: what is known -> what is different now."""
        file = os.path.join(self._dir(uuid), "vm.json")
        with self._writing:
            known = self._known(uuid)
            with open(file + ".new", "w") as f:
                json.dump({**known, **change(known)}, f, indent=1, default=str)
            os.replace(file + ".new", file)

    def _started(self, uuid):
        def start(known):
            starts = known.get("starts", 0) + 1
            return {"starts": starts, "boot": str(starts)}

        self._write(uuid, start)

    def _listen(self):
        while True:
            for file in glob.glob(os.path.join(CONF.state_path, "vms", "*", "ended")):
                try:
                    self._guest_ended(file)
                except Exception:
                    LOG.exception("the end of a guest cannot be told: %s", file)
            time.sleep(LOOK)

    def _guest_ended(self, file):
        with open(file) as f:
            boot = f.read().strip()
        os.unlink(file)
        uuid = os.path.basename(os.path.dirname(file))
        known = self._known(uuid)
        if uuid in self.instances and boot and known.get("boot") == boot:
            self.instances[uuid].state = power_state.SHUTDOWN
            self._write(uuid, lambda _: {"boot": ""})
            self.emit_event(event.LifecycleEvent(uuid, event.EVENT_LIFECYCLE_STOPPED))

    def spawn(
        self,
        context,
        instance,
        image_meta,
        injected_files,
        admin_password,
        allocations,
        network_info=None,
        block_device_info=None,
        power_on=True,
        accel_info=None,
    ):
        super().spawn(
            context,
            instance,
            image_meta,
            injected_files,
            admin_password,
            allocations,
            network_info,
            block_device_info,
            power_on,
            accel_info,
        )
        d = self._dir(instance.uuid)
        os.makedirs(d, exist_ok=True)
        if configdrive.required_by(instance):
            md = instance_metadata.InstanceMetadata(
                instance,
                content=injected_files,
                extra_md={"admin_pass": admin_password} if admin_password else {},
                network_info=network_info,
            )
            for path, data in md.metadata_for_config_drive():
                if not path or data is None:
                    continue
                full = os.path.join(d, "config-drive", path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "wb") as f:
                    f.write(data if isinstance(data, bytes) else data.encode())
        seen = self._seen(instance, network_info, block_device_info or {})
        self._write(instance.uuid, lambda _: seen)
        self._event(instance, "spawn", power_on=power_on)
        if power_on:
            self._started(instance.uuid)

    def _seen(self, instance, network_info, devices):
        ports = {} if network_info is None else {"ports": [_port(one) for one in network_info]}
        return {
            "uuid": instance.uuid,
            "name": instance.display_name,
            "host": CONF.host,
            "vcpus": instance.flavor.vcpus,
            "memory_mb": instance.flavor.memory_mb,
            "root_gb": instance.flavor.root_gb,
            "ephemeral_gb": instance.flavor.ephemeral_gb,
            "image": instance.image_ref,
            "root_device": instance.root_device_name,
            "ephemerals": [
                {"device": one.get("device_name"), "size_gb": one.get("size")}
                for one in devices.get("ephemerals") or []
            ],
            "volumes": [
                _volume(one.get("mount_device"), one.get("connection_info"))
                for one in devices.get("block_device_mapping") or []
            ],
            **ports,
        }

    def destroy(
        self, context, instance, network_info, block_device_info=None, destroy_disks=True, destroy_secrets=True
    ):
        super().destroy(context, instance, network_info, block_device_info, destroy_disks, destroy_secrets)
        d = self._dir(instance.uuid)
        if destroy_disks and os.path.isdir(d):
            self._event(instance, "destroy")
            os.rename(d, d + ".deleted")
            for file in glob.glob(os.path.join(d + ".deleted", "drive-*")):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(file)

    def reboot(self, context, instance, network_info, reboot_type, *a, **kw):
        super().reboot(context, instance, network_info, reboot_type, *a, **kw)
        self._event(instance, "reboot", kind=reboot_type)

    def power_on(self, context, instance, *a, **kw):
        super().power_on(context, instance, *a, **kw)
        self._started(instance.uuid)

    def power_off(self, instance, *a, **kw):
        super().power_off(instance, *a, **kw)
        self._event(instance, "power_off")
        self._write(instance.uuid, lambda _: {"boot": ""})

    def attach_volume(self, context, connection_info, instance, mountpoint, *a, **kw):
        super().attach_volume(context, connection_info, instance, mountpoint, *a, **kw)
        self._event(instance, "attach_volume", device=mountpoint, data=connection_info.get("data"))
        new = _volume(mountpoint, connection_info)
        self._write(instance.uuid, lambda known: {"volumes": [*_others(known, mountpoint), new]})

    def detach_volume(self, context, connection_info, instance, mountpoint, *a, **kw):
        super().detach_volume(context, connection_info, instance, mountpoint, *a, **kw)
        self._event(instance, "detach_volume", device=mountpoint)
        if os.path.isdir(self._dir(instance.uuid)):
            self._write(instance.uuid, lambda known: {"volumes": _others(known, mountpoint)})

    def extend_volume(self, context, connection_info, instance, requested_size):
        super().extend_volume(context, connection_info, instance, requested_size)
        self._event(instance, "extend_volume", size=requested_size)


def _others(known, device):
    return [one for one in known.get("volumes", []) if one["device"] != device]


def _volume(device, connection_info):
    info = connection_info or {}
    return {"device": device, "id": info.get("serial"), "data": info.get("data")}


def _port(vif):
    return {
        "id": vif["id"],
        "mac": vif["address"],
        "network": vif["network"]["label"],
        "network_id": vif["network"]["id"],
        "ips": [one["address"] for one in vif.fixed_ips()],
    }
