"""The blobstore from a component's side: blobs by key, on each of its nodes, and signed addresses for who has no password."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from paas.blobs.errors import BlobError, BlobStoreAwayError, NoBlobError
from paas.blobs.key import checked_key
from paas.blobs.signature import checked_secret, signed_url
from paas.blobs.transfer import Carried, Transfer

log = structlog.get_logger("blobs")
T = TypeVar("T")
RW = "/rw/"
"""Path of requests with user and password."""


class BlobStoreConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the blobstore: addresses of its nodes (``https://HOST:9443``), the user for writing, the secret that addresses are signed with."""

    urls: list[str]
    user: str = ""
    password: str = ""
    secret: str = ""
    ca: str = ""

    def __post_init__(self) -> None:
        if not self.urls:
            raise ValueError("`urls` names no node of the blobstore")
        if self.secret:
            checked_secret(self.secret)


class BlobStore:
    """A client of all nodes: what is put goes to each that is there, what is read comes from the first that has it."""

    def __init__(self, config: BlobStoreConfig) -> None:
        self._secret = config.secret
        self._nodes = [url.rstrip("/") for url in config.urls]
        self._transfer = Transfer(config.ca, (config.user, config.password) if config.user else None)

    async def __aenter__(self) -> BlobStore:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._transfer.close()

    async def put(self, key: str, path: Path) -> Carried:
        """Keep the file at `path` under `key`, in place of what was there; size and digests of what was sent.

        A node that is away gets it later from the others; BlobStoreAwayError when none took it.
        """
        return await self._on_each(
            checked_key(key), lambda node: self._transfer.upload(path, node + RW + key, name=key)
        )

    async def get(self, key: str, path: Path, *, sha256: str = "", sha1: str = "", most: int = 0) -> Carried:
        """Write the blob to `path`, at once when it is whole and has the digest that is given. NoBlobError when no node has it."""
        checked_key(key)
        missing: NoBlobError | None = None
        away: BlobStoreAwayError | None = None
        for node in list(self._nodes):
            try:
                return await self._transfer.download(
                    node + RW + key, path, name=key, sha256=sha256, sha1=sha1, most=most
                )
            except NoBlobError as error:
                missing = error
            except BlobStoreAwayError as error:
                away = error
                self._put_last(node, error)
        # a node that is away may have it
        raise away or missing or NoBlobError(key)

    async def exists(self, key: str) -> bool:
        """Whether a node that answers has the blob."""
        checked_key(key)
        answered = False
        away: BlobStoreAwayError | None = None
        for node in list(self._nodes):
            try:
                if await self._transfer.exists(node + RW + key, name=key):
                    return True
                answered = True
            except BlobStoreAwayError as error:
                away = error
                self._put_last(node, error)
        if away is not None and not answered:
            raise away
        return False

    async def delete(self, key: str) -> bool:
        """Take the blob away; whether there was one."""
        found: list[bool] = []

        async def one(node: str) -> bool:
            found.append(await self._transfer.delete(node + RW + key, name=key))
            return True

        await self._on_each(checked_key(key), one)
        return any(found)

    def signed_get(self, key: str, seconds: int) -> str:
        """An address from which whoever has it can read the blob for so long, on the node that answered last."""
        return signed_url(self._nodes[0], "GET", key, int(time.time()) + seconds, self._need_secret())

    def signed_put(self, key: str, seconds: int) -> str:
        """An address to which whoever has it can write this one blob for so long."""
        return signed_url(self._nodes[0], "PUT", key, int(time.time()) + seconds, self._need_secret())

    def _need_secret(self) -> str:
        if not self._secret:
            raise BlobError("this component has no secret to sign addresses of blobs with: set blobstore.secret")
        return self._secret

    async def _on_each(self, key: str, work: Callable[[str], Awaitable[T]]) -> T:
        done: list[T] = []
        away: BlobStoreAwayError | None = None
        for node in list(self._nodes):
            try:
                done.append(await work(node))
            except BlobStoreAwayError as error:
                away = error
                self._put_last(node, error)
        if done:
            return done[0]
        raise away or BlobStoreAwayError(f"{key}: no node of the blobstore took it")

    def _put_last(self, node: str, error: BlobError) -> None:
        """Signed addresses and reading begin with a node that works."""
        if len(self._nodes) > 1:
            log.warning("blobstore_node", node=node, error=str(error))
            self._nodes.remove(node)
            self._nodes.append(node)
