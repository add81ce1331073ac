"""Rows: what was committed is found again, by key and by searched field; a commit stands or falls as one."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from director.model.briefs import DeploymentBrief, InstanceBrief, TaskBrief, VmBrief
from director.model.errors import RowChanged
from director.model.instance import InstanceSpec, JobSpec, VmSpec
from director.model.rows import AddressRow, DeploymentRow, InstanceRow, Task, VmRow
from director.ports.store import Changes, Store


def task(number: int, state: str = "queued", deployment: str | None = None) -> Task:
    return Task(id=number, type="deploy", description=f"task {number}", state=state, deployment=deployment)


async def test_a_row_comes_back_as_it_went_in(store: Store) -> None:
    spec = InstanceSpec(
        deployment="web",
        group="router",
        id="0f",
        index=2,
        az="z1",
        bootstrap=True,
        vm=VmSpec(
            cpi="", stemcell_name="s", stemcell_version="1", stemcell_os="debian-12", env={"a": [1, {"b": None}]}
        ),
        jobs=(JobSpec(name="j", release="r", release_version="1", fingerprint="f", inputs="i", properties={"ü": "ß"}),),
        packages=(),
        tags={"k": "v"},
    )
    row = InstanceRow(id="0f", deployment="web", group="router", index=2, applied=spec, midstate="drained")
    await store.commit(Changes(put=[row]))
    assert await store.get(InstanceRow, "0f") == row
    assert await store.get(InstanceRow, "none") is None
    assert await store.get(VmRow, "0f") is None


async def test_putting_again_replaces_and_deleting_forgets(store: Store) -> None:
    await store.commit(Changes(put=[task(1), task(2)]))
    await store.commit(Changes(put=[task(1, "done")], delete=[(Task, task(2).key), (Task, "never there")]))
    assert await store.find(Task) == [task(1, "done")]
    assert await store.find(Task, state="queued") == []


async def test_find_by_fields_by_any_of_by_null_and_page_by_page(store: Store) -> None:
    states = ["queued", "processing", "done"]
    await store.commit(Changes(put=[task(n, states[n % 3], "web" if n % 2 else None) for n in range(1, 31)]))
    found = await store.find(Task, state=["queued", "processing"], deployment="web", newest_first=True, limit=3)
    assert [one.id for one in found] == [27, 25, 21]
    page = await store.find(
        Task, state=["queued", "processing"], deployment="web", newest_first=True, limit=3, before=found[-1].key
    )
    assert [one.id for one in page] == [19, 15, 13]
    assert [one.id for one in await store.find(Task, deployment=None, limit=2)] == [2, 4]
    assert await store.find(Task, state=[]) == []


async def test_a_field_without_a_column_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="not searched by user"):
        await store.find(Task, user="admin")


async def test_a_commit_that_expected_another_row_changes_nothing(store: Store) -> None:
    await store.commit(Changes(put=[task(1)]))
    stale = Changes(put=[task(2), task(1, "cancelling")], expect=[(Task, task(1).key, task(1, "processing"))])
    with pytest.raises(RowChanged, match="tasks 000000000001"):
        await store.commit(stale)
    assert await store.find(Task) == [task(1)]
    await store.commit(Changes(put=[task(1, "cancelling")], expect=[(Task, task(1).key, task(1))]))
    assert await store.find(Task) == [task(1, "cancelling")]


async def test_of_two_that_claim_one_free_address_one_gets_it(store: Store) -> None:
    def claim(owner: str) -> Changes:
        row = AddressRow(address="10.0.0.9", network="default", deployment="web", owner=owner)
        return Changes(put=[row], expect=[(AddressRow, row.key, None)])

    results = await asyncio.gather(*(store.commit(claim(f"i{n}")) for n in range(8)), return_exceptions=True)
    assert sum(one is None for one in results) == 1
    assert sum(isinstance(one, RowChanged) for one in results) == 7


async def test_a_commit_that_fails_leaves_its_neighbours_in_the_same_batch(store: Store) -> None:
    good = [store.commit(Changes(put=[task(n)])) for n in range(1, 50)]
    bad = store.commit(Changes(put=[task(99)], expect=[(Task, "x", task(5))]))
    results = await asyncio.gather(*good[:20], bad, *good[20:], return_exceptions=True)
    assert sum(one is None for one in results) == 49
    assert [one.id for one in await store.find(Task)] == list(range(1, 50))


async def test_writing_and_deleting_one_key_at_once_is_a_mistake(store: Store) -> None:
    with pytest.raises(ValueError, match="both writes and deletes Task 000000000001"):
        await store.commit(Changes(put=[task(1)], delete=[(Task, task(1).key)]))


async def test_ids_are_given_once(store: Store) -> None:
    ids = await asyncio.gather(*(store.next_id("task") for _ in range(40)))
    assert sorted(ids) == list(range(1, 41))
    assert await store.next_id("event") == 1


async def test_a_brief_is_found_like_its_row_and_cannot_be_written(store: Store) -> None:
    row = VmRow(
        agent_id="a", object_key="a", deployment="web", cid="vm-1", networks={"n": {"ip": "10.0.0.9", "type": "manual"}}
    )
    await store.commit(Changes(put=[row]))
    (brief,) = await store.find(VmBrief, deployment="web", cid="vm-1")
    assert (brief.cid, brief.networks["n"].ip) == ("vm-1", "10.0.0.9")
    assert await store.get(VmBrief, "a") == brief
    with pytest.raises(ValueError, match="part of a row"):
        await store.commit(Changes(put=[brief]))
    assert await store.get(VmRow, "a") == row


async def test_a_brief_is_the_same_whatever_its_row_holds_besides(store: Store) -> None:
    vm = VmSpec(
        cpi="", stemcell_name="s", stemcell_version="1", stemcell_os="debian-12", networks={"n": {"ip": "10.0.0.9"}}
    )
    job = JobSpec(name="j", release="r", release_version="1", fingerprint="f", inputs="i", properties={"ü": '},{"' * 9})
    spec = InstanceSpec(
        deployment="web", group="g", id="1", index=1, az="z1", bootstrap=True, vm=vm, jobs=(job,), packages=()
    )
    rows = [
        InstanceRow(id="0", deployment="web", group="g", index=0),
        InstanceRow(id="1", deployment="web", group="g", index=1, az="z1", agent_id="a", applied=spec),
    ]
    deployments = [DeploymentRow(name="a"), DeploymentRow(name="b", manifest="ß" * 999, releases=(("r", "1"),))]
    await store.commit(Changes(put=[*rows, *deployments, task(7, "done", "web")]))
    bare, full = await store.find(InstanceBrief, deployment="web")
    assert (bare.index, bare.applied) == (0, None)
    assert full.applied is not None and full.applied.vm.networks["n"].ip == "10.0.0.9"
    assert [await store.get(InstanceBrief, one.id) for one in rows] == [bare, full]
    assert [(one.name, one.releases) for one in await store.find(DeploymentBrief)] == [("a", ()), ("b", (("r", "1"),))]
    assert [one.state for one in await store.find(TaskBrief, deployment="web", newest_first=True, limit=1)] == ["done"]
    assert await store.find(InstanceRow, deployment="web") == rows


async def test_ids_in_a_row_belong_to_one_caller(store: Store) -> None:
    firsts = await asyncio.gather(*(store.next_id("event", 5) for _ in range(10)))
    assert sorted(firsts) == list(range(1, 51, 5))
    assert await store.next_id("event") == 51


async def test_many_rows_come_in_order_whatever_is_in_them(store: Store) -> None:
    texts = ['a,b],[{"', "\\", "\u2028 ü \x00", "", ",", "]"]
    rows = [Task(id=n, type="deploy", description=texts[n % len(texts)], deployment="web") for n in range(1, 1201)]
    await store.commit(Changes(put=rows[::-1]))
    assert await store.find(Task, deployment="web") == rows
    assert await store.find(Task, deployment="web", newest_first=True, limit=700) == rows[:499:-1]
    assert await store.find(Task, deployment="none") == []
    large = [msgspec.structs.replace(one, request={"manifest": one.description * 200}) for one in rows]
    await store.commit(Changes(put=large))
    assert await store.find(Task, deployment="web") == large
