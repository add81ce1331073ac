"""Where everything lies on the VM (agent protocol, section 8)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

STOCK_BASE = PurePosixPath("/var/vcap")


@dataclass(frozen=True)
class Layout:
    """Paths below ``base`` (stock: /var/vcap) and ``root`` (/ on a VM, a folder in trials without root)."""

    base: Path
    root: Path

    def resolve(self, path: str) -> Path:
        """A stock path such as /var/vcap/seed/settings.json, moved below ``base``."""
        pure = PurePosixPath(path)
        if pure.is_relative_to(STOCK_BASE):
            return self.base / pure.relative_to(STOCK_BASE)
        return Path(path)

    @property
    def bosh(self) -> Path:
        return self.base / "bosh"

    @property
    def agent_config(self) -> Path:
        return self.bosh / "agent.json"

    @property
    def settings(self) -> Path:
        return self.bosh / "settings.json"

    @property
    def update_settings(self) -> Path:
        return self.bosh / "update_settings.json"

    @property
    def disk_hints(self) -> Path:
        return self.bosh / "persistent_disk_hints.json"

    @property
    def mounted_disks(self) -> Path:
        return self.bosh / "mounted_disks.json"

    @property
    def spec(self) -> Path:
        return self.bosh / "spec.json"

    @property
    def fence(self) -> Path:
        return self.bosh / "fence.json"

    @property
    def tasks(self) -> Path:
        return self.bosh / "tasks"

    @property
    def bosh_etc(self) -> Path:
        return self.bosh / "etc"

    @property
    def agent_log(self) -> Path:
        return self.bosh / "log"

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def scratch(self) -> Path:
        """Temporary files; on the ephemeral disk, because blobs may be large."""
        return self.data / "tmp"

    @property
    def sensitive_blobs(self) -> Path:
        return self.data / "sensitive_blobs"

    @property
    def compile(self) -> Path:
        return self.data / "compile"

    @property
    def store(self) -> Path:
        return self.base / "store"

    @property
    def store_migration_target(self) -> Path:
        return self.base / "store_migration_target"

    @property
    def jobs(self) -> Path:
        return self.base / "jobs"

    @property
    def packages(self) -> Path:
        return self.base / "packages"

    @property
    def sys_log(self) -> Path:
        return self.base / "sys" / "log"

    @property
    def sys_run(self) -> Path:
        return self.base / "sys" / "run"

    @property
    def system_log(self) -> Path:
        return self.root / "var" / "log"

    @property
    def monit(self) -> Path:
        return self.base / "monit"

    @property
    def monit_jobs(self) -> Path:
        return self.monit / "job"

    @property
    def monit_rc(self) -> Path:
        return self.monit / "monitrc"

    @property
    def monit_user(self) -> Path:
        return self.monit / "monit.user"

    @property
    def stopped_marker(self) -> Path:
        return self.monit / "stopped"

    @property
    def instance(self) -> Path:
        return self.base / "instance"

    @property
    def dns_records(self) -> Path:
        return self.instance / "dns" / "records.json"

    @property
    def ssh_homes(self) -> Path:
        return self.base / "bosh_ssh"

    @property
    def etc(self) -> Path:
        return self.root / "etc"
