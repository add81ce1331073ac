"""What is tried on the bare machine, one scene after the other; the first process there runs `play`."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from lab import traces
from lab.proof import told
from lab.proof.shell import Ran, run

DEMO = Path("/var/lib/meristem/demo")
FIRST = "bin/demo --first"
"""The two small VMs of the first tutorial; the PaaS has tests of its own."""
MEASURES = Path("/var/tmp/demo.json")
TREE = Path("/root/meristem")
LIMITS = {"cold": 720.0, "again": 60.0, "warm": 60.0}
"""Seconds for a run from nothing, one on a running demo, and one after `--down`."""
DIRECTOR_MB, AGENT_MB = 120, 40
PAGES = ("README.md", "docs/tutorial/first-deployment.md")
WHOLE_PAGE = "docs/how-to/deploy-your-own-release.md"
TYPED = ("source ", "meristem ", "bin/demo --inside ")
"""How the lines of pages begin that are tried."""


@dataclass
class Proof:
    """What was measured, and one sentence per thing that is not as it should be."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    load: dict[str, float] = field(default_factory=dict[str, float])
    """The machine's load of the last minute at the end of each run: seconds of a busy machine say little."""
    phases: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    memory_mb: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    left: dict[str, dict[str, list[str]]] = field(default_factory=dict[str, dict[str, list[str]]])
    failures: list[str] = field(default_factory=list[str])

    def check(self, good: bool, sentence: str) -> None:
        """Note the sentence unless it is good."""
        if not good:
            self.failures.append(sentence)
            print(f"### NOT AS IT SHOULD BE: {sentence}", file=sys.stderr, flush=True)

    def timed(self, name: str, ran: Ran) -> None:
        """Keep a run's seconds and hold them against the limit."""
        self.seconds[name] = ran.seconds
        self.load[name] = round(os.getloadavg()[0], 1)
        limit = LIMITS.get(name)
        self.check(limit is None or ran.seconds <= limit, f"{name}: {ran.seconds} s, at most {limit} s wanted")


def play() -> int:
    """All scenes; prints one JSON document and returns 1 if anything was not as it should be."""
    proof = Proof()
    before = traces.look()
    for scene in (_cold, _again, _as_told, _down, _ports_taken, _interrupted, _another_checkout, _lab_lost, _down):
        print(f"\n##### {scene.__name__.strip('_').replace('_', ' ')}", file=sys.stderr, flush=True)
        scene(proof)
        if scene is _down:
            _compare(proof, before)
    print(json.dumps(vars(proof), indent=2), flush=True)
    return 1 if proof.failures else 0


def _demo(proof: Proof, name: str, command: str = FIRST) -> Ran:
    """Run the demo; it must end well and its web front must answer."""
    MEASURES.unlink(missing_ok=True)
    ran = run(f"{command} --json {MEASURES}")
    proof.timed(name, ran)
    proof.check(ran.status == 0, f"{name}: {command} ended with status {ran.status}")
    if MEASURES.is_file():
        measured = json.loads(MEASURES.read_text())
        proof.phases[name] = measured["phases"]
        _answer(proof, name, measured["address"])
        memory = [round(kib / 1024, 1) for kib in [measured["director_kib"], *measured["agents_kib"]]]
        proof.memory_mb[name] = memory
        proof.check(memory[0] <= DIRECTOR_MB, f"{name}: the director uses {memory[0]} MB")
        proof.check(len(memory) == 3, f"{name}: {len(memory) - 1} agents seen, 2 wanted")
        proof.check(all(one <= AGENT_MB for one in memory[1:]), f"{name}: an agent uses {max(memory[1:])} MB")
    return ran


def _answer(proof: Proof, name: str, address: str) -> None:
    where = address.removeprefix("http://")
    proof.check(where.startswith("127.0.0.1:"), f"{name}: {address} is not on 127.0.0.1")
    connection = http.client.HTTPConnection(where, timeout=10)
    try:
        connection.request("GET", "/")
        reply = json.loads(connection.getresponse().read())
        proof.check(reply["store"]["counter"] > 0, f"{name}: the store behind {address} does not count: {reply}")
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        proof.check(False, f"{name}: {address} does not answer: {error}")
    finally:
        connection.close()
    port = where.partition(":")[2]
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    outside = [row[1] for row in listening if row[3] == "0A" and row[1] == f"00000000:{int(port):04X}"]
    proof.check(not outside, f"{name}: port {port} is open to other machines")


def _cold(proof: Proof) -> None:
    ran = _demo(proof, "cold")
    for line in told.to_try(ran.words) or [""]:
        proof.check(bool(line), "cold: the demo names nothing to try")


def _again(proof: Proof) -> None:
    ran = _demo(proof, "again")
    lines = told.to_try(ran.words)
    tried = run("\n".join(lines))
    proof.check(tried.status == 0, f"what the demo tells to try ended with status {tried.status}")


def _as_told(proof: Proof) -> None:
    """The commands of the pages, each page in one shell, without those that begin and end the demo."""
    for page in PAGES:
        lines = [line for line in told.in_page(TREE / page) if line.startswith(TYPED)]
        _try_page(proof, page, lines)
    _try_page(proof, WHOLE_PAGE, told.in_page(TREE / WHOLE_PAGE))


def _try_page(proof: Proof, page: str, lines: list[str]) -> None:
    ran = run("\n".join(lines))
    proof.check(bool(lines) and ran.status == 0, f"the commands of {page} ended with status {ran.status}")


def _down(proof: Proof) -> None:
    for time in ("first", "second"):
        ran = run("bin/demo --down")
        proof.check(ran.status == 0, f"the {time} bin/demo --down ended with status {ran.status}")
    proof.check(not DEMO.exists(), f"{DEMO} is still there after bin/demo --down")


def _compare(proof: Proof, before: traces.Traces) -> None:
    left = traces.left(before, traces.look())
    # loop devices are the whole machine's; those of others are named by other paths
    left["loops"] = [line for line in left.get("loops", []) if f" {DEMO}/" in line]
    left = {kind: lines for kind, lines in left.items() if lines}
    proof.left[f"down {len(proof.left) + 1}"] = left
    proof.check(not left, f"bin/demo --down left: {json.dumps(left)}")


def _ports_taken(proof: Proof) -> None:
    with _listening(8080), _listening(25555):
        _demo(proof, "warm")


@contextlib.contextmanager
def _listening(port: int) -> Generator[None]:
    """Take a port of 127.0.0.1, unless another program of the machine has it already."""
    with socket.socket() as taken:
        with contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", port))
            taken.listen()
        yield


def _interrupted(proof: Proof) -> None:
    """Ctrl-C at several places; the next run goes on from there, though the task may have gone on by itself."""
    for place in ("starting it ...", "| Creating missing vms", "starting jobs"):
        run("bin/demo --down")
        ran = run(FIRST, until=place)
        proof.check(ran.status == 130, f"interrupted at {place!r}: status {ran.status}, 130 wanted")
        proof.check("Traceback" not in ran.words, f"interrupted at {place!r}: a traceback")
        _demo(proof, f"after Ctrl-C at {place.strip(' .|')}")


def _another_checkout(proof: Proof) -> None:
    """A second checkout takes the running demo over."""
    run(f"rm -rf /root/other && cp -a {TREE} /root/other")
    _demo(proof, "another checkout", f"/root/other/{FIRST}")
    _demo(proof, "the first checkout again")


def _lab_lost(proof: Proof) -> None:
    """As after a power cut: the lab with all VMs and the director are gone, the files are there."""
    ran = run(f".venv/bin/python -m lab down --dir {DEMO}/lab")
    proof.check(ran.status == 0, f"lab down ended with status {ran.status}")
    _demo(proof, "after a lost lab")
