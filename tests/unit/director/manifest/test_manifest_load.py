"""Deployment manifests: what is read, and what each mistake is answered with."""

from __future__ import annotations

import re
from typing import Any

import pytest

from director.manifest.cloud_config import load_cloud_config
from director.manifest.early import early_variables
from director.manifest.load import load_deployment
from director.manifest.runtime_config import load_runtime_configs
from director.model.deployment import Deployment
from director.model.errors import BadRequest

CLOUD = load_cloud_config(
    [
        (
            "cloud",
            """
azs: [{name: z1}, {name: z2}]
vm_types: [{name: small}, {name: large}]
vm_extensions: [{name: lb}]
disk_types: [{name: fast, disk_size: 2048, cloud_properties: {ssd: true}}]
networks:
- name: default
  subnets:
  - {range: 10.0.0.0/24, gateway: 10.0.0.1, azs: [z1, z2], static: [10.0.0.10 - 10.0.0.29]}
- name: back
  subnets:
  - {range: 10.1.0.0/24, gateway: 10.1.0.1, azs: [z1]}
- {name: dyn, type: dynamic}
- {name: public, type: vip}
compilation: {workers: 1, network: back, az: z1, vm_type: small}
""",
        )
    ]
)

GOOD = """name: shop
releases:
- name: store
  version: 1.2
- {name: tools, version: latest}
stemcells:
- alias: default
  os: debian-12
  version: latest
update:
  canaries: 1
  max_in_flight: 25%
  canary_watch_time: 1000-30000
  update_watch_time: 30000
instance_groups:
- name: web
  azs: [z1, z2]
  instances: 2
  vm_type: small
  vm_extensions: [lb]
  stemcell: default
  persistent_disk_type: fast
  jobs:
  - name: httpd
    release: store
    properties: {password: ((pw))}
  networks:
  - name: default
    static_ips: [10.0.0.10, 10.0.0.11 - 10.0.0.11]
  update: {serial: false}
  migrated_from: [{name: old, az: z1}]
- name: smoke
  lifecycle: errand
  azs: [z1]
  instances: 1
  vm_resources: {cpu: 1, ram: 512, ephemeral_disk_size: 1024}
  stemcell: default
  persistent_disk: 512
  jobs: []
  networks:
  - {name: default, default: [dns, gateway]}
  - {name: back, default: [addressable]}
  env: {bosh: {password: x}}
variables:
- {name: pw, type: password}
"""


def load(text: str, **how: Any) -> Deployment:
    return load_deployment(text, CLOUD, **how)


def fault(text: str, **how: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        load(text, **how)
    return caught.value


def test_the_whole() -> None:
    found = load(GOOD)
    web, smoke = found.instance_groups
    assert (found.name, [(one.name, one.version) for one in found.releases]) == (
        "shop",
        [("store", "1.2"), ("tools", "latest")],
    )
    assert found.update.max_in_flight == "25%"
    assert (found.update.canary_watch_time, found.update.update_watch_time) == ((1000, 30000), (None, 30000))
    assert (web.update.serial, web.update.max_in_flight, web.line) == (False, "25%", 16)
    assert web.networks[0].static_ips == ("10.0.0.10", "10.0.0.11")
    assert web.networks[0].default == ("dns", "gateway")
    assert web.disk is not None
    assert (web.disk.size, web.disk.name, web.disk.cloud_properties) == (2048, "fast", {"ssd": True})
    assert web.migrated_from == (("old", "z1"),)
    assert web.jobs[0].properties == {"password": "((pw))"}
    assert smoke.vm_resources == {"cpu": 1, "ram": 512, "ephemeral_disk_size": 1024}
    assert smoke.disk is not None
    assert (smoke.disk.size, smoke.disk.name, smoke.lifecycle) == (512, "", "errand")
    assert smoke.networks[1].default == ("addressable",)
    assert found.variables[0].update_mode == "no-overwrite"


def test_requests_override_groups() -> None:
    found = load(GOOD.replace("{serial: false}", "{canaries: 0}"), overrides={"canaries": "3", "max_in_flight": "50%"})
    assert [(one.update.canaries, one.update.max_in_flight) for one in found.instance_groups] == [(3, "50%")] * 2
    error = fault(GOOD, overrides={"canaries": "many"})
    assert "at request canaries" in error.description


def test_deprecated_properties_stand_in_for_missing_job_properties() -> None:
    text = GOOD.replace("    properties: {password: ((pw))}\n", "  properties: {a: {x: 2}}\n").replace(
        "jobs: []", "jobs: [{name: t, release: tools}]"
    )
    web, smoke = load(text + "properties: {a: {x: 1, y: 1}}\n").instance_groups
    assert web.jobs[0].properties == {"a": {"x": 2, "y": 1}}
    assert smoke.jobs[0].properties == {"a": {"x": 1, "y": 1}}
    assert load(GOOD.replace("    properties: {password: ((pw))}\n", "")).instance_groups[0].jobs[0].properties is None


def test_features() -> None:
    found = load(GOOD + "features: {use_link_dns_names: true, converge_variables: true, use_tmpfs_config: true}\n")
    assert found.features["use_short_dns_addresses"] is True
    assert found.variables[0].update_mode == "converge"
    env = found.instance_groups[1].env["bosh"]
    assert env == {"password": "x", "job_dir": {"tmpfs": True}, "agent": {"settings": {"tmpfs": True}}}


def test_named_disks() -> None:
    text = GOOD.replace("persistent_disk_type: fast", "persistent_disks: [{name: data, type: fast}]")
    web = load(text).instance_groups[0]
    assert web.disk is None
    assert [(one.name, one.size) for one in web.named_disks] == [("data", 2048)]


def test_aliases_and_merge_keys() -> None:
    text = GOOD.replace("update: {serial: false}", "update: &u {serial: false}").replace(
        "  env: {", "  update: {<<: *u, canaries: 5}\n  env: {"
    )
    web, smoke = load(text).instance_groups
    assert (smoke.update.serial, smoke.update.canaries) == (False, 5)
    assert web.update.canaries == 1


MISTAKES = [
    ("name: shop\n", "", 40001, 1, ["Required property 'name'", "Add 'name'"]),
    ("name: shop", "name: ((env))", 540001, 1, ["((env))", "/name", "with -v"]),
    ("name: shop", "azs: []\nname: shop", 190014, 1, ["contains 'azs' section", "Move 'azs' into the cloud config"]),
    ("name: shop", "name: shop\ncompilation: {}", 190014, 2, ["'compilation'", "only be used in cloud-config"]),
    ("name: shop", "name: shop\nnetworks: []", 140026, 2, ["'networks' are no longer supported", "cloud config"]),
    ("name: shop", "name: shop\ndisk_pools: []", 140027, 2, ["'disk_pools'", "Use 'disk_types'"]),
    ("name: shop", "name: shop\nresource_pools: []", 140028, 2, ["'resource_pools'", "Use 'vm_types'"]),
    ("name: shop", "name: shop\njobs: []", 140023, 2, ["'jobs'", "Rename 'jobs' to 'instance_groups'"]),
    ("name: shop", "name: shop\nrelease: {}", 190001, 2, ["both 'release' and 'releases'", "Keep 'releases'"]),
    (
        "- {name: tools, version: latest}",
        "- {name: store, version: 2}",
        190002,
        5,
        ["Duplicate release name 'store'", "first at manifest:3"],
    ),
    ("  version: 1.2\n", "", 40001, 3, ["'version'", "/releases/0", "Add 'version'"]),
    ("version: 1.2", "version: create", 40005, 4, ["'create'", "only the CLI", "/releases/0/version"]),
    ("  os: debian-12\n", "", 40001, 7, ["'os' or 'name'", "/stemcells/0", "Add 'os'"]),
    ("os: debian-12", "os: debian-12\n  name: x", 40005, 9, ["both 'name' and 'os'", "Keep exactly one"]),
    ("  canaries: 1\n", "", 40001, 10, ["'canaries'", "/update", "Add 'canaries'"]),
    ("max_in_flight: 25%", "max_in_flight: all", 40005, 12, ["'all'", "/update/max_in_flight", "such as 20%"]),
    ("1000-30000", "30000-1000", 180001, 13, ["Min watch time cannot be greater", "Write 1000-30000"]),
    ("1000-30000", "soon", 180001, 13, ["integer or a range of two integers", "/update/canary_watch_time"]),
    (
        "update_watch_time: 30000",
        "update_watch_time: 1\n  vm_strategy: hot",
        40005,
        15,
        ["Invalid vm_strategy 'hot'", "create-swap-delete"],
    ),
    (
        "update: {serial: false}",
        "update: {serial: maybe}",
        40000,
        30,
        ["'maybe'", "boolean", "/instance_groups/0/update/serial"],
    ),
    (
        "azs: [z1, z2]",
        "azs: [z1, z3]",
        140018,
        17,
        ["unknown availability zone 'z3'", "/instance_groups/0/azs/1", "Known are: z1, z2"],
    ),
    ("azs: [z1, z2]", "azs: []", 140017, 17, ["'web' has empty availability zones", "Name an AZ"]),
    ("azs: [z1, z2]", "azs: [1]", 140016, 17, ["invalid availability zone 1", "string expected"]),
    ("  azs: [z1, z2]\n", "", 150006, 27, ["'web' must specify availability zone", "network 'default'", "z1, z2"]),
    ("instances: 2", "instances: -1", 40002, 18, ["'instances' value (-1)", "Use 0 or more"]),
    ("instances: 2", "instances: ((count))", 540001, 18, ["((count))", "/instance_groups/0/instances", "with -v"]),
    (
        "instances: 2",
        "instances: 3",
        150002,
        29,
        ["3 instances but was allocated 2 static IPs", "/networks/0/static_ips"],
    ),
    ("vm_type: small", "vm_type: smal", 140004, 19, ["unknown vm type 'smal'", "Did you mean 'small'?"]),
    ("  vm_type: small\n", "", 140022, 16, ["missing either 'vm_type' or 'vm_resources'", "Known are: large, small"]),
    (
        "vm_type: small",
        "vm_type: small\n  vm_resources: {cpu: 1, ram: 1, ephemeral_disk_size: 1}",
        140022,
        20,
        ["can only specify", "Remove one"],
    ),
    ("cpu: 1, ram: 512", "cpu: 1", 40001, 36, ["'ram'", "/instance_groups/1/vm_resources", "Add 'ram'"]),
    ("vm_extensions: [lb]", "vm_extensions: [elb]", 140004, 20, ["unknown vm extension 'elb'", "Did you mean 'lb'?"]),
    (
        "  stemcell: default\n  persistent_disk_type",
        "  stemcell: defualt\n  persistent_disk_type",
        140005,
        21,
        ["unknown stemcell 'defualt'", "Did you mean 'default'?"],
    ),
    ("persistent_disk_type: fast", "persistent_disk_type: slow", 140012, 22, ["unknown disk type 'slow'", "fast"]),
    (
        "persistent_disk_type: fast",
        "persistent_disk_type: fast\n  persistent_disk: 5",
        140013,
        22,
        ["more than one of", "Choose one"],
    ),
    ("persistent_disk: 512", "persistent_disk: -512", 140013, 38, ["'persistent_disk' value (-512)"]),
    (
        "persistent_disk_type: fast",
        "persistent_disk_pool: p",
        140027,
        22,
        ["`persistent_disk_pool` is not supported", "persistent_disk_type"],
    ),
    (
        "persistent_disk_type: fast",
        "persistent_disks: [{type: fast}]",
        140013,
        22,
        ["disk with no name", "Name the disk"],
    ),
    ("    release: store\n", "", 40001, 24, ["'release'", "/instance_groups/0/jobs/0"]),
    ("release: store\n", "release: stroe\n", 140002, 25, ["unknown release 'stroe'", "Did you mean 'store'?"]),
    (
        "jobs: []",
        "jobs: [{name: t, release: tools}, {name: t, release: store}]",
        140010,
        39,
        ["Colocated job 't'", "'smoke'", "first at"],
    ),
    ("  jobs: []\n", "", 40001, 32, ["'smoke' does not specify jobs key", "Add 'jobs'"]),
    ("  jobs: []\n", "  jobs: []\n  templates: []\n", 140024, 40, ["template or templates", "Rename it to 'jobs'"]),
    (
        "  jobs: []\n",
        "  jobs: []\n  resource_pool: a\n",
        140025,
        40,
        ["no longer support resource_pool", "Name a VM type"],
    ),
    (
        "release: store\n",
        "release: store\n    consumes: {db: ~}\n",
        190016,
        26,
        ["Link 'db' in 'consumes'", "hash or string 'nil'", "not ~ or null"],
    ),
    ("- name: default\n", "- name: defualt\n", 150001, 28, ["unknown network 'defualt'", "Did you mean 'default'?"]),
    ("10.0.0.11 - 10.0.0.11", "10.0.0.10", 150009, 29, ["static IP '10.0.0.10' more than once", "/static_ips/1"]),
    (
        "10.0.0.11 - 10.0.0.11",
        "10.0.0.99",
        150002,
        29,
        ["'10.0.0.99'", "not in the network's static ranges", "10.0.0.10 - 10.0.0.29"],
    ),
    ("10.0.0.11 - 10.0.0.11", "10.9.0.9", 130012, 29, ["'10.9.0.9' outside every subnet", "static ranges"]),
    ("10.0.0.11 - 10.0.0.11", "10.0.0.x", 160010, 29, ["Invalid IP or range '10.0.0.x'"]),
    (
        "- name: default\n    static",
        "- name: dyn\n    static",
        150008,
        29,
        ["dynamic network 'dyn' cannot specify static IP", "Remove 'static_ips'"],
    ),
    (
        "default: [dns, gateway]",
        "default: [dns]",
        150005,
        40,
        ["must specify which network is default for gateway", "default: [gateway]"],
    ),
    (
        "default: [addressable]",
        "default: [dns]",
        150004,
        40,
        ["'dns' has default networks: 'default', 'back'", "one network"],
    ),
    ("default: [addressable]", "default: [adressable]", 150003, 42, ["'adressable'", "Did you mean 'addressable'?"]),
    ("name: back, default", "name: public, default", 130007, 42, ["VIP network", "Move 'default'"]),
    ("lifecycle: errand", "lifecycle: job", 140011, 33, ["Invalid lifecycle 'job' for 'smoke'", "service, errand"]),
    ("  env: {", "  state: paused\n  env: {", 140008, 43, ["Invalid state 'paused'", "started, stopped"]),
    (
        "  env: {",
        "  instance_states: {0: gone}\n  env: {",
        140007,
        43,
        ["Invalid state 'gone' for 'smoke/0'", "/instance_states/0"],
    ),
    (
        "{name: old, az: z1}",
        "{name: old, az: z7}",
        190018,
        31,
        ["'z7'", "not in the list of availability zones", "migrated_from/0/az"],
    ),
    (
        "- name: smoke",
        "- name: web",
        190006,
        32,
        ["Invalid instance group name 'web', canonical name already taken", "first at manifest:16"],
    ),
    (
        "- {name: pw, type: password}",
        "- {name: pw, type: password}\n- {name: pw, type: rsa}",
        190022,
        46,
        ["'pw' must be unique", "/variables/1"],
    ),
    ("- {name: pw, type: password}", "- {name: pw}", 40001, 45, ["'type'", "/variables/0", "Add 'type'"]),
    ("{name: pw, type", "{name: 'p w', type", 540004, 45, ["'p w' is not valid", "/variables/0/name", "Use letters"]),
    ("{name: pw, type", "{name: pw, update_mode: never, type", 40005, 45, ["Invalid update_mode 'never'", "converge"]),
    (
        "variables:\n- {name: pw, type: password}",
        "variables: {pw: password}",
        560000,
        44,
        ["'variables'", "type 'Array'", "'- ' before"],
    ),
    ("((pw))", "((p:w))", 540004, 26, ["Variable name 'p:w' is not valid", "/jobs/0/properties/password"]),
    (
        "variables:",
        "features: {use_dns_addresses: please}\nvariables:",
        560001,
        44,
        ["'use_dns_addresses'", "'please'", "true or false"],
    ),
    (
        "variables:",
        "features: {use_link_dns_names: true, use_dns_addresses: false}\nvariables:",
        210001,
        44,
        ["cannot enable `use_link_dns_names`", "Remove"],
    ),
    ("variables:", "tags: {a: [b]}\nvariables:", 40000, 44, ["'tags'", "type 'String'", "/tags/a"]),
    ("    properties: {password", "\tproperties: {password", 710000, 26, ["Invalid YAML", "a tab"]),
]


@pytest.mark.parametrize(("written", "instead", "code", "line", "words"), MISTAKES)
def test_mistakes(written: str, instead: str, code: int, line: int, words: list[str]) -> None:
    assert written in GOOD
    error = fault(GOOD.replace(written, instead, 1))
    assert error.code == code, error.description
    assert re.search(rf"\(at manifest:{line}[ )]", error.description), error.description
    for word in words:
        assert word in error.description


def test_names_must_stand_in_dns() -> None:
    assert fault(GOOD.replace("name: smoke", "name: smoke_")).code == 420001
    assert "Begin and end the name" in fault(GOOD.replace("name: shop", "name: -shop")).description
    assert fault(GOOD.replace("name: smoke", "name: WEB")).code == 190006


def test_static_addresses_outside_the_groups_azs() -> None:
    cloud = load_cloud_config(
        [
            (
                "cloud",
                """
azs: [{name: z1}, {name: z2}]
vm_types: [{name: small}]
vm_extensions: [{name: lb}]
disk_types: [{name: fast, disk_size: 1}]
networks:
- name: default
  subnets:
  - {range: 10.0.0.0/24, gateway: 10.0.0.1, azs: [z1], static: [10.0.0.10 - 10.0.0.29]}
  - {range: 10.2.0.0/24, gateway: 10.2.0.1, azs: [z2], static: [10.2.0.10 - 10.2.0.29]}
compilation: {workers: 1, network: default, az: z1, vm_type: small}
""",
            )
        ]
    )
    text = GOOD[: GOOD.index("- name: smoke")].replace("azs: [z1, z2]", "azs: [z1]").replace("10.0.0.10,", "10.2.0.10,")
    with pytest.raises(BadRequest) as caught:
        load_deployment(text, cloud)
    assert caught.value.code == 150007
    assert "manifest:29" in caught.value.description
    assert "in z2; the group in z1" in caught.value.description


def test_values_that_are_known_early_are_filled_in() -> None:
    text = GOOD.replace("instances: 2", "instances: ((size.web))").replace("vm_type: small", "vm_type: sm((end))")
    assert early_variables(text) == {"size", "end"}
    found = load(text, values={"size": {"web": 2}, "end": "all"})
    assert (found.instance_groups[0].instances, found.instance_groups[0].vm_type) == (2, "small")
    assert found.instance_groups[0].jobs[0].properties == {"password": "((pw))"}
    assert fault(text, values={"end": "all"}).code == 540001


def test_missing_sections_are_told_together() -> None:
    error = fault("name: x\n")
    for word in ("3 errors", "'releases'", "'stemcells'", "'update'"):
        assert word in error.message
    assert fault("- x\n").code == 440001
    assert fault("").code == 440001


def test_the_document_is_named() -> None:
    assert "shop.yml:18" in fault(GOOD.replace("instances: 2", "instances: two"), name="shop.yml").description


RUNTIME = """
releases: [{name: dns, version: 1.0.0}, {name: logs, version: 2.0.0}]
addons:
- name: dns
  jobs: [{name: resolver, release: dns}]
  include: {stemcell: [{os: debian-12}], jobs: [{name: httpd, release: store}]}
- name: logs
  jobs: [{name: shipper, release: logs, properties: {a: 1}}]
  exclude: {lifecycle: service}
tags: {owner: ops, env: dev}
variables: [{name: /shared/ca, type: certificate}]
"""


def runtime(text: str = RUNTIME) -> Any:
    return load_runtime_configs([("runtime", text)])


def jobs(found: Deployment) -> dict[str, list[str]]:
    return {group.name: [job.name for job in group.jobs] for group in found.instance_groups}


def test_runtime_addons_are_placed_where_their_filters_say() -> None:
    found = load(GOOD + "tags: {env: prod}\n", runtime=runtime())
    assert jobs(found) == {"web": ["httpd", "resolver"], "smoke": ["shipper"]}
    assert [one.name for one in found.releases] == ["store", "tools", "dns", "logs"]
    assert found.tags == {"owner": "ops", "env": "prod"}
    assert [one.name for one in found.variables] == ["pw", "/shared/ca"]


@pytest.mark.parametrize(
    ("include", "placed"),
    [
        ("{}", ["web", "smoke"]),
        ("{deployments: [shop]}", ["web", "smoke"]),
        ("{deployments: [other]}", []),
        ("{instance_groups: [smoke, x]}", ["smoke"]),
        ("{networks: [back]}", ["smoke"]),
        ("{azs: [z2]}", ["web"]),
        ("{lifecycle: errand}", ["smoke"]),
        ("{teams: [blue]}", ["web", "smoke"]),
        ("{teams: [red]}", []),
        ("{stemcell: [{os: ubuntu}]}", []),
        ("{deployments: [shop], azs: [z2], jobs: [{name: httpd, release: tools}]}", []),
    ],
)
def test_addon_filters(include: str, placed: list[str]) -> None:
    text = f"releases: [{{name: r, version: 1}}]\naddons: [{{name: a, jobs: [{{name: j, release: r}}], include: {include}}}]\n"
    found = load(GOOD, runtime=runtime(text), teams=["blue"])
    assert [name for name, held in jobs(found).items() if "j" in held] == placed
    assert ("r" in [one.name for one in found.releases]) == bool(placed)


def test_manifest_addons() -> None:
    addon = "addons: [{name: a, jobs: [{name: j, release: tools}], properties: {x: 1}, exclude: {instance_groups: [web]}}]\n"
    found = load(GOOD + addon)
    assert jobs(found) == {"web": ["httpd"], "smoke": ["j"]}
    assert found.instance_groups[1].jobs[0].properties == {"x": 1}


@pytest.mark.parametrize(
    ("addon", "code", "words"),
    [
        (
            "{name: a, jobs: [{name: j, release: gone}]}",
            530002,
            ["'gone'", "deployment releases section", "addons/0/jobs/0"],
        ),
        (
            "{name: a, include: {deployments: [x]}}",
            530006,
            ["not allowed for deployment level", "Remove 'deployments'"],
        ),
        ("{name: a, include: {jobs: [{name: j}]}}", 530004, ["both name and release", "Add 'release'"]),
        ("{name: a, exclude: {stemcell: [{}]}}", 530005, ["must have an os name", "exclude/stemcell/0"]),
        ("{jobs: []}", 40001, ["'name'", "/addons/0"]),
        ("{name: a, jobs: [{name: httpd, release: tools}]}", 140010, ["Colocated job 'httpd'", "Addon 'a'", "exclude"]),
    ],
)
def test_addon_mistakes(addon: str, code: int, words: list[str]) -> None:
    error = fault(GOOD + f"addons: [{addon}]\n")
    assert error.code == code, error.description
    assert "manifest:46" in error.description
    for word in words:
        assert word in error.description


def test_runtime_releases_must_not_conflict() -> None:
    error = fault(
        GOOD,
        runtime=runtime(
            RUNTIME.replace("name: logs, version", "name: tools, version").replace("release: logs", "release: tools")
        ),
    )
    assert error.code == 530003
    for word in ("'tools'", "'2.0.0'", "'latest'", "runtime:7"):
        assert word in error.description
