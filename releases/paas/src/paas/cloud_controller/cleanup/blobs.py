"""Removes blobs, by jobs: the blobstore may be away when what they belong to goes."""

from __future__ import annotations

from paas.cloud_controller.jobs.job import Done, Job, Outcome, Work
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.platform import Platform
from paas.database.transaction import Transaction

AT_ONCE = 200


async def remove_blobs(db: Transaction, keys: list[str], seconds: float = 0) -> None:
    """Once this transaction is committed, after so many seconds."""
    for begin in range(0, len(keys), AT_ONCE):
        await enqueue(db, "blob.delete", payload={"blobs": keys[begin : begin + AT_ONCE]}, seconds=seconds)


async def removed(platform: Platform, job: Job) -> Outcome:
    """The job ``blob.delete``; those that are gone already do not matter."""
    for key in job.payload["blobs"]:
        await platform.blobs.delete(key)
    return Done()


WORKS: dict[str, Work] = {"blob.delete": removed}
