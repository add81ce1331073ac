"""What every service function works with: the ports, the site and the means to start tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from director.model.rows import SettingRow
from director.ports.agents import Agents
from director.ports.blobs import Blobs
from director.ports.clock import Clock
from director.ports.cloud import Clouds
from director.ports.secrets import Secrets
from director.ports.store import Changes, Store
from director.ports.templates import Templates
from director.steps.step import Site


@dataclass(frozen=True)
class House:
    """The director, wired. ``spool`` holds uploads until their task ends; ``own_addresses`` are never given to VMs; ``fix_stateful``: scan and
    fix mends instances with a persistent disk too."""

    store: Store
    clouds: Clouds
    agents: Agents
    blobs: Blobs
    secrets: Secrets
    templates: Templates
    clock: Clock
    site: Site
    spool: Path
    own_addresses: Sequence[str] = ()
    default_cpi: str = ""
    max_threads: int = 32
    fix_stateful: bool = True
    vm_strategy: str = "delete-create"  # where a manifest gives none
    features: dict[str, bool] = field(default_factory=dict[str, bool])

    async def setting(self, name: str, fallback: str) -> str:
        """A fact of this installation, or the fallback."""
        row = await self.store.get(SettingRow, name)
        return row.value if row is not None else fallback

    async def keep(self, name: str, value: str) -> None:
        """Write a fact of this installation."""
        await self.store.commit(Changes(put=(SettingRow(name=name, value=value),)))
