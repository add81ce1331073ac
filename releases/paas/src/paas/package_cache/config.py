"""The configuration of the package cache."""

from __future__ import annotations

import msgspec

from paas.serve.http import Listen


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`root` has the folders ``simple``, ``npm`` and ``gems``; `run` is for the pid file. `seeds`: trees whose files are put in at each start."""

    listen: Listen
    root: str
    run: str
    log: str
    nginx: str = "nginx"
    seeds: list[str] = []
