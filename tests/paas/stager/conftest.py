"""The place where a module's apps are staged."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.blobs.package_cache import package_cache
from lab.blobs.stack import unpacked
from tests.paas.blobstore.blobstore_node import BlobstoreNode
from tests.paas.bus.nats_server import NatsServer
from tests.paas.package_cache.cache_server import CacheServer
from tests.paas.stager.staging_place import StagingPlace
from tests.paas.warden.own_network import INSIDE, own_network
from tests.paas.warden.warden_process import WardenProcess, warden_directory
from tests.programs import need


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StagingPlace]:
    """With the release's buildpacks and a running stager."""
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    need("runc", "conmon", "iptables", "mkfs.ext4", "tini", "nsenter", "mmdebstrap", "npm", "nginx", "nats-server")
    stack, seed = unpacked(print), package_cache(print)
    directory: Path = tmp_path_factory.mktemp("servers")
    (directory / "cache").mkdir()
    with (
        own_network() as there,
        warden_directory() as wards,
        NatsServer.running(directory) as nats,
        BlobstoreNode.running(directory / "blobs") as blobs,
        CacheServer.running(directory / "cache", [str(seed)], INSIDE) as cache,
    ):
        warden = WardenProcess(wards)
        try:
            asyncio.run(warden.start())
            one = StagingPlace(nats, blobs, cache, warden, stack)
            one.outside = there
            asyncio.run(one.put_buildpacks())
            one.start()
            yield one
            one.stop()
            assert asyncio.run(warden.client.list()) == []
            assert list((one.directory / "data").glob("tasks/*")) == []
        finally:
            warden.remove()
