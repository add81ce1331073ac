"""Whether VMs that vanish are made anew without being asked: the one switch for all deployments."""

from __future__ import annotations

from director.service.house import House

KEY = "resurrection_paused"


async def resurrection_paused(house: House) -> bool:
    """False until somebody paused it."""
    return await house.setting(KEY, "false") == "true"


async def pause_resurrection(house: House, paused: bool) -> None:
    """Takes effect at once."""
    await house.keep(KEY, "true" if paused else "false")
