"""``python3 -m paas.blobstore.sync --config FILE``: fetches from the peers what this node lacks, again and again.

A blob is never changed once it is there, but for caches of buildpacks, which may be old: so a name that is present is enough. What was deleted
while this node was away comes back here, and is gone for good when it is deleted again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from pathlib import Path

import httpx2
import msgspec
import structlog

from paas.blobs.errors import BlobError
from paas.blobs.key import checked_key
from paas.blobs.transfer import Transfer
from paas.blobstore.config import Config
from paas.serve.process import run

log = structlog.get_logger("blobstore")
AT_ONCE = 4


class Entry(msgspec.Struct, frozen=True):
    """A line of a listing."""

    name: str
    type: str


async def main(config: Config, stop: asyncio.Event) -> None:
    """Until told to end."""
    context: ssl.SSLContext | bool = ssl.create_default_context(cafile=config.ca) if config.ca else True
    auth = (config.user, config.password)
    async with (
        Transfer(config.ca, auth) as transfer,
        httpx2.AsyncClient(verify=context, auth=auth, timeout=30, trust_env=False) as client,
    ):
        while not stop.is_set():
            for peer in config.peers:
                try:
                    await sync(Path(config.root), peer.rstrip("/"), client, transfer)
                except (httpx2.HTTPError, msgspec.MsgspecError, BlobError, OSError) as error:
                    # it may be away; what it has is asked for again
                    log.warning("blobstore_sync", peer=peer, error=str(error) or type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(config.sync_seconds):
                    await stop.wait()


async def sync(root: Path, peer: str, client: httpx2.AsyncClient, transfer: Transfer) -> int:
    """Fetch what `peer` has and `root` lacks; how many that were."""
    missing = [
        key
        for kind in await listed(client, f"{peer}/list/", "directory")
        for name in await listed(client, f"{peer}/list/{kind}/", "file")
        if not (root / "blobs" / (key := f"{kind}/{name}")).exists()
    ]
    room = asyncio.Semaphore(AT_ONCE)

    async def one(key: str) -> None:
        async with room:
            await transfer.download(f"{peer}/rw/{checked_key(key)}", root / "blobs" / key, name=key)

    done = await asyncio.gather(*(one(key) for key in missing), return_exceptions=True)
    failed = [error for error in done if isinstance(error, BaseException)]
    if missing:
        log.info("blobstore_synced", peer=peer, fetched=len(missing) - len(failed), failed=len(failed))
    if failed:
        raise failed[0]
    return len(missing)


async def listed(client: httpx2.AsyncClient, url: str, type: str) -> list[str]:
    """Names of this type."""
    answer = await client.get(url)
    if answer.status_code == 404:
        return []
    answer.raise_for_status()
    return [one.name for one in msgspec.json.decode(answer.content, type=list[Entry]) if one.type == type]


if __name__ == "__main__":
    sys.exit(run("blobstore.sync", Config, main))
