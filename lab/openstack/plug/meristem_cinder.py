# pyright: basic, reportMissingImports=false
# runs in the services' own environment, not in this project's
"""Cinder volume driver: each volume is a sparse raw file in one directory.

Real data (image copy, clone, snapshot and extend really happen on files), no
kernel feature needed: no LVM, iSCSI, NFS server or root.  The connection info
says 'nfs' with a directory as export: Nova's fake drivers only record it, and
Nova's libvirt driver, given nfs_mount_options = bind, bind-mounts the directory
and gives the VM the file.
"""

import contextlib
import os
import shutil

from cinder import interface
from cinder.image import image_utils
from cinder.volume import driver
from oslo_concurrency import processutils
from oslo_config import cfg

opts = [cfg.StrOpt("loop_volume_dir", default="$state_path/volumes")]
cfg.CONF.register_opts(opts)


@interface.volumedriver
class FileDriver(driver.VolumeDriver):
    VERSION = "1.0"
    CI_WIKI_NAME = "none"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(opts)
        self.dir = self.configuration.loop_volume_dir or cfg.CONF.loop_volume_dir

    def do_setup(self, context):
        os.makedirs(self.dir, exist_ok=True)

    def check_for_setup_error(self):
        pass

    def _path(self, obj):
        return os.path.join(self.dir, obj.name)

    def local_path(self, volume):
        return self._path(volume)

    def _copy(self, src, dst, size_gb):
        processutils.execute("cp", "--sparse=always", "--reflink=auto", src, dst)
        self._grow(dst, size_gb)

    @staticmethod
    def _grow(path, size_gb):
        with open(path, "ab") as f:
            f.truncate(size_gb * 1024**3)

    def create_volume(self, volume):
        self._grow(self._path(volume), volume.size)

    def delete_volume(self, volume):
        self._unlink(self._path(volume))

    @staticmethod
    def _unlink(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def extend_volume(self, volume, new_size):
        self._grow(self._path(volume), new_size)

    def create_snapshot(self, snapshot):
        self._copy(self._path(snapshot.volume), self._path(snapshot), snapshot.volume_size)

    def delete_snapshot(self, snapshot):
        self._unlink(self._path(snapshot))

    def create_volume_from_snapshot(self, volume, snapshot):
        self._copy(self._path(snapshot), self._path(volume), volume.size)

    def create_cloned_volume(self, volume, src_vref):
        self._copy(self._path(src_vref), self._path(volume), volume.size)

    def revert_to_snapshot(self, context, volume, snapshot):
        self._copy(self._path(snapshot), self._path(volume), volume.size)

    def copy_image_to_volume(self, context, volume, image_service, image_id, disable_sparse=False):
        image_utils.fetch_to_raw(
            context,
            image_service,
            image_id,
            self._path(volume),
            self.configuration.volume_dd_blocksize,
            size=volume.size,
            run_as_root=False,
        )
        self._grow(self._path(volume), volume.size)

    def copy_volume_to_image(self, context, volume, image_service, image_meta):
        image_utils.upload_volume(context, image_service, image_meta, self._path(volume), volume, run_as_root=False)

    def create_export(self, context, volume, connector):
        return {}

    def ensure_export(self, context, volume):
        return {}

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector):
        return {
            "driver_volume_type": "nfs",
            "data": {"export": self.dir, "name": volume.name, "format": "raw", "options": None},
        }

    def terminate_connection(self, volume, connector, **kwargs):
        pass

    def _update_volume_stats(self):
        free = shutil.disk_usage(self.dir).free / 1024**3
        self._stats = {
            "volume_backend_name": self.configuration.safe_get("volume_backend_name") or "loop",
            "vendor_name": "meristem",
            "driver_version": self.VERSION,
            "storage_protocol": "nfs",
            "reserved_percentage": 0,
            "total_capacity_gb": 1000.0,
            "free_capacity_gb": 1000.0,
            "real_free_gb": round(free, 1),
            "multiattach": True,
            "thin_provisioning_support": True,
            "thick_provisioning_support": False,
            "max_over_subscription_ratio": "20.0",
            "online_extend_support": True,
            "QoS_support": False,
        }
