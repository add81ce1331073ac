"""How patient the health monitor is, and how much it may do. Defaults are the public monitor's where it has the setting."""

from __future__ import annotations

from msgspec import Struct


class HealthSettings(Struct, frozen=True):
    """Seconds, but for the counts.

    ``agent_timeout``: silence after which an agent is suspected. ``settle``: for how long a suspect waits before it is mended, as others that
    died with it may have been heard a little later, and many at once are a meltdown. ``rogue_agent_alert``: how long an agent that is nobody's may speak before
    it is told of. ``minimum_down_jobs``, ``percent_threshold``, ``time_threshold``: a deployment is in meltdown when so many of its instances,
    and such a part of them, were silent within that time. ``grace``: after the director's start, and after the bus was away, nothing is
    mended for so long. ``silent_vms``: how long a VM that its cloud still has may be silent before it is made anew all the same (0: for
    ever). ``repairs``, ``repairs_in_total``: how many instances are made anew within an hour, in one deployment and in all.
    """

    enabled: bool = True
    interval: float = 10
    agent_timeout: float = 60
    settle: float = 15
    rogue_agent_alert: float = 120
    minimum_down_jobs: int = 5
    percent_threshold: float = 0.2
    time_threshold: float = 600
    grace: float = 90
    silent_vms: float = 600
    repairs: int = 20
    repairs_in_total: int = 60
    clean_up: float = 300
