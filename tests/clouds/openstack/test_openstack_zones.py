"""Availability zones: a host of the lab is taken into one, so nobody else may have VMs meanwhile."""

from __future__ import annotations

import pytest

from cpi.contract import CloudError


def test_zones_lists_of_zones_and_disks_beside_vms(tenant, boot, cpi):
    zone = f"{tenant.name}-z2"
    aggregate = tenant.admin.compute.create_aggregate(name=zone, availability_zone=zone)
    tenant.admin.compute.add_host_to_aggregate(aggregate, "cmp2")
    try:
        one = boot({"availability_zone": zone})
        assert boot.seen_by_admin(one)["OS-EXT-SRV-ATTR:host"] == "cmp2" and one.availability_zone == zone
        # cinder has no such zone: the disk is refused, or placed anywhere where zones need not agree
        with pytest.raises(CloudError, match=f"Availability zone '{zone}' is invalid"):
            cpi("create_disk", 1024, {}, one.id)
        disk = cpi("create_disk", 1024, {}, one.id, ignore_server_availability_zone=True)
        assert tenant.member.block_storage.get_volume(disk).availability_zone == "nova"
        cpi("delete_disk", disk)
        # an anti-affine group fills the zone's only host: the list's other zone is taken then
        group = tenant.member.compute.create_server_group(name=f"{tenant.name}-full", policy="anti-affinity")
        hints = {"scheduler_hints": {"group": group.name}}
        first = boot({"availability_zone": zone, **hints}, {"a": tenant.manual("10.11.0.103")})
        second = boot({"availability_zones": [zone, "nova"], **hints}, {"a": tenant.manual("10.11.0.104")},
                      ignore_server_availability_zone=True)  # fmt: skip
        assert (first.availability_zone, second.availability_zone) == (zone, "nova")
        tenant.member.compute.delete_server_group(group.id)
    finally:
        for cid in boot.made:
            cpi("delete_vm", cid)
        tenant.admin.compute.remove_host_from_aggregate(aggregate, "cmp2")
        tenant.admin.compute.delete_aggregate(aggregate)
