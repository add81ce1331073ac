"""The core's deployment on machines: made, recreated with its disk kept, deleted; libvirt is asked for what came of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
import yaml

from lab import storage
from stemcells.build import build
from tests.e2e.lab.shop import NAME, cloud_config, manifest
from tests.e2e.lab.site import Site, build_site
from tests.e2e.loopback.api import running

PATIENCE = 600
"""Seconds for a boot: processors may be emulated here."""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    """The demo's director, whose CPI makes machines."""
    built = build_site()
    try:
        built.stop()
        storage.start(built.lab.record, built.directory / "pool")
        document = yaml.safe_load(built.config.read_text())
        document["agent"]["agent_wait_timeout"] = PATIENCE
        document["meristem"]["cpi"]["properties"] |= {"virt_type": "qemu", "uri": storage.machine_uri(built.lab.record)}
        built.config.write_text(yaml.safe_dump(document, sort_keys=False))
        built.start()
        built.ready()
        stemcell = tmp_path_factory.mktemp("stemcell") / "machine.tgz"
        build("debian-12", stemcell, version="1.0", machine=True)
        built.api.upload_stemcell(stemcell)
        built.api.upload_release(built.build_release())
        config = cloud_config()
        for vm_type in config["vm_types"]:
            vm_type["cloud_properties"] = {"cpus": 1, "memory": 320, "ephemeral_disk": 400}
        built.api.update_config("cloud", config)
        yield built
    finally:
        built.down()


def domains(site: Site) -> dict[str, list[str]]:
    """Name -> the volumes on its disks, as libvirt says."""
    connection = libvirt.open(storage.machine_uri(site.lab.record))
    try:
        found = connection.listAllDomains(0)
        return {one.name(): [part.partition("'")[0] for part in one.XMLDesc(0).split("volume='")[1:]] for one in found}
    finally:
        connection.close()


def volumes(site: Site) -> set[str]:
    return set(os.listdir(site.directory / "pool"))


def answer(site: Site) -> Any:
    (web,) = [row for row in site.api.instances(NAME) if row["job_name"] == "web"]
    return site.inside.get(web["ips"][0])


def store_of(site: Site) -> dict[str, Any]:
    (store,) = [row for row in site.api.instances(NAME) if row["job_name"] == "store"]
    return store


@pytest.mark.timeout(1500)
def test_the_demo_runs_on_machines(site: Site) -> None:
    document = manifest(web=1, watch=f"100-{PATIENCE * 1000}")
    site.api.deploy(document, seconds=PATIENCE * 2)
    rows = site.api.instances(NAME)
    assert running(rows) == {"store/0", "web/0"}
    assert set(domains(site)) == {row["vm_cid"] for row in rows}, "a compilation VM is still there"
    first, store = answer(site), store_of(site)
    (disk,) = [name for name in volumes(site) if "-disk-" in name]
    assert disk in domains(site)[store["vm_cid"]]
    inode = (Path(site.directory) / "pool" / disk).stat().st_ino
    assert first["store"]["counter"] >= 1

    command = site.begin_cli("-d", NAME, "recreate", "store/0")
    told, _ = command.communicate(timeout=PATIENCE)
    assert command.returncode == 0, told
    again = store_of(site)
    assert again["vm_cid"] != store["vm_cid"]
    assert disk in domains(site)[again["vm_cid"]]
    assert (Path(site.directory) / "pool" / disk).stat().st_ino == inode
    assert answer(site)["store"]["counter"] == first["store"]["counter"] + 1, "the store counts on: its disk was kept"

    unchanged = domains(site)
    site.api.deploy(document)
    assert domains(site) == unchanged

    site.remove_all()
    assert domains(site) == {}
    assert {name for name in volumes(site) if "-stemcell-" not in name} == set()
