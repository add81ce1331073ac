"""Parts of rows, for listings: what is not named here is skipped unread, which matters where a row holds a manifest or a whole spec.

Briefs are found and got like the rows that they are ``OF``; they cannot be written.
"""

from __future__ import annotations

from msgspec import Struct, field

from director.model.row import Row
from director.model.rows import DeploymentRow, InstanceRow, Task, VmRow


class Addressed(Struct, frozen=True):
    """An instance's or a VM's settings on one network."""

    ip: str | None = None


class PlannedVm(Struct, frozen=True):
    """Of an applied spec's VM."""

    networks: dict[str, Addressed] = field(default_factory=dict[str, Addressed])


class AppliedBrief(Struct, frozen=True):
    """Of an applied spec."""

    vm: PlannedVm


class DeploymentBrief(Row, frozen=True, kw_only=True):
    """A deployment without its manifest."""

    OF = DeploymentRow
    WITHOUT = ("manifest", "links")

    name: str
    cloud_config_ids: tuple[int, ...] = ()
    releases: tuple[tuple[str, str], ...] = ()
    stemcells: tuple[tuple[str, str], ...] = ()
    teams: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.name


class InstanceBrief(Row, frozen=True, kw_only=True):
    """An instance without its spec."""

    OF = InstanceRow
    WITHOUT = ("applied.jobs", "applied.packages", "applied.template_hashes")

    id: str
    deployment: str
    group: str
    index: int
    az: str = ""
    lifecycle: str = "service"
    state: str = "started"
    ignore: bool = False
    agent_id: str = ""
    applied: AppliedBrief | None = None

    @property
    def key(self) -> str:
        return self.id


class VmBrief(Row, frozen=True, kw_only=True):
    """A VM without what it was made with."""

    OF = VmRow
    WITHOUT = ("cloud_properties", "env")

    agent_id: str
    instance_id: str = ""
    cid: str = ""
    networks: dict[str, Addressed] = field(default_factory=dict[str, Addressed])
    created_at: float | None = None
    permanent_credentials: bool = False

    @property
    def key(self) -> str:
        return self.agent_id


class TaskBrief(Row, frozen=True, kw_only=True):
    """A task without its request."""

    OF = Task
    WITHOUT = ("request",)

    id: int
    type: str
    description: str
    state: str
    deployment: str | None = None
    user: str = "admin"
    context_id: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    result: str | None = None

    @property
    def key(self) -> str:
        return f"{self.id:012d}"


BRIEFS: tuple[type[Row], ...] = (DeploymentBrief, InstanceBrief, VmBrief, TaskBrief)
