"""Parts of the vSphere CPI that need no vCenter: properties, names, the settings' ISO."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
import yaml

from cpi.contract import CloudError
from cpi.vsphere import iso, names
from cpi.vsphere.config import Cluster, Config

PAGE = Path(__file__).resolve().parents[3] / "docs/reference/vsphere.md"
GOOD = {
    "host": "vc", "user": "u", "password": "secret-word",
    "datacenters": [{"name": "dc", "datastore_pattern": "x", "clusters": ["c"]}],
}  # fmt: skip


def test_the_pages_example_is_taken():
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.S)
    document = yaml.safe_load(example)
    config = Config.parse(document["cpis"][0]["properties"])
    assert (config.host, config.port, config.anti_affinity) == ("vcenter.example.com", 443, True)
    assert config.datacenter.clusters == (Cluster("cluster1", pool="platform"), Cluster("cluster2"))


def test_properties_of_a_file_are_taken_as_well():
    vcenter = {**GOOD, "address": "10.0.0.5:8443"}
    del vcenter["host"]
    config = Config.parse({"vcenters": [vcenter], "agent": {"mbus": "nats://x", "ntp": ["a"]}})
    assert (config.host, config.port, config.mbus, config.ntp) == ("10.0.0.5", 8443, "nats://x", ("a",))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hots": "x"}, "property hots is unknown; known are address, agent"),
        ({"password": 5}, "property password must be a string that is not empty, not int"),
        ({"host": "vc:port"}, "property host must be HOST or HOST:PORT"),
        ({"vcenters": [{}, {}]}, "property vcenters must be a list of exactly one hash"),
        ({"nsxt": {"host": "x"}}, "property nsxt is not to be had with this CPI"),
        ({"datacenters": [{**GOOD["datacenters"][0], "clusters": [{"c": {"drs_rules": [{"name": "r", "type": "together"}]}}]}]}, "drs_rules[0].type must be one of separate_vms"),
        ({"datacenters": [{**GOOD["datacenters"][0], "clusters": [{"c": {"host_group": {"nam": "x"}}}]}]}, "host_group.nam is unknown"),
    ],
)  # fmt: skip
def test_wrong_properties_are_named(changes, sentence):
    with pytest.raises(CloudError, match=re.escape(sentence)):
        Config.parse({**GOOD, **changes})


def test_refused_properties_may_stand_empty():
    assert Config.parse({**GOOD, "nsx": {}, "plugins": None}).host == "vc"


def test_the_password_is_not_shown():
    assert "secret-word" not in repr(Config.parse(GOOD))


def test_names_follow_from_keys():
    assert names.cid_of("vm", "vm-1") == "vm-1"
    assert names.cid_of("disk", "1") == "disk-1"
    assert names.cid_of("vm", None) != names.cid_of("vm", None)
    odd = names.cid_of("vm", "a/b" * 40)
    assert odd == names.cid_of("vm", "a/b" * 40)
    assert re.fullmatch(r"vm-[0-9a-f]{32}", odd)
    assert len(names.readable("vm-1", "group" * 20, "deployment" * 20)) <= 60


@pytest.mark.parametrize("size", [0, 1, 2048, 2049, 70_000])
def test_the_iso_holds_the_file(size):
    data = bytes(number % 251 for number in range(size))
    image = iso.image("env", data)
    assert len(image) % 2048 == 0
    assert image[16 * 2048 + 1 : 16 * 2048 + 6] == b"CD001"
    folder = image[struct.unpack_from("<I", image, 16 * 2048 + 158)[0] * 2048 :]
    at = folder[0] + folder[folder[0]]
    assert folder[at + 33 : at + 39] == b"ENV.;1"
    start, long = struct.unpack_from("<I", folder, at + 2)[0], struct.unpack_from("<I", folder, at + 10)[0]
    assert image[start * 2048 : start * 2048 + long] == data
