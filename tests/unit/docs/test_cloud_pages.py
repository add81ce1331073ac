"""The pages that lead to a first deployment on a cloud: their files fit together, and each CPI takes the properties that they give."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from cpi.libvirt.config import Config as LibvirtConfig
from cpi.openstack.config import Config as OpenstackConfig
from cpi.openstack.properties import VmProperties
from cpi.vsphere.config import Config as VsphereConfig
from director.manifest.cloud_config import load_cloud_config
from director.manifest.cpi_config import load_cpi_configs
from director.manifest.load import load_deployment
from director.model.cloud_config import CloudConfig
from lab.proof.told import in_page
from meristem.formats import ops_files
from meristem.formats.interpolate import Sources, interpolate
from meristem.formats.yaml_marks import load

TREE = Path(__file__).resolve().parents[3]
HOW_TO = TREE / "docs/how-to"
PAGES = ("deploy-on-openstack", "deploy-on-vsphere", "several-clouds")
CPIS = {"openstack": OpenstackConfig.parse, "vsphere": VsphereConfig.parse, "libvirt": LibvirtConfig.parse}


def commands(page: str) -> list[list[str]]:
    """The page's `meristem` commands, word by word."""
    lines = "\n".join(in_page(HOW_TO / f"{page}.md")).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.startswith("meristem ")]


def files_of(page: str) -> dict[str, str]:
    """What the pages have their reader write, by file name: values in here-documents, and a certificate."""
    text = "\n".join(in_page(HOW_TO / f"{page}.md"))
    written = {name: body for name, body in re.findall(r"cat > (\S+) <<END\n(.*?)\nEND", text, re.DOTALL)}
    return {"vcenter-ca.pem": "-----BEGIN CERTIFICATE-----", **written}


def sent(words: list[str], directory: Path) -> str:
    """The YAML that a command sends: its file with the operations and values of its flags; nothing may be missing or left over."""
    sources, operations = Sources(), list[Any]()
    path = next(
        word for word in words if word.startswith("manifests/") and word.endswith(".yml") and "/ops/" not in word
    )
    for flag, value in itertools.pairwise(words):
        if flag == "-l":
            sources.add_file(directory / value)
        elif flag in ("-v", "--var"):
            sources.add_value(value)
        elif flag == "--var-file":
            name, _, file = value.partition("=")
            sources.add_file_value(f"{name}={directory / file}")
        elif flag == "-o":
            operations += ops_files.read((TREE / value).read_text(), value)
    document = load((TREE / path).read_text(), path)
    return yaml.safe_dump(interpolate(document, sources, operations, expect_found="deploy" not in words))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for page in PAGES:
        for name, text in files_of(page).items():
            (tmp_path / name).write_text(text + "\n")
    return tmp_path


def follow(page: str, directory: Path) -> tuple[dict[str, tuple[str, dict[str, Any]]], CloudConfig, str]:
    """CPIs by name (type, properties), the cloud config, and the manifest of the page."""
    cpis: list[tuple[str, str]] = []
    cloud, manifest = "", ""
    for words in commands(page):
        if words[1] == "update-config":
            cpis.append((words[words.index("--name") + 1], sent(words, directory)))
        elif words[1] == "update-cloud-config":
            cloud = sent(words, directory)
        elif words[1:2] == ["-d"] and words[3] == "deploy":
            manifest = sent(words, directory)
    found = {one.name: (one.type, one.properties) for one in load_cpi_configs(cpis)}
    return found, load_cloud_config([("cloud config", cloud)]), manifest


@pytest.mark.parametrize("page", PAGES)
def test_the_files_of_a_page_fit_together(page: str, directory: Path) -> None:
    cpis, cloud, manifest = follow(page, directory)
    assert {az.cpi for az in cloud.azs.values()} == set(cpis)
    for kind, properties in cpis.values():
        CPIS[kind](properties)
    deployment = load_deployment(manifest, cloud)
    assert [group.name for group in deployment.instance_groups] == ["store", "web"]


def sizes(cloud: CloudConfig) -> list[dict[str, Any]]:
    """What create_vm gets for each VM type in the first zone."""
    return [{**cloud.azs["z1"].cloud_properties, **one.cloud_properties} for one in cloud.vm_types.values()]


def test_openstack_takes_the_vm_types(directory: Path) -> None:
    cpis, cloud, _ = follow("deploy-on-openstack", directory)
    config = OpenstackConfig.parse(cpis["openstack"][1])
    assert [VmProperties.parse(one, config).instance_type for one in sizes(cloud)] == ["m1.small", "m1.large"]


def test_vsphere_takes_the_vm_types(directory: Path) -> None:
    pytest.importorskip("pyVmomi", reason="pyvmomi is not installed (bin/setup --clouds)")
    from cpi.vsphere.vm_properties import VmWish

    cpis, cloud, _ = follow("deploy-on-vsphere", directory)
    config = VsphereConfig.parse(cpis["vsphere"][1])
    assert [VmWish.parse(config, one).ram for one in sizes(cloud)] == [1024, 8192]


def test_a_value_that_is_missing_is_told(directory: Path) -> None:
    (directory / "openstack.yml").write_text("openstack_url: https://keystone.example.com:5000/v3\n")
    with pytest.raises(Exception, match="openstack_user"):
        follow("deploy-on-openstack", directory)
