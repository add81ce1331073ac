"""Everything of this VM that an action may touch."""

from __future__ import annotations

from collections.abc import Callable

from agent.blobs.store import Blobs
from agent.disks.port import Disks
from agent.jobs.spec import SpecStore
from agent.layout import Layout
from agent.platform.port import Platform
from agent.settings import find
from agent.settings.model import Settings
from agent.shapes import Json
from agent.supervise.port import Supervisor, job_state
from agent.vitals import Vitals

PLATFORMS = ("linux", "plain")
SUPERVISORS = ("monit", "none")


class Vm:
    """The composition of the ports. ``announce(kind, body)`` publishes to hm.agent.<kind>.<agent id>."""

    def __init__(
        self, layout: Layout, settings: Settings, platform: Platform, disks: Disks, supervisor: Supervisor
    ) -> None:
        self.layout = layout
        self.settings = settings
        self.platform = platform
        self.disks = disks
        self.supervisor = supervisor
        self.blobs = Blobs(layout, settings)
        self.spec = SpecStore(layout.spec)
        self.vitals = Vitals(layout)
        self.announce: Callable[[str, Json], None] = lambda _kind, _body: None
        self.state_may_have_changed: Callable[[], None] = lambda: None

    @property
    def job_state(self) -> str:
        """running, stopped, starting, failing or unknown."""
        return job_state(self.supervisor, stopped=self.layout.stopped_marker.exists())


def assemble(layout: Layout, settings: Settings, platform: str, supervisor: str) -> Vm:
    """The VM with the adapters of those names (PLATFORMS, SUPERVISORS)."""
    chosen: Platform
    disks: Disks
    if platform == "plain":
        from agent.disks.plain import PlainDisks
        from agent.platform.plain import Plain

        chosen, disks = Plain(layout), PlainDisks(layout, settings)
    else:
        from agent.disks.linux import LinuxDisks
        from agent.platform.linux import Linux

        chosen, disks = Linux(layout), LinuxDisks(layout, settings)
    watcher: Supervisor
    if supervisor == "none":
        from agent.supervise.none import NoSupervisor

        watcher = NoSupervisor(layout)
    else:
        from agent.supervise.monit import Monit

        watcher = Monit(layout)
    return Vm(layout, settings, chosen, disks, watcher)


def settled(layout: Layout, platform: str, supervisor: str) -> Vm:
    """As assemble, with the settings of this VM."""
    return assemble(layout, find.cached(layout), platform, supervisor)
