"""Cloud configs: what is read, and what each mistake is answered with."""

from __future__ import annotations

import re

import pytest

from director.manifest.cloud_config import load_cloud_config
from director.manifest.networks import NetworkRules
from director.model.errors import BadRequest

GOOD = """
azs:
- name: z1
- name: z2
  cpi: other
  cloud_properties: {zone: b}
vm_types:
- name: small
  cloud_properties: {cpu: 1, ram: 512}
vm_extensions:
- name: big-disk
  cloud_properties: {disk: 9, ram: 1024}
disk_types:
- name: d1
  disk_size: 1024
networks:
- name: default
  subnets:
  - range: 10.244.0.0/24
    gateway: 10.244.0.1
    azs: [z1]
    dns: [8.8.8.8]
    reserved: [10.244.0.2 - 10.244.0.9, 10.244.0.128/30]
    static: [10.244.0.10-10.244.0.20]
  - range: 10.244.1.0/24
    gateway: 10.244.1.1
    az: z2
- name: cloud
  type: dynamic
  cloud_properties: {net: x}
- name: public
  type: vip
compilation:
  workers: 2
  network: default
  az: z1
  vm_type: small
  vm_extensions: [big-disk]
"""


def fault(text: str, **rules: NetworkRules) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        load_cloud_config([("cloud", text)], **rules)
    return caught.value


def test_all_sections() -> None:
    cloud = load_cloud_config([("cloud", GOOD)])
    assert cloud.azs["z2"].cpi == "other"
    first, second = cloud.networks["default"].subnets
    assert first.range == "10.244.0.0/24"
    assert first.reserved == (("10.244.0.2", "10.244.0.9"), ("10.244.0.128", "10.244.0.131"))
    assert first.static == (("10.244.0.10", "10.244.0.20"),)
    assert (first.prefix, first.azs, second.azs) == (32, ("z1",), ("z2",))
    assert cloud.networks["cloud"].subnets[0].cloud_properties == {"net": "x"}
    assert len(cloud.networks["public"].subnets) == 1
    assert cloud.compilation is not None
    assert cloud.compilation.cloud_properties == {"cpu": 1, "ram": 1024, "disk": 9}


def test_no_config_at_all_is_empty() -> None:
    assert load_cloud_config([]).networks == {}


def test_named_configs_are_joined() -> None:
    cloud = load_cloud_config([("one", GOOD), ("two", "vm_types: [{name: large}]\n")])
    assert set(cloud.vm_types) == {"small", "large"}


def test_the_directors_own_addresses_are_reserved() -> None:
    rules = NetworkRules(director_ips=("10.244.0.200", "192.168.1.1"))
    subnet = load_cloud_config([("cloud", GOOD)], rules=rules).networks["default"].subnets[0]
    assert ("10.244.0.200", "10.244.0.200") in subnet.reserved
    assert not any("192" in first for first, _ in subnet.reserved)
    error = fault(GOOD, rules=NetworkRules(director_ips=("10.244.0.15",)))
    assert error.code == 160006
    assert "10.244.0.15 is reserved" in error.remedy


def test_ipv6() -> None:
    text = GOOD.replace("- range: 10.244.1.0/24\n    gateway: 10.244.1.1", "- range: fd00::/64\n    gateway: fd00::1")
    error = fault(text)
    assert error.code == 16014
    only = GOOD[: GOOD.index("  - range: 10.244.1")] + GOOD[GOOD.index("- name: cloud") :]
    text = only.replace("10.244.0.0/24", "fd00::/64").replace("gateway: 10.244.0.1", "gateway: fd00::1")
    text = text.replace("[10.244.0.2 - 10.244.0.9, 10.244.0.128/30]", "[fd00::2-fd00::ff]").replace(
        "[10.244.0.10-10.244.0.20]", "['fd00::1:0/112']"
    )
    subnet = load_cloud_config([("cloud", text)]).networks["default"].subnets[0]
    assert (subnet.prefix, subnet.static) == (128, (("fd00::1:0", "fd00::1:ffff"),))


MISTAKES = [
    # what is written, what instead, code, line, words of the message, path and remedy
    ("- name: z2", "- name: z1", 190017, 4, ["Duplicate az name 'z1'", "/azs/1", "first at cloud:3"]),
    ("- name: z2", "- nmae: z2", 40001, 4, ["Required property 'name'", "/azs/1", "Add 'name'"]),
    ("cpi: other", "cpi: [a]", 40000, 5, ["'cpi'", "an array", "type 'String'", "/azs/1/cpi"]),
    ("{cpu: 1, ram: 512}", "none", 40000, 9, ["'cloud_properties'", "type 'Hash'", "/vm_types/0/cloud_properties"]),
    ("disk_size: 1024", "disk_size: 0", 200001, 15, ["'disk_size'", "/disk_types/0", "Use 1 or more"]),
    ("disk_size: 1024", "disk_size: 1G", 40000, 15, ["'1G'", "type 'Integer'", "without quotes or unit"]),
    ("- name: d1", "- d1", 710000, 15, ["Invalid YAML", "indentation"]),
    ("10.244.0.0/24", "10.244.0.0/32", 160002, 19, ["10.244.0.0/32", "at least 2 IPs", "shorter prefix"]),
    ("10.244.0.0/24", "10.244.0/24", 160010, 19, ["Invalid network range '10.244.0/24'", "CIDR such as"]),
    ("gateway: 10.244.0.1\n", "gateway: 10.9.0.1\n", 160003, 20, ["must be inside the range", "10.244.0.0/24"]),
    ("gateway: 10.244.0.1\n", "gateway: 10.244.0.0\n", 160003, 20, ["can't be the network id", "/subnets/0/gateway"]),
    ("gateway: 10.244.0.1\n", "gateway: 10.244.0.255\n", 160003, 20, ["can't be the broadcast IP", "'10.244.0.255'"]),
    ("    gateway: 10.244.0.1\n", "", 40001, 19, ["'gateway'", "/networks/0/subnets/0", "Add 'gateway'"]),
    ("dns: [8.8.8.8]", "dns: [dns.example]", 160004, 22, ["Invalid DNS", "'dns.example'", "one address per list item"]),
    ("10.244.0.2 - 10.244.0.9", "10.9.0.1", 160005, 23, ["Reserved IP '10.9.0.1'", "/reserved/0", "10.244.0.0/24"]),
    ("10.244.0.2 - 10.244.0.9", "10.244.0.9-10.244.0.2", 160010, 23, ["comes after", "'a - b'"]),
    (
        "[10.244.0.10-10.244.0.20]",
        "[10.244.1.10]",
        160006,
        24,
        ["Static IP '10.244.1.10'", "out of network", "/static/0"],
    ),
    (
        "[10.244.0.10-10.244.0.20]",
        "[10.244.0.5-10.244.0.20]",
        160006,
        24,
        ["reserved range", "10.244.0.2 - 10.244.0.9"],
    ),
    ("[10.244.0.10-10.244.0.20]", "[10.244.0.1]", 160006, 24, ["reserved range", "the gateway"]),
    ("10.244.1.0/24", "10.244.0.128/25", 160003, 26, ["must be inside the range"]),
    ("az: z2", "az: z3", 160007, 27, ["unknown availability zone 'z3'", "/subnets/1/az", "Known are: z1, z2"]),
    ("    az: z2\n", "", 140016, 25, ["must all either specify availability zone or not", "/networks/0/subnets/1"]),
    ("az: z2", "az: z2\n    azs: [z2]", 160008, 27, ["both 'az' and 'azs'", "Remove 'az'"]),
    ("azs: [z1]", "azs: []", 160008, 21, ["empty 'azs' array", "Name an AZ"]),
    (
        "type: dynamic",
        "type: dynamc",
        190010,
        29,
        ["Invalid network type 'dynamc'", "/networks/1/type", "manual, dynamic or vip"],
    ),
    ("type: dynamic", "type: dynamic\n  az: z1", 160008, 30, ["must not specify 'az'", "/networks/1/az"]),
    (
        "cloud_properties: {net: x}",
        "cloud_properties: {}\n  subnets: []",
        160008,
        30,
        ["when also specifying 'subnets'", "Move"],
    ),
    ("- name: public", "- name: Cloud", 190007, 31, ["'cloud', canonical name already taken", "/networks/2"]),
    ("workers: 2", "workers: 0", 40002, 34, ["'workers' value (0)", "/compilation/workers", "Use 1 or more"]),
    ("network: default", "network: defualt", 120001, 35, ["unknown network 'defualt'", "Did you mean 'default'?"]),
    ("  az: z1\n  vm", "  az: z9\n  vm", 120002, 36, ["unknown az 'z9'", "/compilation/az", "Known are: z1, z2"]),
    ("  az: z1\n  vm", "  vm", 150006, 33, ["no matching subnet", "z1, z2"]),
    ("vm_type: small", "vm_type: smal", 120003, 37, ["unknown vm type 'smal'", "Did you mean 'small'?"]),
    ("vm_extensions: [big-disk]", "vm_extensions: [big]", 120005, 38, ["unknown vm extension 'big'", "big-disk"]),
    (
        "vm_type: small",
        "cloud_properties: {a: 1}",
        120007,
        38,
        ["'big-disk'", "must configure a vm type", "Add 'vm_type'"],
    ),
    ("vm_type: small", "vm_type: small\n  cloud_properties: {a: 1}", 120007, 33, ["more than one of", "Keep one"]),
    ("{zone: b}", "{zone: ((zone))}", 540004, 6, ["'zone' must be switched to an absolute path", "((/zone))"]),
    ("{zone: b}", "{zone: ((/a b))}", 540004, 6, ["Variable name '/a b' is not valid", "/azs/1/cloud_properties/zone"]),
    ("{zone: b}", "{zone: b", 710000, 7, ["Invalid YAML", "Correct the YAML"]),
    (
        "workers: 2",
        "workers: 2\n  workers: 3",
        710000,
        35,
        ["key 'workers' appears twice, first on line 34", "Keep one"],
    ),
]


@pytest.mark.parametrize(("written", "instead", "code", "line", "words"), MISTAKES)
def test_mistakes(written: str, instead: str, code: int, line: int, words: list[str]) -> None:
    assert written in GOOD
    error = fault(GOOD.replace(written, instead, 1))
    assert error.code == code, error.description
    assert re.search(rf"\(at cloud:{line}[ )]", error.description), error.description
    for word in words:
        assert word in error.description


def test_overlapping_subnets() -> None:
    text = GOOD.replace("10.244.1.0/24", "10.244.0.128/25").replace("10.244.1.1", "10.244.0.129")
    error = fault(text)
    assert error.code == 160001
    assert "cloud:25" in error.description
    assert "10.244.0.128/25 shares addresses with 10.244.0.0/24" in error.remedy


def test_empty_and_foreign_documents() -> None:
    assert fault("- a\n").code == 440011
    error = fault("networks: []\n")
    assert error.code == 190008
    assert "No networks specified" in error.message
    assert "'compilation'" in error.message


def test_every_fault_is_told_at_once() -> None:
    text = (
        GOOD.replace("disk_size: 1024", "disk_size: 0")
        .replace("vm_type: small", "vm_type: x")
        .replace("az: z2", "az: q")
    )
    error = fault(text)
    assert error.code == 200001
    for word in ("3 errors", "cloud:15", "cloud:27", "cloud:37"):
        assert word in error.message


def test_doubles_between_documents() -> None:
    with pytest.raises(BadRequest) as caught:
        load_cloud_config([("one", GOOD), ("two", "compilation: {workers: 1}\nazs: [{name: z1}]\n")])
    assert caught.value.code == 570000
    for word in ("two:1 /compilation", "two:2 /azs/0", "one:33", "one:3", "multiple cloud configs"):
        assert word in caught.value.description
