"""The director's clouds: its port on top of the CPI clients."""

from __future__ import annotations

from director.adapters.cloud.clouds import CpiClouds
from director.adapters.cloud.spec import CpiSpec

__all__ = ["CpiClouds", "CpiSpec"]
