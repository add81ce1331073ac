# pyright: basic, reportMissingImports=false
# runs in the services' own environment, not in this project's
"""Nova's fake virt driver, plus what a CPI's tests want to look at.

Nova's real code runs up to the hypervisor; the hypervisor is Nova's own in-memory
fake.  Beside that, every VM that boots gets a directory
$state_path/vms/<server uuid>/ with

    config-drive/   the exact files of the config drive (user_data, meta_data.json,
                    network_data.json, ...) when the server has one
    vm.json         name, flavor, disks, ports with MAC and fixed IPs, power state
    events          one line per spawn, reboot, power, attach, detach, destroy

The directory is renamed to <uuid>.deleted when the VM is destroyed.
"""

import json
import os
import time

import nova.conf
from nova.api.metadata import base as instance_metadata
from nova.virt import configdrive, fake
from oslo_log import log as logging

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)


class Driver(fake.FakeDriverWithoutFakeNodes):
    def _dir(self, instance):
        return os.path.join(CONF.state_path, "vms", instance.uuid)

    def _event(self, instance, what, **kw):
        d = self._dir(instance)
        os.makedirs(d, exist_ok=True)
        with open(os.path.join(d, "events"), "a") as f:
            f.write(json.dumps(dict(kw, event=what, at=time.time())) + "\n")

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
        d = self._dir(instance)
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
        bdm = (block_device_info or {}).get("block_device_mapping") or []
        with open(os.path.join(d, "vm.json"), "w") as f:
            json.dump(
                {
                    "uuid": instance.uuid,
                    "name": instance.display_name,
                    "host": CONF.host,
                    "vcpus": instance.flavor.vcpus,
                    "memory_mb": instance.flavor.memory_mb,
                    "root_gb": instance.flavor.root_gb,
                    "ephemeral_gb": instance.flavor.ephemeral_gb,
                    "image": instance.image_ref,
                    "volumes": [
                        {"device": b.get("mount_device"), "data": (b.get("connection_info") or {}).get("data")}
                        for b in bdm
                    ],
                    "ports": [
                        {
                            "id": v["id"],
                            "mac": v["address"],
                            "network": v["network"]["label"],
                            "ips": [i["address"] for i in v.fixed_ips()],
                        }
                        for v in network_info or []
                    ],
                },
                f,
                indent=1,
                default=str,
            )
        self._event(instance, "spawn", power_on=power_on)

    def destroy(
        self, context, instance, network_info, block_device_info=None, destroy_disks=True, destroy_secrets=True
    ):
        super().destroy(context, instance, network_info, block_device_info, destroy_disks, destroy_secrets)
        d = self._dir(instance)
        if destroy_disks and os.path.isdir(d):
            self._event(instance, "destroy")
            os.rename(d, d + ".deleted")

    def reboot(self, context, instance, network_info, reboot_type, *a, **kw):
        super().reboot(context, instance, network_info, reboot_type, *a, **kw)
        self._event(instance, "reboot", kind=reboot_type)

    def power_off(self, instance, *a, **kw):
        super().power_off(instance, *a, **kw)
        self._event(instance, "power_off")

    def attach_volume(self, context, connection_info, instance, mountpoint, *a, **kw):
        super().attach_volume(context, connection_info, instance, mountpoint, *a, **kw)
        self._event(instance, "attach_volume", device=mountpoint, data=connection_info.get("data"))

    def detach_volume(self, context, connection_info, instance, mountpoint, *a, **kw):
        super().detach_volume(context, connection_info, instance, mountpoint, *a, **kw)
        self._event(instance, "detach_volume", device=mountpoint)

    def extend_volume(self, context, connection_info, instance, requested_size):
        super().extend_volume(context, connection_info, instance, requested_size)
        self._event(instance, "extend_volume", size=requested_size)
