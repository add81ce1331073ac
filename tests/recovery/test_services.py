"""The director's own handlers, planner and templates in the memory world: a life with the demo release, undisturbed and with deaths."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import re
import shutil
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from director.adapters.templates.erb import ErbTemplates
from director.engine.ports import Ports
from director.engine.tasks import Handler
from director.model.errors import AgentError
from director.model.plan import Step
from director.model.rows import ConfigRow, InstanceRow, ReleaseRow, VmRow
from director.ports.store import Changes
from director.service.handlers import handlers
from director.service.house import House
from meristem.formats.release_dir import Options, create_release
from tests.recovery.world import Job, World, spare

if TYPE_CHECKING:
    from conftest import MakeWorld

    from director.model.rows import Task
    from tests.recovery.world import Watch

ROOT = Path(__file__).parents[2]
MANIFEST = (ROOT / "manifests/local/demo.yml").read_text()
SEEDS = [int(one) for one in os.environ.get("MERISTEM_SEED", "1 2 3").split()]

FIRST = MANIFEST.replace("((demo_password))", "secret").partition("variables:")[0]
SECOND = (
    FIRST.replace("Hello from Meristem", "Good morning")
    .replace("persistent_disk_type: default", "persistent_disk_type: large")
    .replace("- name: web\n  instances: 1", "- name: web\n  instances: 3")
)
THIRD = SECOND.replace("- name: web\n  instances: 3", "- name: web\n  instances: 1").replace(
    "vm_type: default\n  stemcell: default\n  persistent_disk_type",
    "vm_type: large\n  stemcell: default\n  persistent_disk_type",
)


CHANGES = ["create_vm", "create_disk", "attach_disk", "detach_disk", "delete_vm"]
ACTIONS = [
    "apply",
    "stop",
    "start",
    "drain",
    "mount_disk",
    "run_script",
    "compile_package_with_signed_url",
    "unmount_disk",
]


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo release and a stemcell, as tarballs."""
    directory = tmp_path_factory.mktemp("uploads")
    shutil.copytree(
        ROOT / "releases/demo", directory / "demo", ignore=shutil.ignore_patterns(".dev_builds", "dev_releases")
    )
    create_release(directory / "demo", Options(force=True, tarball=directory / "release.tgz"), directory / "cache")
    image = b"an image"
    manifest = {
        "name": "memory-debian-12",
        "version": "1.0",
        "operating_system": "debian-12",
        "sha1": f"sha256:{hashlib.sha256(image).hexdigest()}",
        "bosh_protocol": "1",
        "api_version": 3,
        "stemcell_formats": ["memory"],
        "cloud_properties": {},
    }
    with tarfile.open(directory / "stemcell.tgz", "w:gz") as archive:
        for name, data in (("stemcell.MF", json.dumps(manifest).encode()), ("image", image)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return directory


@pytest.fixture
async def templates() -> AsyncIterator[ErbTemplates]:
    renderer = ErbTemplates()
    yield renderer
    await renderer.close()


def deploying(manifest: str, *, fix: bool = False) -> Job:
    return Job("update_deployment", {"deployment": "demo", "manifest": manifest, "fix": fix}, deployment="demo")


class Story:
    """Tasks one after the other in a world, each by as many directors as it takes."""

    def __init__(self, world: World, templates: ErbTemplates, uploads: Path) -> None:
        self.world = world
        self.templates = templates
        self.uploads = uploads
        self.tasks = 0

    def handlers(self, ports: Ports) -> dict[str, Handler]:
        spool = self.world.directory / "spool"
        spool.mkdir(exist_ok=True)
        house = House(
            store=ports.store,
            clouds=ports.clouds,
            agents=ports.agents,
            blobs=ports.blobs,
            secrets=ports.secrets,
            templates=self.templates,
            clock=ports.clock,
            site=ports.site,
            spool=spool,
        )
        return handlers(house)

    async def attempt(self, job: Job, watch: Watch = spare) -> Task:
        """One task to whatever end."""
        self.tasks += 1
        for _ in range(12):
            task = await self.world.serve(self.tasks, self.handlers, job, watch)
            if task is not None:
                return task
        raise AssertionError("it never ended")

    async def do(self, job: Job, watch: Watch = spare) -> Task:
        """One task to its good end."""
        task = await self.attempt(job, watch)
        output, _ = await self.world.store.read_output(self.tasks, "debug")
        assert task.state == "done", f"{task.result}\n{output.decode()}"
        return task

    async def begin(self, watch: Watch = spare) -> None:
        """Cloud config, stemcell, release, first deploy."""
        config = (ROOT / "manifests/local/cloud-config.yml").read_text()
        await self.world.store.commit(
            Changes(put=[ConfigRow(id=1, type="cloud", name="default", content=config, created_at=1)])
        )
        await self.upload("update_stemcell", "stemcell.tgz", watch)
        await self.upload("update_release", "release.tgz", watch)
        await self.deploy(FIRST, watch)

    async def upload(self, type: str, name: str, watch: Watch = spare) -> None:
        copy = self.world.directory / name
        shutil.copyfile(self.uploads / name, copy)
        await self.do(Job(type, {"path": str(copy)}), watch)

    async def deploy(self, manifest: str, watch: Watch = spare) -> Task:
        return await self.do(deploying(manifest), watch)

    async def delete(self, watch: Watch = spare) -> Task:
        return await self.do(Job("delete_deployment", {"deployment": "demo"}, deployment="demo"), watch)

    async def picture(self) -> str:
        """The world's, without what is random (blob ids of the uploads) or told twice by two directors (audit events)."""
        tables, guests, disks = json.loads(await self.world.picture())
        for name in ("events", "releases"):
            tables.pop(name)
        text = json.dumps([tables, guests, disks], indent=1, sort_keys=True)
        for release in await self.world.store.find(ReleaseRow):
            for one in (*release.jobs, *release.packages):
                text = text.replace(one.blob_id, f"<{one.name}>")
        return re.sub(r'"(digest|sha1)": "[^"]*"', r'"\1": ""', text)


async def tell(make_world: MakeWorld, templates: ErbTemplates, uploads: Path, kind: str = "memory") -> Story:
    world = await make_world(kind)
    world.cloud.inventory.stemcells.clear()
    return Story(world, templates, uploads)


async def test_the_demo_lives_from_its_first_deploy_to_its_end(
    make_world: MakeWorld, templates: ErbTemplates, uploads: Path
) -> None:
    story = await tell(make_world, templates, uploads)
    await story.begin()
    world = story.world
    await world.check()
    assert {vm.metadata["job"] for vm in world.cloud.inventory.vms.values()} == {"store", "web"}
    before = world.calls()
    await story.deploy(FIRST)
    assert world.calls() == before, "an unchanged deploy calls nobody"
    await story.deploy(SECOND)
    await world.check()
    rows = await world.store.find(InstanceRow, deployment="demo", group="web")
    assert len(rows) == 3
    assert [disk.size for disk in world.cloud.inventory.disks.values()] == [256, 512]
    await story.deploy(THIRD)
    await world.check()
    assert len(await world.store.find(VmRow)) == 2
    await story.delete()
    await world.check()
    assert world.cloud.inventory.vms == {}
    assert set(world.cloud.inventory.made.values()) == {1}


@pytest.mark.parametrize("seed", SEEDS)
async def test_whoever_dies_the_demo_ends_the_same(
    make_world: MakeWorld, templates: ErbTemplates, uploads: Path, seed: int
) -> None:
    dice = random.Random(seed)
    deaths: list[str] = []
    left = 0

    async def fate(point: str, step: Step) -> bool:
        nonlocal left
        if left and dice.random() < 0.04:
            left -= 1
            deaths.append(f"{step.id} {point}")
            return True
        return False

    model = await tell(make_world, templates, uploads)
    await model.begin()
    story = await tell(make_world, templates, uploads, dice.choice(["memory", "file"]))
    cloud = story.world.cloud
    for _ in range(dice.randint(0, 3)):
        method = dice.choice(["create_stemcell", *CHANGES])
        dice.choice([cloud.script.lose, cloud.script.fail])(method, cloud.unsettled(method), nth=dice.randint(1, 3))
    left = 2
    await story.begin(fate)
    await story.world.check()
    assert await story.picture() == await model.picture(), deaths
    for manifest in (SECOND, THIRD):
        left = 3
        await model.deploy(manifest)
        await story.deploy(manifest, fate)
        await story.world.check()
        assert await story.picture() == await model.picture(), deaths
    left = 2
    await story.delete(fate)
    await story.world.check()
    assert story.world.cloud.inventory.vms == {}
    print("; ".join(deaths))


@pytest.mark.parametrize("seed", SEEDS)
async def test_after_failures_and_deaths_the_next_deploys_mend_everything(
    make_world: MakeWorld, templates: ErbTemplates, uploads: Path, seed: int
) -> None:
    dice = random.Random(seed)
    story = await tell(make_world, templates, uploads)
    await story.begin()
    world = story.world
    told: list[str] = []

    async def fate(point: str, step: Step) -> bool:
        if dice.random() < 0.02:
            told.append(f"died at {step.id} {point}")
            return True
        return False

    for manifest in (SECOND, THIRD, FIRST):
        for _ in range(dice.randint(1, 3)):
            method = dice.choice([*CHANGES, *ACTIONS])
            told.append(f"{method} fails")
            if method in CHANGES:
                world.cloud.script.fail(method, world.cloud.refused(method), nth=dice.randint(1, 3))
            else:
                error = AgentError(f"{method} failed", agent_id="", method=method)
                world.agents.script.fail(method, error, nth=dice.randint(1, 3))
        fix = False
        for _ in range(8):
            task = await story.attempt(deploying(manifest, fix=fix), fate)
            told.append(f"{task.state} {task.result}")
            # a VM whose deletion took effect and then failed is silent: the operator deploys with --fix
            fix = (task.result or "").startswith("Timed out sending 'get_state'")
            if task.state == "done":
                break
        assert task.state == "done", "; ".join(told)
        await world.check()
    before = world.calls()
    await story.deploy(FIRST)
    assert world.calls() == before, told
    print("; ".join(told))
