"""One script of every job, in parallel: pre-start, post-start, pre-stop and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import AgentError, ArgumentError
from agent.process.script import Script

if TYPE_CHECKING:
    from agent.tasks.call import Call
    from agent.vm import Vm


def run_in_all_jobs(vm: Vm, call: Call, name: str, env: dict[str, str]) -> None:
    """Run bin/<name> of each job that has one. AgentError counts and names those that failed."""
    if not name or "/" in name or name.startswith("."):
        raise ArgumentError(f"run_script: {name!r:.60} is not the name of a script")
    scripts: dict[str, Script] = {}
    for job in vm.spec.current.jobs:
        path = vm.layout.jobs / job.name / "bin" / name
        if path.exists():
            logs = vm.layout.sys_log / job.name
            scripts[job.name] = Script(
                call.run_folder / job.name,
                [str(path)],
                env=env,
                stdout=logs / f"{name}.stdout.log",
                stderr=logs / f"{name}.stderr.log",
            )
    for script in scripts.values():
        script.ensure_started()
    passed: list[str] = []
    failed: list[str] = []
    for job, script in scripts.items():
        (passed if script.wait() == 0 else failed).append(job)
    if failed:
        text = f"{len(failed)} of {len(scripts)} {name} scripts failed. Failed Jobs: {', '.join(failed)}."
        raise AgentError(text + (f" Successful Jobs: {', '.join(passed)}." if passed else ""))
