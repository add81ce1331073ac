"""Packet rules as text, addresses and ports: pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paas.containers.protocol import Egress, Port
from paas.warden.addresses import Pool, PoolError, Ports
from paas.warden.rules import Guarded, Policy, RuleError, matches, rules

POOL = Pool("10.254.0.0/24", "wd")
POLICY = Policy("wd", "10.254.0.0/24", [], [Egress(protocol="all", destination="10.0.0.0/8")], accept=True)


def test_a_destination_is_an_address_a_network_or_a_range() -> None:
    assert matches(Egress(destination="10.1.2.3")) == ["-d 10.1.2.3/32 -p tcp"]
    assert matches(Egress(protocol="all", destination="10.1.2.3/8")) == ["-d 10.0.0.0/8"]
    assert matches(Egress(protocol="udp", destination="10.0.0.1-10.0.0.9", ports="53")) == [
        "-m iprange --dst-range 10.0.0.1-10.0.0.9 -p udp -m multiport --dports 53"
    ]


def test_many_ports_are_several_rules() -> None:
    ports = ",".join(str(port) for port in range(1, 15)) + ",20-30,40"
    found = matches(Egress(destination="10.1.2.3", ports=ports))
    assert [one.partition("--dports ")[2].count(",") + 1 for one in found] == [14, 2]
    assert found[1].endswith("--dports 20:30,40")


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (Egress(destination="somewhere"), "'somewhere' is no address"),
        (Egress(destination="::1"), "IPv4 only"),
        (Egress(destination="10.0.0.1", ports="a"), "'a' is no list of ports"),
        (Egress(destination="10.0.0.1", ports="70000"), "'70000' is no list of ports"),
        (Egress(destination="10.0.0.1 -j ACCEPT"), "is no address"),
        (Egress(protocol="icmp", destination="10.0.0.1", ports="1"), "ports go with tcp and udp only"),
    ],
)
def test_a_rule_that_is_none_is_told(rule: Egress, fault: str) -> None:
    with pytest.raises(RuleError, match=fault):
        matches(rule)


def test_other_containers_are_refused_before_any_rule_of_its_own() -> None:
    text = rules(POLICY, [Guarded(5, POOL.link(5), [Egress(protocol="all", destination="0.0.0.0/0")], [])], [])
    lines = text.splitlines()
    assert lines.index("-A wd-forward -i wd+ -d 10.254.0.0/24 -j REJECT") < lines.index("-A wd-forward -i wd5 -j wd-c5")


def test_rules_of_a_container_that_has_gone_are_removed_with_its_chain() -> None:
    one = Guarded(1, POOL.link(1), [], [Port(host_port=61001, container_port=8080)])
    assert "-j DNAT --to-destination 10.254.0.6:8080" in rules(POLICY, [one], [])
    text = rules(POLICY, [], [1])
    assert "DNAT --to" not in text
    assert text.splitlines().count("-X wd-c1") == 1


@given(st.sets(st.integers(0, 63)))
def test_a_free_slot_is_never_a_taken_one(taken: set[int]) -> None:
    pool = Pool("10.254.0.0/24", "wd")
    if len(taken) == pool.size:
        with pytest.raises(PoolError, match="all 64 address pairs"):
            pool.free(taken)
        return
    first = pool.free(taken)
    assert first not in taken
    if len(taken) < 63:
        assert pool.free(taken) != first  # what was given back a moment ago is used last


def test_ports_go_round_and_run_out() -> None:
    ports = Ports(100, 102)
    assert [ports.free(set()) for _ in range(4)] == [100, 101, 102, 100]
    assert ports.free({100, 101}) == 102
    assert ports.free({100}, wish=200) == 200
    with pytest.raises(PoolError, match="all 3 ports"):
        ports.free({100, 101, 102})
    with pytest.raises(PoolError, match="already leads"):
        ports.free({200}, wish=200)
