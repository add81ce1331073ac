from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from director.adapters.blobs import ca
from director.adapters.blobs.folder import FolderBlobs
from director.adapters.blobs.listener import BlobListener
from director.adapters.blobs.signed import Signer, secret_file
from director.adapters.listener import Address
from lab.ports import free_port


@pytest.fixture(scope="session")
def blob_files(tmp_path_factory: pytest.TempPathFactory) -> ca.ListenerFiles:
    return ca.create(tmp_path_factory.mktemp("ca"), ["127.0.0.1"])


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(secret_file(tmp_path / "secret"), f"https://127.0.0.1:{free_port()}")


@pytest.fixture
def blobs(tmp_path: Path, signer: Signer, blob_files: ca.ListenerFiles) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs", signer, ca=blob_files.ca.read_text())


@pytest.fixture
async def listener(blobs: FolderBlobs, signer: Signer, blob_files: ca.ListenerFiles) -> AsyncIterator[BlobListener]:
    port = int(signer.base_url.rpartition(":")[2])
    listener = BlobListener(blobs, signer, Address("127.0.0.1", port, blob_files.certificate, blob_files.key))
    await listener.start()
    yield listener
    await listener.stop()


@pytest.fixture
async def web(listener: BlobListener, blobs: FolderBlobs) -> AsyncIterator[httpx2.AsyncClient]:
    """Trusts what an agent would: the CA of the agents' settings."""
    trusted = blobs.agent_settings()[0]["options"]["tls"]["cert"]["ca"]
    async with httpx2.AsyncClient(verify=ssl.create_default_context(cadata=trusted), trust_env=False) as client:
        yield client
