"""A director small enough to be killed often: python -m tests.recovery.director_process DIRECTORY.

Its steps append a line to a file: the one effect that a process killed with SIGKILL cannot take back.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, cast

from director.adapters.clock import SystemClock
from director.adapters.store.life import Life
from director.adapters.store.sql import open_store
from director.adapters.task_log import StoreTaskLog
from director.engine.context import TaskContext
from director.engine.ports import Ports
from director.engine.probe import probe_of
from director.engine.tasks import Runner
from director.model.plan import Plan, Stage, Step, Unit
from director.model.rows import JournalEntry, SettingRow, Task
from director.ports.store import Changes
from director.steps.step import Adopt, Intent, Io, Outcome, Recovery, Repeat, Site, StepRun

EFFECTS = "effects"


class Line(StepRun[Any]):
    """Appends its id to the file of effects."""

    kind = "line"

    def __init__(self, step: Step, file: Path) -> None:
        super().__init__(step.args)
        self.id = step.id
        self.file = file

    def _outcome(self) -> Outcome:
        return Outcome(Changes(put=[SettingRow(name=f"made {self.id}", value="")]))

    async def intend(self, io: Io) -> Intent:
        return Intent(object_key=self.id)

    async def run(self, io: Io, intent: Intent) -> Outcome:
        with self.file.open("a") as file:
            file.write(f"{self.id}\n")
        return self._outcome()

    async def recover(self, io: Io, entry: JournalEntry) -> Recovery:
        made = self.file.read_text().split() if self.file.exists() else []
        return Adopt(self._outcome()) if entry.object_key in made else Repeat()


def plan() -> Plan:
    units = tuple(
        Unit(
            id=f"u{number}",
            task=f"unit {number}",
            steps=tuple(Step(id=f"{number}.{part}", kind="line", title=f"line {number}.{part}") for part in range(3)),
        )
        for number in range(4)
    )
    return Plan(deployment="web", stages=(Stage(id="all", title="Writing lines", units=units, width=2),))


async def main(directory: Path) -> None:
    life = Life.take(directory / "director.lock")
    store = await open_store(directory / "director.db")

    async def deploy(context: TaskContext) -> str:
        async def make() -> Plan:
            return plan()

        await context.lock("deployment/web")
        await context.carry_out(make)
        return "resumed" if context.resuming else "undisturbed"

    nothing = cast("Any", None)
    clock = SystemClock()
    runner = Runner(
        Ports(store, nothing, nothing, nothing, nothing, clock, Site(name="d", uuid="u", mbus="")),
        {"deploy": deploy},
        lambda task_id: StoreTaskLog(store, task_id, clock),
        owner=life.owner,
        earlier=life.earlier,
        probe=probe_of(),
        load=lambda step: Line(step, directory / EFFECTS),
    )
    task = await store.get(Task, f"{1:012d}") or await runner.create("deploy", "create deployment", deployment="web")
    await runner.start()
    ended = await runner.wait(task.id)
    await runner.stop()
    await store.close()
    print(f"{ended.state} {ended.result}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
