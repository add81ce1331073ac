from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from director.adapters.memory.inventory import Stemcell
from director.adapters.store.sql import open_store
from director.model.rows import JobRow, ReleaseRow, StemcellRow
from director.ports.store import Changes
from tests.unit.director.steps.bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = await open_store(":memory:")
    bench = Bench(store, tmp_path)
    bench.cloud.inventory.stemcells["stemcell-0"] = Stemcell("stemcell-0", "s")
    stemcell = StemcellRow(id=1, name="s", version="1", operating_system="debian-12", cid="stemcell-0", api_version=3)
    job = JobRow("web", "f-job", "1.2", "sha256:job", "job-web", {}, ("nginx",))
    await store.commit(Changes(put=[stemcell, ReleaseRow(name="r", version="1", jobs=(job,))]))
    await bench.blobs.put_bytes(b"templates", blob_id="templates")
    yield bench
    await bench.agents.close()
    await bench.log.flush()
    await store.close()
