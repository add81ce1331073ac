"""What a health manager is told: the bus, the cloud controller's address, its timings."""

from __future__ import annotations

import msgspec

from paas.bus.client import BusConfig
from paas.database.config import DatabaseConfig
from paas.serve.http import Listen


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; the defaults are those of the health manager of 2014, but for `silence`, which it did not know.

    `lost`: of a DEA without a heartbeat; `silence`: of all DEAs, after which the bus is taken for broken. It must be shorter than `lost`
    by more than the ten seconds between heartbeats: else, when all fall silent, the first is taken for lost before that is seen.
    `desired_lost`: after which what was wanted is trusted no more, and an app that is wanted no more is
    stopped. Crashes: the first `free_crashes` are followed by a restart at once, the others by one after `min_delay`, doubled each time
    up to `max_delay`, give or take `noise`; after `give_up` crashes (0: never) none, until the app changes. Crashes further apart than
    `crashes_apart` are forgotten.
    """

    desired_every: float = 60
    analysis_every: float = 20
    lost: float = 30
    silence: float = 15
    desired_lost: float = 180
    free_crashes: int = 1
    crashes_apart: float = 500
    give_up: int = 4
    min_delay: float = 60
    max_delay: float = 480
    noise: float = 5
    starts_per_second: int = 40


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Of ``paas.health_manager``. `bulk_urls`: base URLs of the cloud controllers, asked in turn; certificates are checked by `ca`.

    With a `database`, of several health managers one acts, that which has the lease of `lease_seconds`; without, each thinks itself
    alone: the cloud controller looks again before it does what it is told.
    """

    nats: BusConfig
    bulk_urls: list[str]
    ca: str = ""
    batch: int = 500
    partition: str = "default"
    timings: Timings = Timings()
    listen: Listen = Listen(port=8444)
    database: DatabaseConfig | None = None
    lease_seconds: float = 10
