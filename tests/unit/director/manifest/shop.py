"""A manifest and a cloud config that the manifest tests start from."""

from __future__ import annotations

from typing import Any

import pytest

from director.manifest.cloud_config import load_cloud_config
from director.manifest.load import load_deployment
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
