"""How long it takes to plan a deploy that changes nothing, and that it calls nobody: ``python -m bench.no_op [--profile] [sizes...]``.

The store is SQLite in memory; the world is what a first deploy of the same manifest leaves: instances in three groups and three AZs, two
jobs each, links between the groups (each consumer's link tells of every provider), variables, a persistent disk in one group.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import io
import pstats
import shutil
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from director.adapters.memory.agents import MemoryAgents
from director.adapters.memory.blobs import MemoryBlobs
from director.adapters.memory.clock import VirtualClock
from director.adapters.memory.cloud import MemoryClouds
from director.adapters.secrets.store_secrets import StoreSecrets
from director.adapters.store.sql import open_store
from director.adapters.templates.erb import ErbTemplates
from director.model.rows import (
    AddressRow,
    CompiledPackageRow,
    ConfigRow,
    DeploymentRow,
    DiskRow,
    InstanceRow,
    JobRow,
    PackageRow,
    ReleaseRow,
    Row,
    StemcellRow,
    VmRow,
)
from director.ports.store import Changes
from director.service.deploy import store_blobs
from director.service.house import House
from director.service.planning import Prepared, prepare
from director.service.request import DeployRequest
from director.steps.step import Site

TEMPLATE = """greeting: <%= p('greeting') %>
password: <%= p('password') %>
index: <%= spec.index %>
peers: <%= link('peers').instances.map { |one| one.address }.join(',') %>
"""

CLOUD = {
    "azs": [{"name": f"z{number}"} for number in (1, 2, 3)],
    "vm_types": [{"name": "small", "cloud_properties": {"cpu": 1, "ram": 1024}}],
    "disk_types": [{"name": "small", "disk_size": 1024}],
    "networks": [
        {
            "name": "default",
            "subnets": [
                {
                    "range": f"10.{number}.0.0/20",
                    "gateway": f"10.{number}.0.1",
                    "dns": ["10.0.0.53"],
                    "azs": [f"z{number}"],
                    "reserved": [f"10.{number}.0.2 - 10.{number}.0.20"],
                    "static": [f"10.{number}.15.0 - 10.{number}.15.200"],
                }
                for number in (1, 2, 3)
            ],
        }
    ],
    "compilation": {"workers": 4, "az": "z1", "vm_type": "small", "network": "default"},
}


@dataclass
class Timing:
    """Seconds of the fastest try by the clock and of the processor, and the calls that all tries made."""

    instances: int
    seconds: float
    processor: float
    calls: int


def manifest(instances: int) -> str:
    """Six tenths ``web``, three tenths ``db`` with disks, one tenth ``router``."""
    sizes = {"web": instances * 6 // 10, "db": instances * 3 // 10}
    sizes["router"] = instances - sum(sizes.values())
    jobs = [
        {
            "name": name,
            "release": "bench",
            "properties": {"greeting": f"hello from {name}", "password": "((password))", "list": list(range(20))},
            "consumes": {"peers": {"from": "router-peers"}},
        }
        for name in ("server", "helper")
    ]
    groups = [
        {
            "name": name,
            "instances": size,
            "azs": ["z1", "z2", "z3"],
            "vm_type": "small",
            "stemcell": "default",
            "networks": [{"name": "default"}],
            "jobs": [
                {**job, "provides": {"peers": {"as": f"{name}-peers"} if job["name"] == "server" else "nil"}}
                for job in jobs
            ],
            **({"persistent_disk_type": "small"} if name == "db" else {}),
        }
        for name, size in sizes.items()
    ]
    document = {
        "name": "bench",
        "releases": [{"name": "bench", "version": "1"}],
        "stemcells": [{"alias": "default", "os": "debian-12", "version": "latest"}],
        "update": {"canaries": 1, "max_in_flight": "10%", "canary_watch_time": "1-2", "update_watch_time": "1-2"},
        "instance_groups": groups,
        "variables": [{"name": "password", "type": "password"}],
    }
    return yaml.safe_dump(document, sort_keys=False)


def job_archive() -> bytes:
    """A job's tgz with its one template."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, text in (("monit", ""), ("templates/config.erb", TEMPLATE)):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return raw.getvalue()


async def furnish(house: House) -> None:
    """What was uploaded: a cloud config, a stemcell, a release with two jobs and a compiled package."""
    spec = {
        "templates": {"config.erb": "config/config.yml"},
        "properties": {"greeting": {}, "password": {}, "list": {"default": []}, "port": {"default": 80}},
        "provides": [{"name": "peers", "type": "peers", "properties": ["port"]}],
        "consumes": [{"name": "peers", "type": "peers"}],
    }
    blob, digest = await house.blobs.put_bytes(job_archive())
    jobs = tuple(
        JobRow(name, f"f-{name}", "1", digest, blob, {"name": name, **spec}, ("runtime",))
        for name in ("server", "helper")
    )
    package = PackageRow("runtime", "f-runtime", "1", digest, blob)
    compiled = CompiledPackageRow(
        name="runtime",
        fingerprint="f-runtime",
        stemcell="debian-12/1.0",
        dependency_key="[]",
        build=1,
        digest=digest,
        blob_id=blob,
    )
    stemcell = StemcellRow(id=1, name="s", version="1.0", operating_system="debian-12", cid="s", api_version=3)
    config = ConfigRow(id=1, type="cloud", name="default", content=yaml.safe_dump(CLOUD), created_at=0)
    release = ReleaseRow(name="bench", version="1", jobs=jobs, packages=(package,))
    await house.store.commit(Changes(put=[release, compiled, stemcell, config]))


async def settle(house: House, prepared: Prepared) -> None:
    """The rows that the first deploy leaves when it is done."""
    await store_blobs(house, prepared)
    rows: list[Row] = list(prepared.changes.put)
    saved = next(
        step for stage in prepared.plan.stages for unit in stage.units for step in unit.steps if "row" in step.args
    )
    rows.append(msgspec.convert(saved.args["row"], DeploymentRow, strict=False))
    for spec in prepared.specs:
        agent_id = prepared.agent_ids[spec.id]
        rows.append(
            InstanceRow(
                id=spec.id,
                deployment=spec.deployment,
                group=spec.group,
                index=spec.index,
                az=spec.az,
                bootstrap=spec.bootstrap,
                agent_id=agent_id,
                applied=spec,
                variable_set=saved.args["row"]["variable_set"],
            )
        )
        rows.append(
            VmRow(
                agent_id=agent_id,
                object_key=agent_id,
                deployment=spec.deployment,
                instance_id=spec.id,
                cid=f"vm-{spec.id}",
                stemcell=("s", "1.0"),
                networks=spec.vm.networks,
                cloud_properties=spec.vm.cloud_properties,
                ready=True,
            )
        )
        for network, settings in spec.vm.networks.items():
            rows.append(AddressRow(address=settings["ip"], network=network, deployment=spec.deployment, owner=spec.id))
        if spec.disk is not None:
            rows.append(
                DiskRow(
                    object_key=f"disk-{spec.id}",
                    deployment=spec.deployment,
                    instance_id=spec.id,
                    cid=f"disk-{spec.id}",
                    size=spec.disk.size,
                    name=spec.disk.name,
                    active=True,
                    attached_to=f"vm-{spec.id}",
                )
            )
    await house.store.commit(Changes(put=[one for one in rows if not _placeholder(one)]))


def _placeholder(row: Row) -> bool:
    """The row that lists a deployment from its first try on; the saved one takes its place."""
    return isinstance(row, DeploymentRow) and row.manifest is None


async def _planned(instances: int, directory: Path, tries: int, profile: cProfile.Profile | None) -> Timing:
    """Plan, settle, and plan again ``tries`` times."""
    store = await open_store(":memory:")
    clouds, clock = MemoryClouds(), VirtualClock()
    agents = MemoryAgents(clouds, clock)
    templates = ErbTemplates()
    house = House(
        store=store,
        clouds=clouds,
        agents=agents,
        blobs=MemoryBlobs(directory),
        secrets=StoreSecrets(store, directory / "master.key", "bench"),
        templates=templates,
        clock=clock,
        site=Site(name="bench", uuid="bench", mbus="nats://127.0.0.1"),
        spool=directory,
    )
    try:
        await furnish(house)
        request = DeployRequest("bench", manifest(instances))
        await settle(house, await prepare(house, request, "task/1", ask_agents=False))
        best = processor = float("inf")
        for number in range(tries):
            if profile is not None:
                profile.enable()
            started, worked = time.perf_counter(), time.process_time()
            prepared = await prepare(house, request, f"task/{number + 2}")
            best = min(best, time.perf_counter() - started)
            processor = min(processor, time.process_time() - worked)
            if profile is not None:
                profile.disable()
            if prepared.plan.counts["unchanged"] != instances or prepared.changes.put or prepared.archives:
                raise SystemExit(f"the second deploy is not without changes: {prepared.plan.counts}")
        calls = sum(clouds.default.script.calls.values()) + sum(agents.script.calls.values())
        return Timing(instances, best, processor, calls)
    finally:
        await templates.close()
        await store.close()


async def run(sizes: Sequence[int], tries: int, profile: cProfile.Profile | None) -> list[Timing]:
    """One world per size."""
    timings: list[Timing] = []
    for size in sizes:
        directory = Path(tempfile.mkdtemp(prefix="meristem-bench-"))
        try:
            timings.append(await _planned(size, directory, tries, profile))
        finally:
            shutil.rmtree(directory)
    return timings


def main(words: Sequence[str]) -> None:
    """Print seconds and calls by size, and how the time grows."""
    parser = argparse.ArgumentParser(description="Seconds to plan an unchanged deployment.")
    parser.add_argument("sizes", nargs="*", type=int, default=[1000, 2000])
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    options = parser.parse_args(words)
    profile = cProfile.Profile() if options.profile else None
    timings = asyncio.run(run(options.sizes, options.tries, profile))
    for one in timings:
        print(
            f"{one.instances} instances: {one.seconds:.3f} s ({one.processor:.3f} s of a processor), {one.calls} calls"
        )
    if len(timings) > 1:
        print(f"ratio: {timings[-1].processor / timings[0].processor:.2f}")
    if profile is not None:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main(sys.argv[1:])
