"""Which addresses instances get (manifest contract §7)."""

from __future__ import annotations

import pytest
from yard import Yard, cloud, deployment, group, subnet

from director.model.cloud_config import Network, Subnet
from director.model.deployment import GroupNetwork
from director.model.errors import BadRequest
from director.model.rows import AddressRow
from director.plan.ids import Ids
from director.plan.place import place

A, B = GroupNetwork("a", (), ("dns", "gateway")), GroupNetwork("b")


def ips(yard: Yard, network: str = "a") -> dict[str, str]:
    """By group and index."""
    return {
        f"{row.group}/{row.index}": row.applied.vm.networks[network]["ip"]
        for row in yard.instances.values()
        if row.applied and network in row.applied.vm.networks
    }


def refused(yard: Yard, *groups: object) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        yard.place(deployment(*groups))  # type: ignore[arg-type]
    return caught.value


def test_the_lowest_free_addresses_are_given_without_the_gateway() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=2), group("db")))
    assert ips(yard) == {"web/0": "10.0.1.2", "web/1": "10.0.1.3", "db/0": "10.0.1.4"}


def test_reserved_static_first_last_and_own_addresses_are_never_given() -> None:
    net = subnet(1, "z1", size=29, reserved=(("10.0.1.2", "10.0.1.2"),), static=(("10.0.1.3", "10.0.1.4"),))
    one = deployment(group(instances=1))
    found = place(one, cloud(Network("a", "manual", (net,))), [], [], Ids("s"), ["10.0.1.5"])
    assert found.instances[0].addresses == {"a": "10.0.1.6"}
    with pytest.raises(BadRequest) as caught:
        place(deployment(group(instances=2)), cloud(Network("a", "manual", (net,))), [], [], Ids("s"), ["10.0.1.5"])
    assert caught.value.code == 130011
    assert "'web'" in caught.value.message and "'a'" in caught.value.message


def test_addresses_of_other_deployments_are_taken_on_every_network() -> None:
    yard = Yard()
    yard.addresses["10.0.1.2"] = AddressRow(address="10.0.1.2", network="else", deployment="other", owner="x")
    yard.deploy(deployment(group(instances=1)))
    assert ips(yard) == {"web/0": "10.0.1.3"}


def test_subnets_of_the_az_are_used_in_listed_order() -> None:
    subnets = (subnet(2, "z1", size=30), subnet(1, "z2"), subnet(3, "z1"))
    yard = Yard(cloud=cloud(Network("a", "manual", subnets)))
    yard.deploy(deployment(group(instances=3)))
    assert set(ips(yard).values()) == {"10.0.2.2", "10.0.3.2", "10.0.3.3"}


def test_ipv6_ranges_are_walked_lazily() -> None:
    net = Subnet(azs=("z1",), range="fd00::/64", gateway="fd00::1")
    yard = Yard(cloud=cloud(Network("a", "manual", (net,))))
    yard.deploy(deployment(group(instances=2)))
    assert set(ips(yard).values()) == {"fd00::2", "fd00::3"}


def test_an_address_is_kept_over_deploys_even_when_lower_ones_get_free() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=2), group("db")))
    yard.deploy(deployment(group("db")))
    assert ips(yard) == {"db/0": "10.0.1.4"}
    yard.deploy(deployment(group("db"), group("new", instances=2)))
    assert ips(yard) == {"db/0": "10.0.1.4", "new/0": "10.0.1.2", "new/1": "10.0.1.3"}


def test_what_still_goes_in_this_deploy_holds_its_address() -> None:
    yard = Yard()
    yard.deploy(deployment(group("old")))
    yard.deploy(deployment(group("new")))
    assert ips(yard) == {"new/0": "10.0.1.3"}


def test_a_renamed_network_with_the_same_range_keeps_the_address() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=2)))
    before = ips(yard)
    yard.cloud = cloud(Network("b", "manual", (subnet(1, "z1"),)))
    yard.deploy(deployment(group(instances=2, networks=(GroupNetwork("b", (), ("dns", "gateway")),))))
    assert ips(yard, "b") == before


def test_two_networks_do_not_swap_addresses_when_the_group_lists_them_the_other_way() -> None:
    shared = (subnet(1, "z1"),)
    yard = Yard(cloud=cloud(Network("a", "manual", shared), Network("b", "manual", shared)))
    yard.deploy(deployment(group(networks=(A, B))))
    before = ips(yard, "a"), ips(yard, "b")
    plan = yard.deploy(deployment(group(networks=(B, A))))
    assert (ips(yard, "a"), ips(yard, "b")) == before
    assert plan.counts["unchanged"] == 1


@pytest.mark.parametrize("change", ["reserved", "static", "range", "az"])
def test_an_address_that_is_not_valid_any_more_is_left(change: str) -> None:
    yard = Yard()
    yard.deploy(deployment(group()))
    own = (("10.0.1.2", "10.0.1.2"),)
    nets = {
        "reserved": (subnet(1, "z1", reserved=own),),
        "static": (subnet(1, "z1", static=own),),
        "range": (subnet(9, "z1"),),
        "az": (subnet(1, "z2"), subnet(9, "z1")),
    }
    yard.cloud = cloud(Network("a", "manual", nets[change]))
    plan = yard.deploy(deployment(group()))
    assert ips(yard)["web/0"] in ("10.0.1.3", "10.0.9.2")
    assert plan.counts["recreate"] == 1
    assert len(yard.addresses) == 1


def test_static_addresses_are_given_in_their_azs_and_kept() -> None:
    yard = Yard()
    static = ("10.0.2.201", "10.0.1.200", "10.0.2.200")
    yard.deploy(deployment(group(instances=3, azs=("z1", "z2"), static=static)))
    assert ips(yard) == {"web/0": "10.0.2.201", "web/1": "10.0.1.200", "web/2": "10.0.2.200"}
    assert {row.index: row.az for row in yard.instances.values()} == {0: "z2", 1: "z1", 2: "z2"}
    before = {row.id: row.applied.vm.networks["a"]["ip"] for row in yard.instances.values() if row.applied}
    plan = yard.deploy(deployment(group(instances=3, azs=("z1", "z2"), static=tuple(sorted(static)))))
    assert plan.counts["unchanged"] == 3, "another order of the same list changes nothing"
    assert {row.id: row.applied.vm.networks["a"]["ip"] for row in yard.instances.values() if row.applied} == before


def test_static_addresses_are_kept_by_instances_whose_first_update_failed() -> None:
    yard = Yard()
    static = ("10.0.1.200", "10.0.1.201")
    plan = yard.plan(deployment(group(instances=2, static=static)))
    create = next(number for number, stage in enumerate(plan.stages) if stage.id == "create")
    yard.live(plan, sum(len(unit.steps) for stage in plan.stages[: create + 1] for unit in stage.units))
    before = {row.owner: row.address for row in yard.addresses.values()}
    assert len(before) == 2
    yard.deploy(deployment(group(instances=2, static=static[::-1])))
    assert {row.owner: row.address for row in yard.addresses.values()} == before


def test_replacing_one_static_address_touches_its_instance_alone() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=2, static=("10.0.1.200", "10.0.1.201"))))
    plan = yard.deploy(deployment(group(instances=2, static=("10.0.1.202", "10.0.1.201"))))
    assert (plan.counts["recreate"], plan.counts["unchanged"]) == (1, 1)
    assert set(ips(yard).values()) == {"10.0.1.201", "10.0.1.202"}


def test_static_addresses_in_several_azs_choose_the_less_filled_one() -> None:
    shared = Network("a", "manual", (subnet(1, "z1", "z2"),))
    yard = Yard(cloud=cloud(shared))
    static = ("10.0.1.200", "10.0.1.201", "10.0.1.202", "10.0.1.203")
    yard.deploy(deployment(group(instances=4, azs=("z1", "z2"), static=static)))
    assert sorted(row.az for row in yard.instances.values()) == ["z1", "z1", "z2", "z2"]


def test_several_static_networks_are_paired_by_az() -> None:
    nets = [Network(name, "manual", (subnet(n, "z1"), subnet(n + 1, "z2"))) for name, n in (("a", 1), ("b", 3))]
    yard = Yard(cloud=cloud(*nets))
    wanted = group(
        instances=2,
        azs=("z1", "z2"),
        networks=(
            GroupNetwork("a", ("10.0.1.200", "10.0.2.200"), ("dns", "gateway")),
            GroupNetwork("b", ("10.0.4.200", "10.0.3.200")),
        ),
    )
    yard.deploy(deployment(wanted))
    assert ips(yard, "a") == {"web/0": "10.0.1.200", "web/1": "10.0.2.200"}
    assert ips(yard, "b") == {"web/0": "10.0.3.200", "web/1": "10.0.4.200"}
    assert yard.deploy(deployment(wanted)).counts["unchanged"] == 2


def test_static_networks_that_do_not_match_in_azs_are_refused() -> None:
    nets = [Network(name, "manual", (subnet(n, "z1"), subnet(n + 1, "z2"))) for name, n in (("a", 1), ("b", 3))]
    wanted = group(
        instances=2,
        azs=("z1", "z2"),
        networks=(
            GroupNetwork("a", ("10.0.1.200", "10.0.2.200"), ("dns", "gateway")),
            GroupNetwork("b", ("10.0.3.200", "10.0.3.201")),
        ),
    )
    error = refused(Yard(cloud=cloud(*nets)), wanted)
    assert error.code == 150002


@pytest.mark.parametrize(
    ("static", "code"),
    [("10.0.1.50", 150002), ("10.9.9.9", 130012), ("10.0.2.200", 150007), ("10.0.1.7", 130013)],
)
def test_a_static_address_that_cannot_be_had_is_refused_by_name(static: str, code: int) -> None:
    nets = (subnet(1, "z1", reserved=(("10.0.1.7", "10.0.1.9"),)), subnet(2, "z2"))
    error = refused(Yard(cloud=cloud(Network("a", "manual", nets))), group(static=(static,)))
    assert error.code == code
    assert f"'{static}'" in error.message
    assert "/instance_groups/name=web/networks/name=a" in error.place.path


def test_a_static_address_of_another_deployment_is_refused_with_its_owner() -> None:
    yard = Yard()
    yard.addresses["10.0.1.200"] = AddressRow(address="10.0.1.200", network="a", deployment="other", owner="them")
    error = refused(yard, group(static=("10.0.1.200",)))
    assert error.code == 130008
    assert "'them'" in error.message and "'other'" in error.message


def test_two_groups_cannot_have_the_same_static_address() -> None:
    error = refused(Yard(), group(static=("10.0.1.200",)), group("db", static=("10.0.1.200",)))
    assert error.code == 130008
    assert "'db'" in error.message


def test_a_static_address_goes_from_a_group_that_goes_to_one_that_comes() -> None:
    yard = Yard()
    yard.deploy(deployment(group("old", static=("10.0.1.200",))))
    plan = yard.deploy(deployment(group("new", static=("10.0.1.200",))))
    assert ips(yard) == {"new/0": "10.0.1.200"}
    create = next(stage for stage in plan.stages if stage.id == "create")
    assert "delete" in create.needs


def test_a_static_address_of_surplus_is_free_before_another_group_takes_it() -> None:
    yard = Yard()
    yard.deploy(deployment(group("old", instances=2, static=("10.0.1.200", "10.0.1.201"))))
    wanted = (group("old", static=("10.0.1.200",)), group("new", static=("10.0.1.201",)))
    plan = yard.deploy(deployment(*wanted))
    assert ips(yard) == {"old/0": "10.0.1.200", "new/0": "10.0.1.201"}
    assert next(stage for stage in plan.stages if stage.id == "create").needs == ("delete",)


def test_dynamic_networks_have_no_address_and_take_the_subnet_of_the_az() -> None:
    subnets = (Subnet(azs=("z1",), cloud_properties={"n": 1}), Subnet(azs=("z2",), dns=("1.1.1.1",)))
    yard = Yard(cloud=cloud(Network("a", "dynamic", subnets)))
    yard.deploy(deployment(group(azs=("z2",))))
    (row,) = yard.instances.values()
    assert row.applied
    settings = {"type": "dynamic", "cloud_properties": {}, "default": ["dns", "gateway"], "dns": ["1.1.1.1"]}
    assert row.applied.vm.networks == {"a": settings}
    assert yard.addresses == {}
    assert refused(yard, group(azs=("z3",))).code == 140030


def test_vip_addresses_are_asked_for_or_taken_from_the_subnets() -> None:
    vip = Network("v", "vip", (Subnet(azs=("z1",), static=(("203.0.113.5", "203.0.113.6"),)),))
    yard = Yard(cloud=cloud(Network("a", "manual", (subnet(1, "z1"),)), vip))
    wanted = group(instances=2, networks=(A, GroupNetwork("v")))
    yard.deploy(deployment(wanted))
    assert ips(yard, "v") == {"web/0": "203.0.113.5", "web/1": "203.0.113.6"}
    assert yard.deploy(deployment(wanted)).counts["unchanged"] == 2
    assert refused(yard, group(instances=3, networks=(A, GroupNetwork("v")))).code == 130011
    asked = Yard(cloud=cloud(Network("a", "manual", (subnet(1, "z1"),)), Network("v", "vip", (Subnet(),))))
    asked.deploy(deployment(group(networks=(A, GroupNetwork("v", ("198.51.100.7",))))))
    (row,) = asked.instances.values()
    assert row.applied
    assert row.applied.vm.networks["v"] == {"type": "vip", "ip": "198.51.100.7", "cloud_properties": {}}


def test_settings_are_as_a_cpi_reads_them() -> None:
    net = subnet(1, "z1", cloud_properties={"name": "br0"})
    yard = Yard(cloud=cloud(Network("a", "manual", (net,))))
    yard.deploy(deployment(group(networks=(GroupNetwork("a", (), ("gateway", "dns"), "nic1"),))))
    (row,) = yard.instances.values()
    assert row.applied
    assert row.applied.vm.networks["a"] == {
        "type": "manual",
        "ip": "10.0.1.2",
        "prefix": "32",
        "netmask": "255.255.255.0",
        "gateway": "10.0.1.1",
        "dns": ["10.0.0.53"],
        "default": ["dns", "gateway"],
        "nic_group": "nic1",
        "cloud_properties": {"name": "br0"},
    }
