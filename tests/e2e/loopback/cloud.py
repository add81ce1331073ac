"""The dummy cloud of a loopback world, seen from a test: its configuration, its one-shot CPI and its records."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
WITNESS = REPOSITORY / "tests" / "e2e" / "witness"
sys.path.append(str(WITNESS))

import dummy_cpi  # noqa: E402  the CPI is a program; its modules lie beside it
import dummy_vm  # noqa: E402
from dummy_cloud import Settings  # noqa: E402

OWN_AGENT = [sys.executable, "-m", "agent", "run", "--base", "{base}", "--platform", "plain", "--supervisor", "none"]


def own_agent() -> list[str]:
    """Our agent's command line, or what `MERISTEM_DUMMY_AGENT` says instead (`{base}` and `{config}` are filled in)."""
    return shlex.split(os.environ.get("MERISTEM_DUMMY_AGENT", "")) or list(OWN_AGENT)


def stock_agent() -> list[str]:
    """The stock agent's command line on its dummy platform; empty when `BOSH_AGENT_BIN` names none."""
    program = os.environ.get("BOSH_AGENT_BIN", "")
    return [program, "-P", "dummy", "-M", "dummy", "-b", "{base}", "-C", "{config}"] if program else []


@dataclass
class DummyCloud:
    """A state directory, the CPI executable for it, and what tests ask of it."""

    state: Path
    executable: Path

    @classmethod
    def build(cls, directory: Path, mbus: str, agent: list[str], **more: Any) -> DummyCloud:
        """Write configuration and executable below ``directory``; ``more`` are further fields of `Settings`."""
        state = directory / "cloud"
        state.mkdir(parents=True)
        settings = Settings(state=state, mbus=mbus, agent=agent, environment={"PYTHONPATH": str(REPOSITORY)}, **more)
        return cls(state, dummy_cpi.wrapper(directory / "cpi", settings.save(directory / "cpi.json")))

    def call(self, method: str, *arguments: Any, **context: Any) -> Any:
        """One call of the executable, as a director makes it; an error answer raises AssertionError."""
        request = {
            "method": method,
            "arguments": list(arguments),
            "context": {"director_uuid": "test", **context},
            "api_version": 2,
        }
        done = subprocess.run(
            [str(self.executable)],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=60,
            env={"PATH": "/usr/bin:/bin"},
        )
        assert done.stdout, done.stderr
        answer = json.loads(done.stdout)
        assert answer["error"] is None, answer["error"]
        return answer["result"]

    def calls(self) -> list[dict[str, Any]]:
        """Every call so far, in order of their ends."""
        log = self.state / "calls.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def counts(self) -> Counter[str]:
        return Counter(row["method"] for row in self.calls())

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """The live records of a kind: `vms`, `disks`, `stemcells`, `snapshots`."""
        return [json.loads(path.read_text()) for path in sorted((self.state / kind).glob("[!.]*.json"))]

    def vm_of(self, agent_id: str) -> dict[str, Any]:
        return next(row for row in self.rows("vms") if row["agent_id"] == agent_id)

    def kill_agent(self, cid: str) -> None:
        """The VM's processes die behind everybody's back; the record stays (an agent that answers no more)."""
        dummy_vm.stop(json.loads((self.state / "vms" / f"{cid}.json").read_text())["process"])

    def lose_vm(self, cid: str) -> None:
        """The VM vanishes from the cloud without a delete_vm."""
        record = self.state / "vms" / f"{cid}.json"
        process = json.loads(record.read_text())["process"]
        record.unlink()  # first: a director that misses the agent deletes the VM itself
        dummy_vm.stop(process)

    def plant_fault(
        self, method: str, *, seconds: float = 0, error: dict[str, Any] | None = None, times: int = 1
    ) -> None:
        """The next ``times`` calls of a method pause, then fail with ``error`` {type, message, ok_to_retry} if given."""
        path = self.state / "faults" / f"{method}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"seconds": seconds, "error": error, "times": times}))

    def agent_logs(self, lines: int = 60) -> str:
        """The ends of all agents' logs, for a failure's message."""
        paths = sorted((self.state / "vm").glob("*/agent.log"))
        return "\n".join(
            f"--- {path}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) for path in paths
        )

    def close(self) -> None:
        """Stop every process this cloud started."""
        for row in self.rows("vms"):
            dummy_vm.stop(row["process"])
