"""Waiting for agents in a small world: when anybody looks, what is told, and how much that costs."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace as vary

import pytest
from msgspec.structs import replace

from director.model.actions import WaitAgent
from director.model.errors import AgentTimeout
from director.model.rows import VmRow
from director.ports.agents import Sighting
from director.ports.cloud import VmStatus
from director.ports.store import Changes
from director.steps.boot_watch import BootWatch
from director.steps.console import opened, tail
from director.steps.registry import load
from director.steps.step import Intent
from tests.unit.director.steps.bench import Bench

ABSENT = Sighting(there=False)


async def dark(bench: Bench, shown: VmStatus, seen: Sighting = ABSENT, agent_id: str = "a1") -> VmRow:
    """A VM whose agent never speaks, as cloud and bus see it."""
    vm = await bench.boot(agent_id)
    bench.cloud.inventory.vms[vm.cid].shown = shown
    bench.agents.silent.add(agent_id)
    bench.agents.seen[agent_id] = seen
    return vm


async def failure(bench: Bench) -> tuple[str, float]:
    """How the wait ends, and after how long."""
    began = bench.clock.now()
    with pytest.raises(AgentTimeout) as caught:
        await bench.do(WaitAgent(agent_id="a1"))
    assert caught.value.code == 450002
    return caught.value.description, bench.clock.now() - began


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.vary(agent_wait_timeout=600)
    return bench


async def test_nobody_looks_at_a_vm_that_comes_in_time(bench: Bench) -> None:
    await bench.boot()
    await bench.do(WaitAgent(agent_id="a1"))
    assert bench.cloud.script.calls["vm_status"] == 0
    assert bench.told == []


@pytest.mark.parametrize(
    ("shown", "seen", "seconds", "story"),
    [
        (VmStatus(power="off", addresses=()), ABSENT, 60, "does not power it on.*Look at it in the cloud: quota"),
        (VmStatus(power="on", addresses=(), boot="1"), ABSENT, 240, "no address of it was seen.*DHCP or the config drive"),
        (VmStatus(power="on", addresses=("10.0.0.9",), boot="1"), ABSENT, 300,
         r"has not come to the bus.*; its address is 10.0.0.9\. Check that the VM reaches nats://h:4222 .* clock"),
        (VmStatus(power="on", addresses=("10.0.0.9",), boot="1"), Sighting(False, "bad certificate", 2e9), 300,
         r"The bus turned it away \(bad certificate\)"),
        (VmStatus(power="on", addresses=("10.0.0.9",), boot="1"), Sighting(there=True), 150,
         "connected to the bus, but does not answer.*agent's log"),
    ],
)  # fmt: skip
async def test_the_first_silent_phase_ends_the_wait(
    bench: Bench, shown: VmStatus, seen: Sighting, seconds: float, story: str
) -> None:
    vm = await dark(bench, shown, seen)
    text, took = await failure(bench)
    assert seconds <= took <= seconds + 40  # this clock goes on with every ping and every pause
    assert text.startswith(f"Timed out pinging VM '{vm.cid}' with agent 'a1' after {took:.0f} seconds: ")
    assert re.search(story, text), text
    assert len(bench.told) == 1
    assert 5 < bench.cloud.script.calls["vm_status"] < 40


async def test_a_vm_that_goes_down_ends_the_wait_at_once_with_its_last_words(bench: Bench) -> None:
    lines = [f"line {number}" for number in range(30)]
    console = "\x1b[0;32m" + "\r\n".join([*lines, "password=hunter2hunter2", "Out of memory", ""])
    await dark(bench, VmStatus(power="off", addresses=(), boot="1", detail="SHUTOFF", console=console))
    text, took = await failure(bench)
    assert took < 40
    assert "it went down again. The cloud says: SHUTOFF. Its console shows why" in text
    _, _, end = text.partition("\nThe end of its console:\n")
    assert end.splitlines()[-2:] == ["  password=<redacted>", "  Out of memory"]
    assert len(end.splitlines()) == 20


async def test_a_vm_that_somebody_deletes(bench: Bench) -> None:
    vm = await dark(bench, VmStatus(power="on"))
    del bench.cloud.inventory.vms[vm.cid]
    text, took = await failure(bench)
    assert took < 40
    assert "the cloud has it no longer" in text


async def test_a_stock_cpi_costs_no_call_and_all_patience(bench: Bench) -> None:
    await dark(bench, VmStatus())
    bench.cloud._can_find = False
    text, took = await failure(bench)
    assert 600 <= took < 640
    assert "after 600 seconds: nobody tells how far it came" in text
    assert bench.cloud.script.calls["find"] == 0


async def test_a_cloud_that_cannot_tell_just_now_ends_nothing(bench: Bench) -> None:
    await dark(bench, VmStatus(power="on", addresses=(), boot="1"))
    for number in range(1, 200):
        bench.cloud.script.fail("vm_status", bench.cloud.refused("vm_status"), nth=number)
    _, took = await failure(bench)
    assert took >= 600


async def test_an_agent_that_speaks_late_ends_the_wait(bench: Bench) -> None:
    vm = await dark(bench, VmStatus(power="on", addresses=(), boot="1"))

    async def wake() -> None:
        until = bench.clock.now() + 100
        while bench.clock.now() < until:
            await asyncio.sleep(0)
        bench.cloud.inventory.vms[vm.cid].shown = None
        bench.agents.silent.clear()

    woken = asyncio.create_task(wake())
    await bench.do(WaitAgent(agent_id="a1"))
    await woken
    row = await bench.store.get(VmRow, "a1")
    assert row is not None and row.ready
    assert bench.told[0] == "powered on, waiting for an address"


async def test_many_late_vms_are_looked_at_together(bench: Bench) -> None:
    rows = [await dark(bench, VmStatus(power="on", addresses=(), boot="1"))]
    inventory = bench.cloud.inventory
    for number in range(2, 40):
        networks = {"default": {"type": "manual", "ip": f"10.0.0.{100 + number}"}}
        made = await bench.cloud.create_vm(
            f"a{number}", "stemcell-0", {}, networks, [], {}, key=f"key-a{number}", stemcell_api=3
        )
        inventory.vms[made.cid].shown = rows[0] and inventory.vms[rows[0].cid].shown
        rows.append(replace(rows[0], agent_id=f"a{number}", object_key=f"key-a{number}", cid=made.cid))
        bench.agents.silent.add(f"a{number}")
        bench.agents.seen[f"a{number}"] = ABSENT
    await bench.store.commit(Changes(put=rows))
    boots = BootWatch()
    waits = [load_wait(bench, row.agent_id, boots) for row in rows]
    ends = await asyncio.gather(*waits, return_exceptions=True)
    assert all(isinstance(end, AgentTimeout) for end in ends)
    looks = bench.cloud.script.calls["vm_status"] - len(rows)  # each console is asked for once
    assert looks < 80, "a look at all takes one call"


async def load_wait(bench: Bench, agent_id: str, boots: BootWatch) -> None:
    step = load(WaitAgent(agent_id=agent_id).step("s", "t"))
    await step.run(vary(bench.io(), boots=boots), Intent())


def test_what_is_late_is_learned(bench: Bench) -> None:
    boots, limits = BootWatch(), bench.site.boot_limits
    row = VmRow(agent_id="a", object_key="k", deployment="d", cid="c", stemcell=("s", "1"))
    assert boots.first_look(row, limits) == 10
    boots.took(row, 2)
    assert boots.first_look(row, limits) == 10
    boots.took(row, 16)
    assert boots.first_look(row, limits) == 24
    boots.took(row, 90)
    assert boots.first_look(row, limits) == 30, "half of the shortest limit"
    assert boots.first_look(replace(row, stemcell=("s", "2")), limits) == 10


def test_consoles_are_shown_without_secrets() -> None:
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"
    text = f"[1.0] a\n{pem}\ncurl https://me:pw1@host/x\nApi-Key: abcdef\n{'A' * 60}\nmine is vYx7\nAuthorization: Bearer t0ken\nlast"
    shown = "\n".join(tail(text, frozenset({"vYx7"})))
    for secret in ("MIIEow", "pw1", "abcdef", "AAAA", "vYx7", "t0ken"):
        assert secret not in shown
    assert shown.splitlines()[-1] == "last"
    assert opened({"a": "((x))", "b": ["keep"]}, {"a": "opened", "b": ["keep"]}) == {"opened"}
