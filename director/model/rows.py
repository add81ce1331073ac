"""What the store keeps: one struct per table row, each with a ``key`` unique in its table.

``INDEXED`` names the fields by which rows are searched (columns of their own); the rest is the row's body. Times are epoch seconds.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import field

from director.model.bus_rows import BusAgentRow as BusAgentRow
from director.model.bus_rows import BusNodeRow as BusNodeRow
from director.model.bus_rows import BusRow as BusRow
from director.model.deployment import Document
from director.model.durations import DurationRow as DurationRow
from director.model.instance import InstanceSpec
from director.model.possible_orphans import PossibleOrphanRow as PossibleOrphanRow
from director.model.row import Row
from director.model.uploads import CompiledPackageRow as CompiledPackageRow
from director.model.uploads import JobRow as JobRow
from director.model.uploads import PackageRow as PackageRow
from director.model.uploads import ReleaseRow as ReleaseRow
from director.model.uploads import StemcellRow as StemcellRow
from director.model.uploads import compiled_key as compiled_key


class Task(Row, frozen=True, kw_only=True):
    """A task of the API. ``request`` is what a director needs to start it again; ``plan_digest`` is set once a plan is stored."""

    TABLE: ClassVar[str] = "tasks"
    INDEXED: ClassVar[tuple[str, ...]] = ("state", "type", "deployment", "context_id")

    id: int
    type: str
    description: str
    state: str = "queued"  # queued processing cancelling done error cancelled timeout
    deployment: str | None = None
    user: str = "admin"
    context_id: str = ""
    created_at: float = 0
    started_at: float | None = None
    finished_at: float | None = None
    result: str | None = None
    request: Document = field(default_factory=dict)
    teams: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.id:012d}"


class PlanRow(Row, frozen=True, kw_only=True):
    """The stored plan of a task: msgspec JSON of `director.model.plan.Plan`."""

    TABLE: ClassVar[str] = "plans"

    task_id: int
    digest: str
    text: str

    @property
    def key(self) -> str:
        return f"{self.task_id:012d}"


class JournalEntry(Row, frozen=True, kw_only=True):
    """One try of one step: state ``intent``, then ``done`` (effect and its rows committed together), ``failed``, or ``repeated`` (it did not
    take place: the next attempt does it).

    ``object_key`` is the caller-chosen key stamped on what the step creates; ``data`` is what recovery needs, ``result`` what the step returned.
    ``settled``: closed by asking what became of it, so its times do not tell how long it took.
    """

    TABLE: ClassVar[str] = "journal"
    INDEXED: ClassVar[tuple[str, ...]] = ("task_id", "state")

    task_id: int
    step_id: str
    attempt: int
    state: str
    kind: str
    object_key: str = ""
    data: Document = field(default_factory=dict)
    result: Any = None
    error: str = ""
    fence: int = 0
    intended_at: float = 0
    ended_at: float | None = None
    settled: bool = False

    @property
    def key(self) -> str:
        return f"{self.task_id:012d}/{self.step_id}/{self.attempt:04d}"


class ConfigRow(Row, frozen=True, kw_only=True):
    """A version of a named config; deletes are soft."""

    TABLE: ClassVar[str] = "configs"
    INDEXED: ClassVar[tuple[str, ...]] = ("type", "name", "deleted")

    id: int
    type: str
    name: str
    content: str
    created_at: float
    deleted: bool = False
    team: str | None = None

    @property
    def key(self) -> str:
        return f"{self.id:012d}"


class DeploymentRow(Row, frozen=True, kw_only=True):
    """A deployment: manifest text as uploaded, and what it was resolved to at the last successful deploy."""

    TABLE: ClassVar[str] = "deployments"

    name: str
    manifest: str | None = None
    cloud_config_ids: tuple[int, ...] = ()
    runtime_config_ids: tuple[int, ...] = ()
    releases: tuple[tuple[str, str], ...] = ()
    stemcells: tuple[tuple[str, str], ...] = ()
    teams: tuple[str, ...] = ()
    variable_set: int = 0
    links: Document = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    errand_groups: dict[str, tuple[str, ...]] = field(default_factory=dict)  # group → its jobs

    @property
    def key(self) -> str:
        return self.name


class InstanceRow(Row, frozen=True, kw_only=True):
    """An instance. ``applied`` is the spec last applied with success; ``dirty`` while an update is unfinished.

    ``midstate`` is what recovery and the next plan must know of an interrupted update: '' or drained, stopped, detached, prepared, applied.
    """

    TABLE: ClassVar[str] = "instances"
    INDEXED: ClassVar[tuple[str, ...]] = ("deployment", "group")

    id: str
    deployment: str
    group: str
    index: int
    az: str = ""
    bootstrap: bool = False
    lifecycle: str = "service"
    state: str = "started"  # wanted: started stopped detached
    ignore: bool = False
    agent_id: str = ""  # of the active VM; empty when it has none
    applied: InstanceSpec | None = None
    dirty: bool = False
    midstate: str = ""
    variable_set: int = 0

    @property
    def key(self) -> str:
        return self.id

    @property
    def name(self) -> str:
        """``group/uuid``, as shown to users."""
        return f"{self.group}/{self.id}"


class VmRow(Row, frozen=True, kw_only=True):
    """A VM. The row is committed *before* create_vm with ``cid`` empty; ``object_key`` is stamped on the cloud's object. One that is not
    ``active`` stands by for its instance, or (``orphaned_at``) was its VM once: then ``instance_name`` and ``az`` tell whose it was.
    """

    TABLE: ClassVar[str] = "vms"
    INDEXED: ClassVar[tuple[str, ...]] = ("deployment", "instance_id", "cid")

    agent_id: str
    object_key: str
    deployment: str
    instance_id: str = ""
    cid: str = ""
    cpi: str = ""
    purpose: str = "instance"  # instance, compilation
    active: bool = True
    stemcell: tuple[str, str] = ("", "")
    stemcell_api: int = 1
    cloud_properties: Document = field(default_factory=dict)
    env: Document = field(default_factory=dict)
    networks: Document = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    created_at: float | None = None
    permanent_credentials: bool = False
    ready: bool = False  # the agent has answered
    orphaned_at: float | None = None
    unreachable_at: float | None = None  # its agent never spoke, and it is kept to be looked at
    instance_name: str = ""
    az: str = ""

    @property
    def key(self) -> str:
        return self.agent_id

    @property
    def is_left(self) -> bool:
        """Whether it is nobody's, and waits for a clean-up."""
        return self.orphaned_at is not None or self.unreachable_at is not None

    @property
    def owner(self) -> str:
        """Under which its addresses are reserved: the instance, but for a VM that is nobody's or not yet anybody's."""
        return self.instance_id if self.instance_id and self.active else self.agent_id


class DiskRow(Row, frozen=True, kw_only=True):
    """A persistent disk, committed before create_disk with ``cid`` empty. ``orphaned_at`` set: kept for the operator, owned by nobody."""

    TABLE: ClassVar[str] = "disks"
    INDEXED: ClassVar[tuple[str, ...]] = ("deployment", "instance_id", "cid")

    object_key: str
    deployment: str
    instance_id: str = ""
    instance_name: str = ""
    cid: str = ""
    cpi: str = ""
    az: str = ""
    size: int = 0
    name: str = ""
    cloud_properties: Document = field(default_factory=dict)
    active: bool = False  # the one mounted at /var/vcap/store
    attached_to: str = ""  # VM cid, empty when detached
    hint: Any = None
    orphaned_at: float | None = None

    @property
    def key(self) -> str:
        return self.object_key


class AddressRow(Row, frozen=True, kw_only=True):
    """An address of a manual or vip network, held by an instance or (purpose compilation) by an agent id."""

    TABLE: ClassVar[str] = "addresses"
    INDEXED: ClassVar[tuple[str, ...]] = ("deployment", "owner")

    address: str
    network: str
    deployment: str
    owner: str
    static: bool = False

    @property
    def key(self) -> str:
        return self.address


class VariableRow(Row, frozen=True, kw_only=True):
    """One version of a variable; ``sealed`` is the encrypted JSON of its value."""

    TABLE: ClassVar[str] = "variables"
    INDEXED: ClassVar[tuple[str, ...]] = ("name",)

    id: str
    name: str  # absolute: /director/deployment/name
    type: str
    sealed: str
    created_at: float
    digest: str = ""  # keyed digest of the value, safe to compare

    @property
    def key(self) -> str:
        return self.id


class VariableSetRow(Row, frozen=True, kw_only=True):
    """The variable versions that one deploy pinned: absolute name → variable id."""

    TABLE: ClassVar[str] = "variable_sets"
    INDEXED: ClassVar[tuple[str, ...]] = ("deployment",)

    id: int
    deployment: str
    pins: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.id:012d}"


class EventRow(Row, frozen=True, kw_only=True):
    """An audit event (GET /events)."""

    TABLE: ClassVar[str] = "events"
    INDEXED: ClassVar[tuple[str, ...]] = (
        "deployment",
        "task",
        "object_type",
        "user",
        "action",
        "instance",
        "object_name",
    )

    id: int
    timestamp: float
    user: str
    action: str
    object_type: str
    object_name: str | None = None
    parent_id: int | None = None
    error: str | None = None
    task: str | None = None
    deployment: str | None = None
    instance: str | None = None
    context: Document = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.id:012d}"


class SettingRow(Row, frozen=True, kw_only=True):
    """A fact about this installation, such as its uuid."""

    TABLE: ClassVar[str] = "settings"

    name: str
    value: str

    @property
    def key(self) -> str:
        return self.name


ROWS: tuple[type[Row], ...] = (
    Task,
    PlanRow,
    JournalEntry,
    ConfigRow,
    DeploymentRow,
    InstanceRow,
    VmRow,
    DiskRow,
    AddressRow,
    ReleaseRow,
    CompiledPackageRow,
    StemcellRow,
    VariableRow,
    VariableSetRow,
    EventRow,
    SettingRow,
    BusRow,
    BusAgentRow,
    BusNodeRow,
    DurationRow,
    PossibleOrphanRow,
)
