from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from director.adapters.memory.guest import Guest
from director.model.actions import (
    Apply,
    BeginInstance,
    Drain,
    FinishInstance,
    Prepare,
    RunErrand,
    RunScript,
    Start,
    Stop,
    Watch,
)
from director.model.errors import AgentError, AgentTimeout, DirectorError
from director.model.instance import DiskSpec
from director.model.rows import CompiledPackageRow, InstanceRow
from director.ports.store import Changes
from tests.unit.director.steps.bench import NETWORKS, Bench, instance_spec


class StockGuest(Guest):
    """Knows nothing of our extensions."""

    uploads: list[dict[str, Any]]

    def _info(self) -> dict[str, Any]:
        return {"api_version": 1}

    def _upload_blob(self, blob: dict[str, Any]) -> str:
        self.uploads = [*getattr(self, "uploads", []), blob]
        return blob["blob_id"]


async def compiled(bench: Bench) -> None:
    row = CompiledPackageRow(
        name="nginx",
        fingerprint="f-nginx",
        stemcell="debian-12/1",
        dependency_key="[]",
        build=4,
        digest="sha1:aa;sha256:bb",
        blob_id="nginx-blob",
    )
    await bench.store.commit(Changes(put=[row]))


async def midstate(bench: Bench) -> str:
    row = await bench.store.get(InstanceRow, "i1")
    assert row is not None
    return row.midstate


async def test_apply_spec_on_the_wire(bench: Bench) -> None:
    await bench.boot()
    await compiled(bench)
    await bench.do(Apply(spec=instance_spec(disk=DiskSpec(2048))))
    assert bench.guest().spec == {
        "deployment": "web",
        "job": {
            "name": "web",
            "template": "web",
            "version": "1.2",
            "templates": [{"name": "web", "version": "1.2", "sha1": "sha256:job", "blobstore_id": "job-web"}],
        },
        "index": 0,
        "name": "web",
        "id": "i1",
        "az": "z1",
        "bootstrap": True,
        "lifecycle": "service",
        "networks": NETWORKS,
        "packages": {
            "nginx": {
                "name": "nginx",
                "version": "f-nginx.4",
                "sha1": "sha1:aa;sha256:bb",
                "blobstore_id": "nginx-blob",
                "signed_url": "memory://GET/nginx-blob",
            }
        },
        "configuration_hash": "hash",
        "template_hashes": {"web": "h"},
        "persistent_disk": 2048,
        "dns_domain_name": "bosh",
        "rendered_templates_archive": {
            "blobstore_id": "templates",
            "sha1": "sha256:0",
            "signed_url": "memory://GET/templates",
        },
    }
    assert bench.told == ["configuring jobs"]
    assert await midstate(bench) == "applied"


async def test_a_stemcell_without_signed_urls_gets_none(bench: Bench) -> None:
    await bench.boot(stemcell_api=2)
    await compiled(bench)
    await bench.do(Apply(spec=instance_spec()))
    assert "signed_url" not in str(bench.guest().spec)


async def test_no_jobs(bench: Bench) -> None:
    await bench.boot()
    await bench.do(Apply(spec=instance_spec(jobs=(), packages=(), templates_blob="")))
    spec = bench.guest().spec
    assert spec["job"] is None
    assert "rendered_templates_archive" not in spec


async def test_a_package_that_is_not_compiled(bench: Bench) -> None:
    await bench.boot()
    with pytest.raises(DirectorError, match="'nginx/f-nginx' is not compiled for 'debian-12/1'"):
        await bench.do(Apply(spec=instance_spec()))


async def test_the_stock_agent_gets_templates_as_a_message(bench: Bench) -> None:
    vm = await bench.boot()
    await compiled(bench)
    stock = StockGuest(bench.cloud.inventory.vms[vm.cid], bench.blobs.receive)
    bench.agents._guests[f"/{vm.cid}"] = stock
    await bench.do(Prepare(spec=instance_spec()))
    assert [base64.b64decode(one["payload"]) for one in stock.uploads] == [b"templates"]
    assert stock.uploads[0]["blob_id"] == "templates"
    assert stock.uploads[0]["checksum"] == f"sha1:{hashlib.sha1(b'templates').hexdigest()}"
    assert await midstate(bench) == "prepared"


async def test_too_much_for_a_message(bench: Bench) -> None:
    vm = await bench.boot()
    await compiled(bench)
    bench.agents._guests[f"/{vm.cid}"] = StockGuest(bench.cloud.inventory.vms[vm.cid], bench.blobs.receive)
    await bench.blobs.put_bytes(b"x" * 900_000, blob_id="templates")
    with pytest.raises(DirectorError, match="900000 bytes"):
        await bench.do(Apply(spec=instance_spec()))


async def test_begin_and_finish(bench: Bench) -> None:
    spec = instance_spec(id="i2", index=3)
    await bench.do(BeginInstance(spec=spec, variable_set=5))
    row = await bench.store.get(InstanceRow, "i2")
    assert row is not None
    assert (row.dirty, row.applied, row.index, row.az, row.variable_set) == (True, None, 3, "z1", 5)
    await bench.do(FinishInstance(spec=spec, variable_set=5))
    row = await bench.store.get(InstanceRow, "i2")
    assert row is not None and (row.dirty, row.applied, row.midstate) == (False, spec, "")


async def test_begin_keeps_what_an_interrupted_update_reached(bench: Bench) -> None:
    await bench.boot()
    await bench.do(Stop(instance_id="i1"))
    await bench.do(BeginInstance(spec=instance_spec()))
    row = await bench.store.get(InstanceRow, "i1")
    assert row is not None and (row.midstate, row.agent_id) == ("stopped", "a1")


@pytest.mark.parametrize("script", ["pre-start", "post-start", "pre-stop", "post-stop", "post-deploy"])
async def test_scripts(bench: Bench, script: str) -> None:
    await bench.boot()
    await bench.do(RunScript(instance_id="i1", script=script, env={"A": "b"}))
    assert bench.guest().did == [f"run_script {script}"]
    assert bench.told == [f"executing {script}"]


async def test_a_failing_script_stops_the_task_unless_tolerated(bench: Bench) -> None:
    await bench.boot()
    failed = AgentError("1 of 1 pre-stop scripts failed", agent_id="a1", method="run_script")
    bench.agents.script.fail("run_script", failed)
    with pytest.raises(AgentError, match="pre-stop scripts failed"):
        await bench.do(RunScript(instance_id="i1", script="pre-stop"))
    bench.agents.script.fail("run_script", failed)
    await bench.do(RunScript(instance_id="i1", script="pre-stop", tolerate=True))
    assert "is passed over: 1 of 1 pre-stop scripts failed" in await bench.output("debug")


async def test_no_vm(bench: Bench) -> None:
    await bench.store.commit(Changes(put=[InstanceRow(id="i1", deployment="web", group="web", index=2)]))
    with pytest.raises(DirectorError, match=r"'web/i1 \(2\)' has no VM"):
        await bench.do(Stop(instance_id="i1"))
    await bench.do(Stop(instance_id="i1", tolerate=True))
    await bench.do(Drain(instance_id="i1", mode="shutdown", tolerate=True))


async def test_drain_waits_as_long_as_it_is_told(bench: Bench) -> None:
    await bench.boot()
    guest = bench.guest()
    guest._drain = lambda *_: 12  # type: ignore[method-assign,assignment]
    before = bench.clock.now()
    await bench.do(Drain(instance_id="i1", mode="shutdown"))
    assert bench.clock.now() - before == 12
    assert await midstate(bench) == "drained"


async def test_drain_for_an_update_gets_the_new_spec(bench: Bench) -> None:
    await bench.boot()
    await compiled(bench)
    given: list[Any] = []
    bench.guest()._drain = lambda *one: given.append(one) or 0  # type: ignore[method-assign,assignment,func-returns-value]
    await bench.do(Drain(instance_id="i1", mode="update", spec=instance_spec()))
    assert given[0][0] == "update" and given[0][1]["configuration_hash"] == "hash"


async def test_stop_goes_on_after_five_minutes(bench: Bench) -> None:
    await bench.boot()
    late = AgentTimeout("'stop' of agent 'a1' did not end within 300 seconds", agent_id="a1", method="stop")
    bench.agents.script.fail("stop", late)
    await bench.do(Stop(instance_id="i1"))
    assert await midstate(bench) == "stopped"
    gone = AgentTimeout("Timed out sending 'stop' to agent 'a1' after 45 seconds", agent_id="a1", method="stop")
    bench.agents.script.fail("stop", gone)
    with pytest.raises(AgentTimeout):
        await bench.do(Stop(instance_id="i1"), "t2/stop")


async def test_watch_first_looks_after_low(bench: Bench) -> None:
    await bench.boot()
    await bench.do(Start(instance_id="i1"))
    before = bench.clock.now()
    await bench.do(Watch(instance_id="i1", low=5000, high=30000))
    assert bench.clock.now() - before == 5
    before = bench.clock.now()
    await bench.do(Watch(instance_id="i1", low=None, high=30000))
    assert bench.clock.now() - before == 30


async def test_watch_until_running(bench: Bench) -> None:
    await bench.boot()
    guest = bench.guest()
    looks: list[float] = []
    before = bench.clock.now()

    def state(*_: object) -> dict[str, str]:
        looks.append(round(bench.clock.now() - before, 3))
        return {"job_state": "running" if len(looks) == 6 else "starting"}

    guest._get_state = state  # type: ignore[method-assign]
    await bench.do(Watch(instance_id="i1", low=1000, high=30000))
    assert looks == [1, 1.2, 1.5, 2, 3, 4]


async def test_watch_names_what_does_not_run(bench: Bench) -> None:
    await bench.boot()
    processes = [
        {"name": "nginx", "state": "failing"},
        {"name": "ok", "state": "running"},
        {"name": "db", "state": "starting"},
    ]
    bench.guest()._get_state = lambda *_: {"job_state": "failing", "processes": processes}  # type: ignore[method-assign]
    before = bench.clock.now()
    with pytest.raises(DirectorError) as caught:
        await bench.do(Watch(instance_id="i1", low=1000, high=10000))
    assert caught.value.code == 400007
    assert caught.value.message == ("'web/i1 (0)' is not running after update. Review logs for failed jobs: nginx, db")
    assert bench.clock.now() - before == 10


async def test_watch_of_a_silent_agent_ends(bench: Bench) -> None:
    await bench.boot()
    bench.agents.silent.add("a1")
    with pytest.raises(DirectorError, match=r"is not running after update\.$"):
        await bench.do(Watch(instance_id="i1", low=1000, high=10000))


async def test_errand(bench: Bench) -> None:
    await bench.boot()
    outcome = await bench.do(RunErrand(instance_id="i1", group="web", errand="smoke", job="smoke"))
    assert outcome.result == {"exit_code": 0}
    assert await bench.output("result") == (
        '{"instance":{"group":"web","id":"i1"},"errand_name":"smoke","exit_code":0,"stdout":"smoke\\n","stderr":"",'
        '"logs":{"blobstore_id":null,"sha1":null}}\n'
    )
