"""Steps on nothing but real adapters: a bus with TLS, blobs by signed URL, a one-shot CPI, and an agent in a process of its own."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from director.adapters.blobs import ca as blob_ca
from director.adapters.blobs.folder import FolderBlobs
from director.adapters.blobs.listener import BlobListener
from director.adapters.blobs.signed import Signer, secret_file
from director.adapters.bus import ca
from director.adapters.bus.admission import FileAdmission
from director.adapters.bus.agents import NatsAgents
from director.adapters.bus.connection import BusIdentity
from director.adapters.bus.identities import Identities
from director.adapters.bus.server import NatsServer, ServerPlace
from director.adapters.bus.users import UsersFile
from director.adapters.clock import SystemClock
from director.adapters.cloud.clouds import CpiClouds
from director.adapters.cloud.spec import CpiSpec
from director.adapters.listener import Address
from director.adapters.secrets.store_secrets import StoreSecrets
from director.adapters.store.sql import SqlStore, open_store
from director.adapters.task_log import StoreTaskLog
from director.model.actions import (
    Action,
    Apply,
    BeginInstance,
    CompilePackage,
    CreateVm,
    DeleteVm,
    Drain,
    FinishInstance,
    Prepare,
    RunErrand,
    RunScript,
    Start,
    Stop,
    WaitAgent,
    Watch,
)
from director.model.instance import InstanceSpec, JobSpec, PackageSpec, VmSpec
from director.model.rows import CompiledPackageRow, InstanceRow, JobRow, ReleaseRow, StemcellRow, VmRow
from director.ports.store import Changes
from director.steps.registry import load
from director.steps.step import Io, Outcome, Site
from lab.ports import free_port
from tests.e2e.loopback.archives import tgz
from tests.e2e.loopback.cloud import DummyCloud, own_agent, stock_agent
from tests.programs import need

NETWORKS = {
    "a": {"type": "manual", "ip": "127.77.0.5", "netmask": "255.255.255.0", "prefix": "24", "default": ["gateway"]}
}


PRE_START = b"""#!/bin/bash
cd -P "$(dirname $0)"
base=$PWD
while [ ! -d $base/bosh ]; do base=$(dirname $base); done
echo pre-start >> $base/ran
"""


@dataclass
class SignedSite:
    store: SqlStore
    cloud: DummyCloud
    blobs: FolderBlobs
    ports: dict[str, Any]
    log: StoreTaskLog
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def do(self, action: Action) -> Outcome:
        io = Io(**self.ports, log=self.log, fence=1, call_key=f"t1/{next(self.numbers)}")
        step = load(action.step("s", "t"))
        intent = await step.intend(io)
        await self.store.commit(intent.changes)
        outcome = await step.run(io, intent)
        await self.store.commit(outcome.changes)
        return outcome

    async def debug(self) -> str:
        await self.log.flush()
        return (await self.store.read_output(1, "debug"))[0].decode()


@pytest.fixture(params=["stock", "ours"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SignedSite]:
    need("nats-server")
    agent = stock_agent() if request.param == "stock" else own_agent()
    if not agent:
        pytest.skip("BOSH_AGENT_BIN names no stock agent")
    files = ca.create(tmp_path / "bus", ["127.0.0.1"])
    users = UsersFile(tmp_path / "nats" / "users.json", tmp_path / "nats" / "nats-server.pid")
    users.ensure()
    server = NatsServer(ServerPlace("127.0.0.1", free_port(), tmp_path / "nats", files))
    await server.ensure()
    mbus = f"nats://127.0.0.1:{server.place.port}"
    agents = NatsAgents(
        mbus,
        BusIdentity(files.ca, files.certificate("director"), files.key("director")),
        Identities.load(client_ca=files.ca, client_ca_key=files.ca_key, server_ca=files.ca),
        users=FileAdmission(users),
    )
    await agents.start()
    blob_files = blob_ca.create(tmp_path / "blob-ca", ["127.0.0.1"])
    port = free_port()
    signer = Signer(secret_file(tmp_path / "secret"), f"https://127.0.0.1:{port}")
    # a provider whose folder is empty: only signed URLs lead to blobs, and the CA is told with it
    unusable = {"blobstore_path": str(tmp_path / "nothing-here"), "tls": {"cert": {"ca": blob_files.ca.read_text()}}}
    blobs = FolderBlobs(tmp_path / "blobs", signer, settings=[{"provider": "local", "options": unusable}])
    listener = BlobListener(blobs, signer, Address("127.0.0.1", port, blob_files.certificate, blob_files.key))
    await listener.start()
    cloud = DummyCloud.build(tmp_path / "cloud", mbus, agent)

    async def specs() -> list[CpiSpec]:
        return [CpiSpec("", "dummy", str(cloud.executable))]

    store = await open_store(":memory:")
    clouds = CpiClouds(specs, director_uuid="d", locks=tmp_path)
    clock = SystemClock()
    log = StoreTaskLog(store, 1, clock)
    ports = {
        "store": store,
        "clouds": clouds,
        "agents": agents,
        "blobs": blobs,
        "secrets": StoreSecrets(store, tmp_path / "master.key", "d"),
        "clock": clock,
        "site": Site(name="d", uuid="0d", mbus=mbus, agent_wait_timeout=30),
    }
    yield SignedSite(store, cloud, blobs, ports, log)
    cloud.close()
    await log.flush()
    await clouds.close()
    await listener.stop()
    await agents.close()
    await server.stop()
    await store.close()


async def test_a_package_and_a_job_go_by_signed_urls(site: SignedSite) -> None:
    spec = await furnish(site)
    await site.do(BeginInstance(spec=spec))
    create = CreateVm(
        agent_id="11111111-2222-3333-4444-555555555555",
        object_key="k1",
        deployment="web",
        vm=spec.vm,
        instance_id="i1",
        group="web",
    )
    await site.do(create)
    agent_id = create.agent_id
    partial = {"deployment": "web", "job": {"name": "web"}, "index": 0, "id": "i1", "networks": NETWORKS}
    await site.do(WaitAgent(agent_id=agent_id, spec=partial))
    row = await site.store.get(VmRow, agent_id)
    assert row is not None and row.permanent_credentials
    assert row.networks == NETWORKS

    for name, needs in (("base", ()), ("greet", (("base", "f-base", "[]"),))):
        await site.do(compile_package(site, agent_id, name, needs))
    compiled = await site.store.find(CompiledPackageRow)
    assert sorted(one.name for one in compiled) == ["base", "greet"]
    for one in compiled:
        assert await site.blobs.exists(one.blob_id)

    await site.do(Prepare(spec=spec))
    await site.do(Apply(spec=spec))
    base = Path(site.cloud.vm_of(agent_id)["base"])
    assert (base / "packages/greet/hello").read_text() == "hello from base\n"
    assert (base / "jobs/web/config/web.yml").read_text() == "port: 80\n"
    await site.do(RunScript(instance_id="i1", script="pre-start"))
    assert (base / "ran").read_text() == "pre-start\n"
    await site.do(Start(instance_id="i1"))
    await site.do(Watch(instance_id="i1", low=10, high=20000))
    await site.do(RunErrand(instance_id="i1", group="web", errand="web", job="web"))
    await site.log.flush()
    output, _ = await site.store.read_output(1, "result")
    assert b'"exit_code":0,"stdout":"errand ran\\n"' in output
    await site.do(FinishInstance(spec=spec))
    await site.do(Drain(instance_id="i1", mode="shutdown"))
    await site.do(Stop(instance_id="i1"))
    await site.do(DeleteVm(agent_id=agent_id, release=True))
    assert site.cloud.rows("vms") == []
    debug = await site.debug()
    assert "signature=<redacted>" in debug
    assert "PRIVATE KEY" not in debug
    instance = await site.store.get(InstanceRow, "i1")
    assert instance is not None and instance.agent_id == ""


def compile_package(
    site: SignedSite, agent_id: str, name: str, dependencies: tuple[tuple[str, str, str], ...]
) -> CompilePackage:
    source = (site.blobs.folder / f"source-{name}").read_bytes()
    return CompilePackage(
        agent_id=agent_id,
        release="r",
        name=name,
        version="1",
        fingerprint=f"f-{name}",
        digest=f"sha256:{hashlib.sha256(source).hexdigest()}",
        blob_id=f"source-{name}",
        stemcell="debian-12/1",
        dependency_key="[]" if name == "base" else '[["base","f-base"]]',
        dependencies=dependencies,
    )


async def furnish(site: SignedSite) -> InstanceSpec:
    """A stemcell of api_version 3, two packages in source, one job with its rendered templates."""
    cid = site.cloud.call("create_stemcell", __file__, {})
    stemcell = StemcellRow(id=1, name="s", version="1", operating_system="debian-12", cid=cid, api_version=3)
    base = b'echo "hello from base" > $BOSH_INSTALL_TARGET/text\n'
    greet = b'cp "$(dirname $BOSH_INSTALL_TARGET)/base/text" $BOSH_INSTALL_TARGET/hello\n'
    await site.blobs.put_bytes(tgz({"./packaging": base}), blob_id="source-base")
    await site.blobs.put_bytes(tgz({"./packaging": greet}), blob_id="source-greet")
    job = tgz({"./job.MF": b"name: web\ntemplates: {}\n", "./monit": b""})
    await site.blobs.put_bytes(job, blob_id="job-web")
    scripts = {
        "web/monit": b"",
        "web/config/web.yml": b"port: 80\n",
        "web/bin/pre-start": PRE_START,
        "web/bin/run": b"#!/bin/bash\necho errand ran\n",
    }
    archive = tgz(scripts, frozenset({"web/bin/pre-start", "web/bin/run"}))
    _, digest = await site.blobs.put_bytes(archive, blob_id="99999999-aaaa-4bbb-8ccc-dddddddddddd")
    release = ReleaseRow(
        name="r",
        version="1",
        jobs=(JobRow("web", "f-job", "1", f"sha256:{hashlib.sha256(job).hexdigest()}", "job-web", {}, ("greet",)),),
    )
    await site.store.commit(Changes(put=[stemcell, release]))
    return InstanceSpec(
        deployment="web",
        group="web",
        id="i1",
        index=0,
        az="z1",
        bootstrap=True,
        vm=VmSpec("", "s", "1", "debian-12", networks=NETWORKS),
        jobs=(JobSpec(name="web", release="r", release_version="1", fingerprint="f-job", inputs="x"),),
        packages=(PackageSpec("greet", "f-greet", '[["base","f-base"]]'),),
        configuration_hash="hash",
        templates_blob="99999999-aaaa-4bbb-8ccc-dddddddddddd",
        templates_digest=digest,
    )
