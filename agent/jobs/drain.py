"""Drain scripts, static and dynamic, of all jobs at once."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import AgentError, Cancelled, Interrupted
from agent.jobs.spec import Spec
from agent.process.script import Phase, Script

if TYPE_CHECKING:
    from agent.tasks.call import Call
    from agent.vm import Vm


def changed_packages(old: Spec, new: Spec) -> list[str]:
    """Names of new or changed packages, sorted. Digests count; signed URLs differ each time."""
    return sorted(
        name for name, entry in new.packages.items() if old.packages.get(name, {}).get("sha1") != entry.get("sha1")
    )


def script_arguments(kind: str, old: Spec, new: Spec | None) -> list[str]:
    """The words a drain script gets: what happens to the job, to its hash, and which packages change."""
    if kind == "shutdown" or new is None:
        return ["job_shutdown", "hash_unchanged"]
    job = "job_changed" if old.jobs else "job_new"
    if not old.configuration_hash:
        digest = "hash_new"
    else:
        digest = "hash_unchanged" if old.configuration_hash == new.configuration_hash else "hash_changed"
    return [job, digest, *changed_packages(old, new)]


def drain(vm: Vm, call: Call, kind: str, new: Spec | None) -> None:
    """Run every job's drain script to its end. AgentError, Cancelled or Interrupted with all jobs concerned."""
    old = vm.spec.current
    env = {"BOSH_JOB_STATE": _state(old)}
    if new is not None:
        env["BOSH_JOB_NEXT_STATE"] = _state(new)
    arguments = script_arguments(kind, old, new)
    threads: list[threading.Thread] = []
    failures: dict[str, AgentError] = {}
    for job in old.jobs:
        path = vm.layout.jobs / job.name / "bin" / "drain"
        if path.exists():
            one = _Drain(call, path, job.name, arguments, env)
            threads.append(threading.Thread(target=one.run, args=(failures,), name=f"drain-{job.name}"))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        text = "; ".join(f"{job}: {error}" for job, error in sorted(failures.items()))
        kinds = {type(error) for error in failures.values()}
        error_type = kinds.pop() if len(kinds) == 1 else AgentError
        raise error_type(f"drain of {len(failures)} of {len(threads)} jobs failed: {text}")


class _Drain:
    """The drain of one job. Each call of its script leaves its exit code and output, so a new agent finds the place."""

    def __init__(self, call: Call, path: Path, job: str, arguments: list[str], env: dict[str, str]) -> None:
        self._call = call
        self._path = path
        self._job = job
        self._arguments = arguments
        self._env = dict(env)

    def run(self, failures: dict[str, AgentError]) -> None:
        try:
            self._run()
        except AgentError as error:
            failures[self._job] = error
        except Exception as error:
            failures[self._job] = AgentError(f"{type(error).__name__}: {error}")

    def _run(self) -> None:
        arguments = self._arguments
        turn = 0
        while True:
            folder = self._call.run_folder / self._job / str(turn)
            answer = self._turn(folder, arguments)
            # Counted from the script's end, also when another agent process saw that end.
            rest = abs(answer) - (time.time() - (folder / "exit").stat().st_mtime)
            if answer and self._call.cancel.wait(rest):
                raise Cancelled("cancelled while waiting")
            if answer >= 0:
                return
            turn += 1
            arguments = ["job_check_status", "hash_unchanged"]
            self._env.pop("BOSH_JOB_NEXT_STATE", None)

    def _turn(self, folder: Path, arguments: list[str]) -> int:
        out = folder / "stdout"
        script = Script(folder, [str(self._path), *arguments], env=self._env, stdout=out, stderr=folder / "stderr")
        if script.phase is Phase.LOST:
            raise Interrupted("the script was cut off by a restart and left no exit code; it is not run a second time")
        script.ensure_started()
        code = script.wait(self._call.cancel)
        if code is None:
            if not self._call.cancel.is_set:
                raise Interrupted("the script was killed from outside and left no exit code")
            script.stop(grace=10)
            raise Cancelled("cancelled")
        said = out.read_text(errors="replace").strip()
        if code != 0:
            raise AgentError(f"the script exited with {code}")
        try:
            return int(said)
        except ValueError:
            raise AgentError(f"the script printed {said[:80]!r}, expected one integer") from None


def _state(spec: Spec) -> str:
    return json.dumps({"persistent_disk": spec.persistent_disk})
