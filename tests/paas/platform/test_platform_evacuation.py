"""A stemcell update of the VMs that run apps: they are emptied one after the other, and no request fails."""

from __future__ import annotations

import yaml

from tests.paas.platform.platform_site import Platform

OTHER_STEMCELL = [
    {"type": "replace", "path": "/stemcells/-", "value": {"alias": "apps", "os": "debian-12", "version": "1.1"}},
    {"type": "replace", "path": "/stemcells/0/version", "value": "1.0"},
    {"type": "replace", "path": "/instance_groups/name=dea/stemcell", "value": "apps"},
]


def test_a_stemcell_update_of_the_deas_fails_no_request(platform: Platform, steady: str) -> None:
    site = platform.site
    site.api.upload_stemcell(site.build_stemcell("1.1"))
    ops = site.directory / "other-stemcell.yml"
    ops.write_text(yaml.safe_dump(OTHER_STEMCELL))
    before = {row["vm_cid"] for row in platform.vms() if row["instance"].startswith("dea/")}
    with platform.load(steady) as outcome:
        told = platform.deploy("-o", str(ops))
    after = {row["vm_cid"] for row in platform.vms() if row["instance"].startswith("dea/")}
    assert len(after) == 2 and not before & after, told[-3000:]
    assert outcome.bad == [], f"{outcome}\n{told[-3000:]}"
    assert outcome.good > 1000, f"{outcome}"
