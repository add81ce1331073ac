"""What a plan was made from, by reference: nothing is computed until somebody wants to seal it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from director.model.deployment import Document
from director.model.rows import ConfigRow, DeploymentRow, ReleaseRow, StemcellRow, VariableRow
from director.plan import seal
from director.plan.packages import Build
from director.plan.place import Placement
from director.plan.seal import Digest, Items
from director.plan.world import World


class Sources(Struct, frozen=True):
    """All that `prepare` has read. ``silent`` and ``unmounted``: what agents said."""

    configs: tuple[ConfigRow, ...]
    deployment: DeploymentRow | None
    releases: tuple[ReleaseRow, ...]
    stemcells: tuple[StemcellRow, ...]
    world: World
    placement: Placement
    links: Mapping[tuple[str, str], Mapping[str, Any]]
    calculated: Mapping[str, Document]
    pins: Mapping[str, str]
    made: tuple[VariableRow, ...]
    builds: tuple[Build, ...]
    silent: frozenset[str]
    unmounted: frozenset[str]

    def items(self, digest: Digest) -> Items:
        """Every one of them with its version or digest."""
        links = sorted(self.links.items())
        return {
            **seal.config_items(self.configs),
            **seal.upload_items(self.releases, self.stemcells, digest),
            **seal.world_items(self.deployment, self.world, digest),
            **seal.place_items(self.placement, links, self.calculated, digest),
            **seal.variable_items(self.pins, self.made),
            **seal.build_items(self.builds),
            **seal.agent_items(self.world, self.silent, self.unmounted),
        }
