"""What a step is: it says what it intends, does it, and knows how to find out what became of it after a crash.

The engine commits ``intend`` before it calls ``run``, and commits ``run``'s outcome in one transaction with the journal's result.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from director.model.actions import Action
from director.model.boot import BootLimits
from director.model.deployment import Document
from director.model.rows import JournalEntry
from director.ports.agents import Agents
from director.ports.blobs import Blobs
from director.ports.clock import Clock
from director.ports.cloud import Clouds
from director.ports.secrets import Secrets
from director.ports.store import Changes, Store
from director.ports.task_log import TaskLog
from director.steps.boot_watch import BootWatch
from director.steps.found import Found, Question

A = TypeVar("A", bound=Action)
T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """Facts of this director that steps hand to clouds and agents."""

    name: str
    uuid: str
    mbus: str
    agent_env: Document = field(default_factory=dict)  # agent.env.bosh of director.yml
    agent_wait_timeout: float = 600
    max_vm_create_tries: int = 5
    trusted_certs: str = ""
    keep_unreachable_vms: bool = False
    boot: BootLimits | None = None  # those that follow from agent_wait_timeout
    rotate_bootstrap_identities: bool = True
    dns_domain: str = "bosh"
    ntp: tuple[str, ...] = ()

    @property
    def boot_limits(self) -> BootLimits:
        """How long a VM may spend in each phase of its boot."""
        return self.boot or BootLimits.usual(self.agent_wait_timeout)


@dataclass(frozen=True)
class Io:
    """A step's hands. ``call_key`` is unique to this step of this task and the same after a restart."""

    store: Store
    clouds: Clouds
    agents: Agents
    blobs: Blobs
    secrets: Secrets
    clock: Clock
    log: TaskLog
    site: Site
    fence: int
    call_key: str
    boots: BootWatch = field(default_factory=BootWatch, kw_only=True)
    found: Found = field(default_factory=Found, kw_only=True)

    def status(self, text: str) -> None:
        """An in_progress line of the unit's progress, e.g. ``executing pre-start`` (the engine replaces this)."""

    async def wait(self, waiting: Coroutine[Any, Any, T]) -> T:
        """What ``waiting`` returns. It changes nothing outside, and is torn off when the task is to stop (the engine replaces this)."""
        return await waiting


@dataclass(frozen=True)
class Intent:
    """What is committed before the effect: rows, the key stamped on what is created, and data that recovery needs."""

    object_key: str = ""
    changes: Changes = field(default_factory=Changes)
    data: Document = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What is committed after the effect, together with the journal's result."""

    changes: Changes = field(default_factory=Changes)
    result: Any = None


@dataclass(frozen=True)
class Adopt:
    """The effect took place; this is its outcome."""

    outcome: Outcome


@dataclass(frozen=True)
class Repeat:
    """The effect did not take place, or doing it again is harmless."""


@dataclass(frozen=True)
class Unknown:
    """Nobody can tell (a CPI without ``find``): never repeated silently; told to the operator as a possible orphan. ``changes`` list it, and
    are committed with the step's failure."""

    message: str
    changes: Changes = field(default_factory=Changes)


Recovery = Adopt | Repeat | Unknown


class StepRun(Generic[A]):
    """Base of the steps: one subclass per kind, in a file of that name."""

    kind: ClassVar[str]
    status: ClassVar[str] = ""  # in_progress text shown while it runs

    def __init__(self, args: A) -> None:
        self.args = args

    async def intend(self, io: Io) -> Intent:
        """Looks, changes nothing outside; the returned rows and data are committed before `run`."""
        return Intent()

    async def run(self, io: Io, intent: Intent) -> Outcome:
        """The effect."""
        raise NotImplementedError

    @property
    def made_under(self) -> Question | None:
        """By which question `recover` learns what became of a creation; None where it needs none. Recovery asks those of many steps at once."""
        return None

    async def recover(self, io: Io, entry: JournalEntry) -> Recovery:
        """After a crash between intent and result: ask the cloud or the agent what became of it."""
        return Repeat()

    def leaves(self, error: Exception) -> bool:
        """Whether a failed `run` left something that `tidy` has to see to."""
        return False

    async def tidy(self, io: Io) -> Changes:
        """After a failure that `leaves` something, and again after a crash in here: what it returns is committed with the failure."""
        return Changes()
