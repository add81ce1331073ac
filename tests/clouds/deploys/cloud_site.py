"""A lab with a director that deploys on a cloud; the test process stays outside of it and is forwarded in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from tests.e2e.lab import shop
from tests.e2e.lab.site import Site

Row = dict[str, Any]
"""An instance, as the director's API tells it."""


def cloud_config(size: dict[str, Any], zone: dict[str, Any], subnet: dict[str, Any]) -> dict[str, Any]:
    """The local lab's in a cloud's words: what its one VM type, zone and subnet are to the cloud. Compilation has that type too."""
    config = shop.cloud_config(vm_type="default")
    config["azs"][0]["cloud_properties"] = zone
    config["vm_types"] = [{"name": "default", "cloud_properties": size}]
    config["networks"][0]["subnets"][0]["cloud_properties"] = subnet
    return config


@dataclass
class CloudSite(Site):
    """What all clouds have in common; each one's own site adds what it is asked, past the CPI."""

    PATIENCE: ClassVar[float] = 120
    """Seconds that a deploy may take."""

    untouched: object = ()

    def inventory(self) -> object:
        """All that the cloud has."""
        raise NotImplementedError

    def vms(self) -> set[str]:
        """CIDs of the VMs that the cloud has."""
        raise NotImplementedError

    def boots(self) -> Mapping[str, object]:
        """VM -> which VM and which start of it this is: nothing of this changes where nothing is to be done."""
        raise NotImplementedError

    def disks(self) -> set[str]:
        """CIDs of the persistent disks that the cloud has."""
        raise NotImplementedError

    def switch_off(self, row: Row) -> None:
        """Cut the power of a VM, by the cloud's own API, until the cloud says so."""
        raise NotImplementedError

    def stemcell(self, version: str) -> Path:
        """A stemcell of this cloud."""
        raise NotImplementedError

    def run(self, row: Row, script: str) -> str:
        """What a script, run by root in the VM, says."""
        raise NotImplementedError

    def open(self, stemcell: Path, cloud_config: dict[str, Any]) -> None:
        """The director, with stemcell, release and cloud config; nothing is deployed."""
        self.untouched = self.inventory()
        self.start()
        self.ready()
        self.api.upload_stemcell(stemcell)
        self.api.upload_release(self.build_release())
        self.api.update_config("cloud", cloud_config)

    def group(self, name: str) -> list[Row]:
        rows = [row for row in self.api.instances(shop.NAME) if row["job_name"] == name]
        return sorted(rows, key=lambda row: row["index"])

    def begin(self, wanted: dict[str, Any]) -> int:
        """A deploy under way; its task."""
        return self.api.start("POST", "/deployments", body=yaml.safe_dump(wanted).encode(), kind="text/yaml")
